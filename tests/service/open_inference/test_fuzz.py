"""Requests of the Open Inference Protocol that are nearly right: read or refused, nothing else."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from service.errors import ApiError
from service.open_inference.codec import Inference, read_inference, write_answer
from tests.support.manifests import ADDER

LIMIT = 4

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
NUMBERS = st.lists(st.floats(allow_nan=False) | st.integers(), max_size=6)
SHAPES = st.lists(st.integers(-2, 5) | st.integers(), max_size=3)
FLAGS = st.sampled_from(["binary_data", "binary_data_output", "binary_data_size", "x"])
PARAMETERS = JSON | st.dictionaries(FLAGS, st.booleans() | st.integers(-1, 20) | JSON, max_size=2)


def mostly(usual: st.SearchStrategy[Any], other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """`usual` nine times of ten, so that what lies behind it is reached."""
    return st.integers(0, 9).flatmap(lambda n: other if n == 9 else usual)


@st.composite
def tensors(draw: st.DrawFn, name: str, shape: list[int]) -> tuple[Any, bytes]:
    """A tensor that is right but for what is not, and its bytes behind the JSON."""
    count = math.prod(shape)
    tensor = {
        "name": draw(mostly(st.just(name), st.sampled_from(["rows", "total", "x"]) | JSON)),
        "shape": draw(mostly(st.just(shape), SHAPES | JSON)),
        "datatype": draw(mostly(st.just("FP32"), st.sampled_from(["FP64", "fp32"]) | JSON)),
    }
    fraction = st.floats(0, 1, width=32)
    numbers = draw(st.lists(mostly(fraction, st.floats(width=32)), min_size=count, max_size=count))
    values = np.array(numbers, np.float32).reshape(shape)
    if draw(st.booleans()):
        size = draw(mostly(st.just(values.nbytes), st.integers() | JSON))
        return {**tensor, "parameters": {"binary_data_size": size}}, values.tobytes()
    written = st.sampled_from([values.tolist(), values.ravel().tolist()])
    tensor["data"] = draw(mostly(written, NUMBERS | st.lists(NUMBERS, max_size=3) | JSON))
    return {**tensor, "parameters": draw(mostly(st.just({}), PARAMETERS))}, b""


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, str | None]:
    """A body and its header."""
    batch = draw(st.integers(1, LIMIT + 1))
    rows, total = draw(tensors("rows", [batch, 2])), draw(tensors("total", [batch]))
    sent = draw(mostly(st.permutations([rows, total]), st.sampled_from([[rows], [rows] * 2, []])))
    output = st.fixed_dictionaries(
        {"name": mostly(st.sampled_from(["sum", "next_total"]), st.just("x"))},
        optional={"parameters": PARAMETERS},
    )
    document: dict[str, Any] = {
        "inputs": draw(mostly(st.just([tensor for tensor, _ in sent]), JSON)),
        "outputs": draw(mostly(st.lists(output, max_size=2), JSON)),
        "id": draw(mostly(st.text(max_size=5), JSON)),
        "parameters": draw(mostly(st.just(None), PARAMETERS)),
    }
    text = json.dumps(document).encode()
    header = draw(mostly(st.just(str(len(text))), st.integers(-2, 2).map(str) | st.none()))
    return text + b"".join(behind for _, behind in sent), header


def read_or_refuse(body: bytes, header_length: str | None) -> bool:
    """Whether it was read; what was read is as the manifest says."""
    try:
        asked = read_inference(body, header_length, ADDER, LIMIT)
    except ApiError as error:
        assert str(error).isprintable()  # noqa: PT017
        return False
    [batch] = asked.inputs["total"].shape
    assert 1 <= batch <= LIMIT
    assert asked.inputs["rows"].shape == (batch, 2)
    assert ((asked.inputs["rows"] >= 0) & (asked.inputs["rows"] <= 1)).all()
    assert all(values.dtype == np.float32 for values in asked.inputs.values())
    check_answer(asked)
    return True


def check_answer(asked: Inference) -> None:
    """The outputs asked for, in order, each in JSON or as bytes behind it, as it was asked."""
    values = np.array([[1.5, np.nan]], np.float32)
    answer = write_answer("m", asked, dict.fromkeys(("sum", "next_total"), values))
    text = answer.body[: answer.json_bytes]
    document = json.loads(text)
    assert [output["name"] for output in document["outputs"]] == list(asked.outputs)
    assert document.get("id") == asked.id
    in_json = [output["data"] for output in document["outputs"] if "data" in output]
    assert in_json == [[1.5, None]] * list(asked.outputs.values()).count(False)
    as_bytes = list(asked.outputs.values()).count(True)
    assert answer.body[len(text) :] == values.tobytes() * as_bytes


@settings(max_examples=600, deadline=None)
@given(requests())
def test_any_request_is_read_or_refused(request_: tuple[bytes, str | None]) -> None:
    event("read" if read_or_refuse(*request_) else "refused")


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_json_is_refused(document: object) -> None:
    assert not read_or_refuse(json.dumps(document).encode(), None)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=10) | st.integers(0, 200).map(str) | st.none())
def test_any_bytes_are_read_or_refused(body: bytes, header_length: str | None) -> None:
    read_or_refuse(body, header_length)


@settings(max_examples=400, deadline=None)
@given(requests(), st.data())
def test_a_damaged_request_is_read_or_refused(
    request_: tuple[bytes, str | None], data: st.DataObject
) -> None:
    body, header = request_
    for _ in range(data.draw(st.integers(1, 3))):
        first = data.draw(st.integers(0, len(body)))
        last = data.draw(st.integers(first, min(len(body), first + 8)))
        body = body[:first] + data.draw(st.binary(max_size=4) | st.just(body[:40])) + body[last:]
    event("read" if read_or_refuse(body, header) else "refused")


HUGE = "9" * 5000  # digits, which Python does not even print


@pytest.mark.parametrize(
    "change",
    [("[1, 2]", f"[{HUGE}, 2]"), ("[1, 2]", f"[{'1,' * 100_000}1]"), ("[0, 1]", f"[0, {HUGE}]"),
     ("[0, 1]", "[" * 100_000 + "]" * 100_000), ("[0, 1]", "[" * 100_000), ("[0, 1]", "[1e400, 0]"),
     ("{}", f'{{"binary_data_size": {HUGE}}}'), ("{}", '{"binary_data_size": 1e400}'),
     ("{}", "[" * 100_000 + "]" * 100_000)],
    ids=lambda change: f"{change[1][:12]} of {len(change[1])}",
)  # fmt: skip
def test_what_is_absurdly_long_or_deep_is_refused(change: tuple[str, str]) -> None:
    rows = '{"name": "rows", "shape": [1, 2], "datatype": "FP32", "data": [0, 1], "parameters": {}}'
    total = '{"name": "total", "shape": [1], "datatype": "FP32", "data": [2]}'
    body = f'{{"inputs": [{rows}, {total}]}}'
    assert read_or_refuse(body.encode(), None)
    assert not read_or_refuse(body.replace(*change).encode(), None)
