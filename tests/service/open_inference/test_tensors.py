"""Tensors of the Open Inference Protocol: the same array in every writing, or a clear refusal."""

import json
import time
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from models.manifest import Tensor
from service.errors import (
    ApiError,
    BatchTooLargeError,
    EmptyBatchError,
    MalformedRequestError,
    MissingFieldError,
    NotFiniteError,
    OutOfRangeError,
    UnexpectedFieldError,
    UnknownTensorError,
    WrongShapeError,
    WrongTypeError,
)
from service.open_inference.messages import RequestInput
from service.open_inference.tensors import read_tensors
from service.uploads.json_body import decode

INPUTS = msgspec.json.Decoder(list[RequestInput])
LIMIT = 4
ROWS = Tensor(name="rows", dtype="float32", dims=("batch", 2, 3), range=(0, 1))
STATE = Tensor(name="state", dtype="float32", dims=("batch",))
VALUES = np.random.default_rng(0).random((2, 2, 3), np.float32)


def tensor(data: object = None, **changes: Any) -> dict[str, Any]:
    """`rows` of batch 2 as JSON, changed; without data when that is None."""
    sent = {"name": "rows", "shape": [2, 2, 3], "datatype": "FP32", "data": data, **changes}
    return {key: value for key, value in sent.items() if value is not None}


def binary(values: NDArray[np.float32], name: str = "rows", **changes: Any) -> dict[str, Any]:
    """A tensor whose data are the bytes of `values`."""
    parameters = {"binary_data_size": values.nbytes}
    sent = tensor(name=name, shape=list(values.shape), parameters=parameters)
    return {**sent, **changes}


def read(
    *sent: dict[str, Any], declared: tuple[Tensor, ...] = (ROWS,), behind: bytes = b""
) -> dict[str, NDArray[np.float32]]:
    tensors = decode(INPUTS, json.dumps(sent).encode(), "expected inputs", place="inputs")
    return read_tensors(declared, tensors, memoryview(behind), LIMIT)


FLAT = VALUES.ravel().tolist()


@pytest.mark.parametrize("data", [FLAT, VALUES.tolist()], ids=["flat", "nested"])
def test_json_is_read_exactly(data: object) -> None:
    rows = read(tensor(data))["rows"]
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, VALUES)


def test_bytes_are_read_exactly_and_wherever_they_lie() -> None:
    behind = b"xyz" + VALUES.tobytes()
    [sent] = msgspec.json.decode(json.dumps([binary(VALUES)]), type=list[RequestInput])
    rows = read_tensors((ROWS,), [sent], memoryview(behind)[3:], LIMIT)["rows"]
    np.testing.assert_array_equal(rows, VALUES)
    assert rows.flags.aligned
    assert rows.flags.c_contiguous


def test_bytes_where_they_lie_well_are_not_copied() -> None:
    body = np.concatenate([np.zeros(4, np.float32), VALUES.ravel()])
    [sent] = msgspec.json.decode(json.dumps([binary(VALUES)]), type=list[RequestInput])
    rows = read_tensors((ROWS,), [sent], memoryview(body.tobytes())[16:], LIMIT)["rows"]
    assert not rows.flags.owndata
    assert not rows.flags.writeable


def test_binary_tensors_follow_each_other_in_the_order_of_the_request() -> None:
    state = np.array([7, 8], np.float32)
    behind = state.tobytes() + VALUES.tobytes()
    declared = (ROWS, STATE)
    read_ = read(binary(state, "state"), binary(VALUES), declared=declared, behind=behind)
    np.testing.assert_array_equal(read_["rows"], VALUES)
    np.testing.assert_array_equal(read_["state"], state)
    mixed = read(
        tensor([7, 8], name="state", shape=[2]),
        binary(VALUES),
        declared=declared,
        behind=VALUES.tobytes(),
    )
    np.testing.assert_array_equal(mixed["state"], state)


def test_a_tensor_without_axes_is_one_number() -> None:
    scalar = Tensor(name="rows", dtype="float32", dims=())
    assert read(tensor([0.5], shape=[]), declared=(scalar,))["rows"] == np.float32(0.5)
    whole = read(binary(np.array(2, np.float32)), declared=(scalar,), behind=b"\0\0\0\x40")
    assert whole["rows"] == 2


