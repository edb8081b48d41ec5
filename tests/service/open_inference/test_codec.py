"""Requests of the Open Inference Protocol: read or refused, never anything else."""

import dataclasses
import json
import time
from typing import Any

import msgspec
import numpy as np
import pytest

from models.manifest import Manifest, Tensor
from service.errors import (
    ApiError,
    BatchTooLargeError,
    EmptyBatchError,
    InvalidJsonError,
    MalformedRequestError,
    MissingFieldError,
    NotFiniteError,
    UnexpectedFieldError,
    UnknownTensorError,
    UnsupportedMediaTypeError,
    WrongShapeError,
    WrongTypeError,
)
from service.open_inference.codec import Inference, check_media_type, read_inference, write_answer
from tests.support.manifests import ADDER

ROWS = {"name": "rows", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.5]}
TOTAL = {"name": "total", "shape": [1], "datatype": "FP32", "data": [3]}
BODY: dict[str, Any] = {"inputs": [ROWS, TOTAL]}
LIMIT = 4


def read(body: object, header_length: str | None = None, behind: bytes = b"") -> Inference:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_inference(text + behind, header_length, ADDER, LIMIT)


def test_inputs_by_name_and_all_outputs_in_json() -> None:
    asked = read(BODY)
    np.testing.assert_array_equal(asked.inputs["rows"], np.array([[0.25, 0.5]], np.float32))
    np.testing.assert_array_equal(asked.inputs["total"], np.array([3], np.float32))
    assert list(asked.outputs.items()) == [("sum", False), ("next_total", False)]
    assert asked.id is None


def test_id_null_and_fields_that_others_add_are_let_pass() -> None:
    asked = read({**BODY, "id": "a7", "outputs": None, "parameters": None, "model_name": "x"})
    assert asked.id == "a7"
    assert list(asked.outputs) == ["sum", "next_total"]
    assert read({**BODY, "id": None, "outputs": [], "parameters": {"priority": 1}}).id is None


@pytest.mark.parametrize(
    ("asked", "outputs"),
    [
        ({"parameters": {"binary_data_output": True}}, {"sum": True, "next_total": True}),
        ({"outputs": [{"name": "next_total"}]}, {"next_total": False}),
        ({"outputs": [{"name": "sum", "parameters": {"binary_data": True}}]}, {"sum": True}),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [
                    {"name": "next_total", "parameters": {"binary_data": False}},
                    {"name": "sum"},
                ],
            },
            {"next_total": False, "sum": True},
        ),
    ],
)
def test_which_outputs_and_in_which_form(asked: dict[str, Any], outputs: dict[str, bool]) -> None:
    assert list(read({**BODY, **asked}).outputs.items()) == list(outputs.items())


def test_bytes_lie_behind_as_much_json_as_the_header_says() -> None:
    size = {"parameters": {"binary_data_size": 8}}
    rows = {key: value for key, value in ROWS.items() if key != "data"} | size
    text = json.dumps({"inputs": [rows, TOTAL]}).encode()
    values = np.array([[0, 1]], np.float32)
    asked = read(text, str(len(text)), values.tobytes())
    np.testing.assert_array_equal(asked.inputs["rows"], values)
    for lie in (len(text) + 1, len(text) - 1, 0):
        with pytest.raises(ApiError):
            read(text, str(lie), values.tobytes())


def described(*inputs: Tensor) -> Manifest:
    return dataclasses.replace(ADDER, inputs=inputs)


ONE_INPUT = described(Tensor(name="rows", dtype="float32", dims=("batch", 2), range=(0, 1)))


@pytest.mark.parametrize(
    ("dims", "shape"), [(("batch", 2), (3, 2)), ((2, "n"), (2, 3)), ((3, 2), (3, 2)), ((6,), (6,))]
)
def test_a_header_of_0_makes_the_whole_body_the_one_input(
    dims: tuple[int | str, ...], shape: tuple[int, ...]
) -> None:
    values = np.linspace(0, 1, 6, dtype=np.float32).reshape(shape)
    manifest = described(Tensor(name="rows", dtype="float32", dims=dims))
    asked = read_inference(values.tobytes(), "0", manifest, LIMIT)
    np.testing.assert_array_equal(asked.inputs["rows"], values)
    assert asked.outputs == {"sum": True, "next_total": True}