REFUSED: list[tuple[dict[str, Any], type[ApiError], str]] = [
    (tensor(FLAT, datatype="FP64"), WrongTypeError, "datatype 'FP64', expected FP32"),
    (tensor(FLAT, name="cols"), UnknownTensorError, "no input 'cols', expected: rows"),
    (tensor(FLAT, shape=[2, 6]), WrongShapeError, r"shape \[2, 6\], expected \[batch, 2, 3\]"),
    (tensor(FLAT, shape=[2, 3, 2]), WrongShapeError, r"expected \[batch, 2, 3\]"),
    (tensor(FLAT, shape=[-2, 2, 3]), WrongShapeError, r"shape \[-2, 2, 3\]"),
    (tensor(FLAT, shape=[-1, 2, 3]), WrongShapeError, r"shape \[-1, 2, 3\]"),
    (tensor(FLAT, shape=[]), WrongShapeError, r"shape \[\]"),
    (tensor([], shape=[0, 2, 3]), EmptyBatchError, "batch at least 1"),
    (tensor(FLAT, shape=[5, 2, 3]), BatchTooLargeError, "batch may be at most 4"),
    (tensor(FLAT, shape=[2**63, 2, 3]), BatchTooLargeError, "at most 4"),
    (tensor(FLAT, shape=[10**4000, 2, 3]), BatchTooLargeError, "at most 4"),
    (tensor(FLAT[1:]), WrongShapeError, r"shape \[11\], expected the 12 numbers"),
    (tensor([*FLAT, 0.0]), WrongShapeError, r"shape \[13\], expected the 12 numbers"),
    (tensor(VALUES.reshape(2, 6).tolist()), WrongShapeError, "nested 2 deep"),
    (tensor(VALUES.reshape(2, 3, 2).tolist()), WrongShapeError, r"shape \[2, 3, 2\]"),
    (tensor([[[0], [0]], [[0]]]), WrongShapeError, "lists of different lengths"),
    (tensor([0.0, [1.0]]), WrongShapeError, r"inputs\[0\]\.data\[1\] is of type array"),
    (tensor([[[0.0]], 1.0]), WrongShapeError, r"inputs\[0\]\.data\[1\] is of type float"),
    (tensor(["0"] * 12), WrongTypeError, r"inputs\[0\]\.data\[0\] is of type str"),
    (tensor([True] * 12), WrongTypeError, "is of type bool"),
    (tensor("AAAA"), WrongShapeError, "is of type str, expected array"),
    (tensor(0.5), WrongShapeError, "is of type float, expected array"),
    (tensor([*FLAT[1:], 2]), OutOfRangeError, r"rows\[1\]\[1\]\[2\] is 2\.0, .*\[0, 1\]"),
    (tensor([*FLAT[1:], -1e-9]), OutOfRangeError, r"rows\[1\]\[1\]\[2\] is -1e-09"),
    (tensor(), MissingFieldError, "'rows' has no data"),
    (tensor(parameters={"shared_memory_region": "r"}), UnexpectedFieldError, "shared memory"),
    (tensor(parameters={"binary_data_size": 48}), MalformedRequestError, "48 bytes .*0 are left"),
    (tensor(parameters={"binary_data_size": 44}), WrongShapeError, "44, expected 48"),
    (tensor(parameters={"binary_data_size": -48}), WrongShapeError, "-48, expected 48"),
    (tensor(parameters={"binary_data_size": 10**300}), WrongShapeError, "expected 48"),
    (
        tensor(parameters={"binary_data_size": "48"}),
        WrongTypeError,
        "size is of type str, expected int",
    ),
    (
        tensor(parameters={"binary_data_size": True}),
        WrongTypeError,
        "size is of type bool, expected int",
    ),
    (tensor(FLAT, parameters={"binary_data_size": 48}), UnexpectedFieldError, "has both"),
]