@pytest.mark.parametrize(
    ("manifest", "floats", "error", "message"),
    [
        (ONE_INPUT, 3, WrongShapeError, r"12 bytes, .* multiple of 8: 4 .* rows \[batch, 2"),
        (ONE_INPUT, 0, EmptyBatchError, "batch at least 1"),
        (ONE_INPUT, 10, BatchTooLargeError, "at most 4"),
        (described(Tensor(name="x", dtype="float32", dims=(3,))), 6, WrongShapeError, r"\[6\]|3"),
        (ADDER, 2, MissingFieldError, r"needs a model of one input .* rows .batch, 2., total"),
        (
            described(Tensor(name="x", dtype="float32", dims=("batch", "steps"))),
            4, MissingFieldError, "at most one free axis.*send JSON before the bytes",
        ),
    ],
)  # fmt: skip
def test_a_raw_body_of_no_known_shape_is_told_so(
    manifest: Manifest, floats: int, error: type[ApiError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_inference(bytes(4 * floats), "0", manifest, LIMIT)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read(b"\xef\xbb\xbf" + json.dumps(BODY).encode()).inputs.keys() == {"rows", "total"}


@pytest.mark.parametrize(
    "extra",
    [
        {"parameters": {"priority": [1] * 10**6}},
        {"outputs": [{"name": "sum", "parameters": {"x": [1] * 10**6}}]},
        {"x": [[1]] * 30_000},
    ],
    ids=lambda extra: str(extra)[:40],
)
def test_fields_that_others_add_cost_next_to_nothing(extra: dict[str, Any]) -> None:
    text = json.dumps({**BODY, **extra}).encode()
    start = time.process_time()
    read(text)
    assert time.process_time() - start < 0.02


@pytest.mark.parametrize(
    "length", ["-1", "1.5", "", "x", " 7", "0x10", "\u0663", "99999", "9" * 30, "9" * 5000]
)
def test_a_header_that_is_no_length_is_refused(length: str) -> None:
    with pytest.raises(MalformedRequestError, match="Inference-Header-Content-Length is"):
        read(BODY, length)


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (b"", InvalidJsonError, "0 bytes"),
        (b"{", InvalidJsonError, "not JSON"),
        (b"\xff", InvalidJsonError, "not JSON"),
        (b'{"x":' + b"[" * 10**6, InvalidJsonError, "nested too deeply"),
        (b'{"x":[' + b'{"":0},' * 10**5 + b"0]}", InvalidJsonError, "holds 100001 fields, at most"),
        (b'{"inputs":[' + b"0," * 10**6 + b"0]}", WrongTypeError, "holds a value of another type"),
        (b'{"inputs":[],"id":"a","id":7,"id":"b"}', UnexpectedFieldError, "holds a field twice"),
        (b'{"inputs": [{"data": [NaN]}]}', NotFiniteError, "holds NaN"),
        (b"[]", WrongTypeError, 'expected {"inputs"'),
        ({}, MissingFieldError, "the body lacks 'inputs'"),
        ({"inputs": [{}]}, MissingFieldError, r"inputs\[0\] lacks 'name'"),
        ({"inputs": []}, MissingFieldError, "lacks 'rows', 'total'"),
        ({"inputs": {}}, WrongTypeError, "inputs is of type object, expected array"),
        ({**BODY, "id": 7}, WrongTypeError, "id is of type int, expected str"),
        ({**BODY, "parameters": []}, WrongTypeError, "parameters is of type array"),
        (
            {"inputs": [{**ROWS, "shape": [1, 2.5]}, TOTAL]},
            WrongTypeError,
            r"inputs\[0\]\.shape\[1\] is of type float",
        ),
        ({**BODY, "outputs": [{"name": "x"}]}, UnknownTensorError, "no output 'x', .*: sum, next"),
        ({**BODY, "outputs": [{"name": "sum"}] * 2}, UnexpectedFieldError, "'sum' is named twice"),
        (
            {**BODY, "outputs": [{"name": "sum", "parameters": {"classification": 2}}]},
            UnexpectedFieldError,
            "parameter 'classification'",
        ),
        (
            {**BODY, "outputs": [{"name": "sum", "parameters": {"shared_memory_region": "r"}}]},
            UnexpectedFieldError,
            "'shared_memory_region'",
        ),
        (
            {**BODY, "outputs": [{"name": "sum", "parameters": {"binary_data": 1}}]},
            WrongTypeError,
            r"outputs\[0\]\.parameters\.binary_data is of type int, expected bool",
        ),
        (
            {**BODY, "parameters": {"binary_data_output": None}},
            WrongTypeError,
            r"parameters\.binary_data_output is of type null, expected bool",
        ),
    ],
)  # fmt: skip
def test_another_request_is_refused(body: object, error: type[ApiError], message: str) -> None:
    with pytest.raises(error, match=message):
        read(body)


@pytest.mark.parametrize(
    "content_type", ["", "application/json; charset=utf-8", "Application/Octet-Stream"]
)
def test_json_and_bytes_are_read_and_what_has_no_type(content_type: str) -> None:
    check_media_type(content_type)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_another_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError, match="expected application/json"):
        check_media_type(content_type)


VALUES = {"sum": np.array([1.5, 2]), "next_total": np.array([[np.nan], [np.inf]])}


def answer(outputs: dict[str, bool], id_: str | None = None) -> tuple[Any, bytes, dict[str, str]]:
    """The JSON, what follows it, and the headers."""
    values = {name: value.astype(np.float32) for name, value in VALUES.items()}
    written = write_answer("adder", Inference({}, outputs, id_), values)
    split = len(written.body) if written.json_bytes is None else written.json_bytes
    return json.loads(written.body[:split]), written.body[split:], written.headers


def test_an_answer_in_json() -> None:
    document, behind, headers = answer({"sum": False, "next_total": False}, "a7")
    assert document == {
        "model_name": "adder",
        "model_version": "1",
        "id": "a7",
        "outputs": [
            {"name": "sum", "datatype": "FP32", "shape": [2], "data": [1.5, 2]},
            {"name": "next_total", "datatype": "FP32", "shape": [2, 1], "data": [None, None]},
        ],
    }
    assert behind == b""
    assert headers == {"content-type": "application/json"}


def test_an_answer_with_bytes_behind_the_json() -> None:
    document, behind, headers = answer({"next_total": True, "sum": True})
    assert "id" not in document
    assert [output["parameters"] for output in document["outputs"]] == [{"binary_data_size": 8}] * 2
    assert not any("data" in output for output in document["outputs"])
    expected = np.array([np.nan, np.inf, 1.5, 2], "<f4")
    np.testing.assert_array_equal(np.frombuffer(behind, "<f4"), expected)
    assert headers["content-type"] == "application/octet-stream"
    assert int(headers["Inference-Header-Content-Length"]) == len(msgspec.json.encode(document))