@pytest.mark.parametrize(
    ("sent", "error", "message"), REFUSED, ids=[f"{i}-{m}" for i, (_, _, m) in enumerate(REFUSED)]
)
def test_anything_else_is_refused(
    sent: dict[str, Any], error: type[ApiError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(sent)


@pytest.mark.parametrize("data", ["[1e999]", "[-1e999]", f"[1{'0' * 400}]"])
def test_a_number_too_large_for_json_s_readers_is_refused(data: str) -> None:
    text = json.dumps([tensor([0.25])]).replace("[0.25]", data)
    sent = msgspec.json.decode(text, type=list[RequestInput])
    with pytest.raises(NotFiniteError, match=r"inputs\[0\]\.data\[0\] is too large"):
        read_tensors((ROWS,), sent, memoryview(b""), LIMIT)


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        (
            "shape",
            f"[{'1,' * 5_000_000}1]",
            "inputs.0..shape is a text of 10000003 bytes, expected",
        ),
        ("shape", f"[{','.join(['9' * 4000] * 2500)}]", "inputs.0..shape is a text of"),
        ("data", f"[{'0,' * 5_000_000}0]", "inputs.0..data holds more than 24 numbers, expected"),
    ],
    ids=["shape", "digits", "data"],
)
def test_far_too_many_numbers_are_refused_before_they_are_read(
    key: str, text: str, message: str
) -> None:
    whole = json.dumps([tensor(FLAT)]).replace(json.dumps(tensor(FLAT)[key]), text)
    sent = decode(INPUTS, whole.encode(), "expected inputs")
    start = time.process_time()
    with pytest.raises(WrongShapeError, match=message):
        read_tensors((ROWS,), sent, memoryview(b""), LIMIT)
    assert time.process_time() - start < 0.02


@pytest.mark.parametrize("nested", [True, False])
def test_a_tensor_that_is_read_in_parts_is_read_exactly(nested: bool) -> None:
    values = np.random.default_rng(0).random((400, 16, 16))
    declared = Tensor(name="rows", dtype="float32", dims=("batch", 16, 16))
    data = values.tolist() if nested else values.ravel().tolist()
    text = json.dumps([tensor(data, shape=[400, 16, 16])], indent=1).encode()
    assert len(text) > 2 * 2**20
    sent = decode(INPUTS, text, "expected inputs")
    rows = read_tensors((declared,), sent, memoryview(b""), 400)["rows"]
    np.testing.assert_array_equal(rows, values.astype(np.float32))
    start = text.rindex(b"0.")
    broken = text[:start] + b'"x"' + text[text.index(b"\n", start) :]
    sent = decode(INPUTS, broken, "expected inputs")
    place = r"\[399\]\[15\]\[15\]" if nested else r"\[102399\]"
    with pytest.raises(WrongTypeError, match=rf"inputs\[0\]\.data{place} is of type str"):
        read_tensors((declared,), sent, memoryview(b""), 400)


def test_every_input_once() -> None:
    with pytest.raises(UnexpectedFieldError, match="'rows' is named twice"):
        read(tensor(FLAT), tensor(FLAT))
    with pytest.raises(MissingFieldError, match="lacks 'state'; expected rows, state"):
        read(tensor(FLAT), declared=(ROWS, STATE))
    with pytest.raises(MissingFieldError, match="lacks 'rows'"):
        read()


def test_free_axes_of_one_name_are_of_one_length() -> None:
    with pytest.raises(WrongShapeError, match=r"'state' .*batch is 2 in another input"):
        read(tensor(FLAT), tensor([0], name="state", shape=[1]), declared=(ROWS, STATE))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_bytes_that_are_no_numbers_are_refused_where_there_is_a_range(value: float) -> None:
    values = VALUES.copy()
    values[1, 0, 2] = value
    with pytest.raises(NotFiniteError, match=r"rows\[1\]\[0\]\[2\] is -?(nan|inf)"):
        read(binary(values), behind=values.tobytes())


def test_where_there_is_no_range_the_model_gets_what_was_sent() -> None:
    state = np.array([np.nan, -np.inf], np.float32)
    got = read(binary(state, "state"), declared=(STATE,), behind=state.tobytes())["state"]
    np.testing.assert_array_equal(got, state)
    got = read(tensor([1e30, -5], name="state", shape=[2]), declared=(STATE,))["state"]
    np.testing.assert_array_equal(got, np.array([1e30, -5], np.float32))
    with pytest.raises(NotFiniteError, match="too large for FP32"):
        read(tensor([1e300, 0], name="state", shape=[2]), declared=(STATE,))


def test_bytes_left_over_are_refused() -> None:
    with pytest.raises(MalformedRequestError, match="4 bytes follow the last"):
        read(binary(VALUES), behind=VALUES.tobytes() + bytes(4))
    with pytest.raises(MalformedRequestError, match="1 bytes follow"):
        read(tensor(FLAT), behind=b"x")
