"""Sequences: JSON into one array, and a clear answer that names the offending index."""

import json
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from service.errors import (
    ApiError,
    BatchTooLargeError,
    EmptyBatchError,
    InvalidJsonError,
    MissingFieldError,
    NotFiniteError,
    OutOfRangeError,
    UnexpectedFieldError,
    UnsupportedMediaTypeError,
    WrongShapeError,
    WrongTypeError,
)
from service.uploads.sequences import check_media_type, read_query, read_sequences

LIMIT = 4


def body(sequences: object, **others: object) -> bytes:
    return json.dumps({"sequences": sequences, **others}).encode()


def zeros(*shape: int) -> list[Any]:
    values: list[Any] = np.zeros(shape).tolist()
    return values


def with_value(value: float) -> list[Any]:
    values = np.zeros((2, 28, 28))
    values[1, 2, 3] = value
    return values.tolist()


def test_float32_survives_json_exactly() -> None:
    values = np.random.default_rng(0).random((4, 28, 28), np.float32)
    rows, model = read_sequences(body(values.tolist()), LIMIT)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, values)
    assert model is None


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        (b"[" * 10**6, InvalidJsonError, "holds 1000000 lists, at most 928 are read"),
        (b'{"":' * 10**6, InvalidJsonError, "holds 1000000 fields, at most 10000 are read"),
        (b'{"sequences":[' + b"[]," * 5_000 + b"[]]}", InvalidJsonError, "holds 5002 lists"),
        (b'{"sequences":[' + b"[]," * 10**6 + b"]}", BatchTooLargeError, "more than 6272 numbers"),
        (b'{"sequences":[[[' + b"1," * 10**6 + b"1]]]}", BatchTooLargeError, "at most 4 sequences"),
    ],
)
def test_a_body_of_far_too_many_values_is_refused_before_it_is_read(
    document: bytes, error: type[ApiError], message: str
) -> None:
    start = time.process_time()
    with pytest.raises(error, match=message):
        read_sequences(document, LIMIT)
    assert time.process_time() - start < 0.02


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("at `$" * 10**6 + "\n", "at `$at `$"),
        ("Expected `" * 10**6, "Expected `Expected `"),
        ("missing required field `x`", "missing required field `x`"),
        ("a`b", "a`b"),
    ],
)
def test_an_unknown_field_of_any_name_is_named_at_once(name: str, shown: str) -> None:
    with pytest.raises(UnexpectedFieldError) as caught:
        read_sequences(body(zeros(1, 28, 28), **{name: 1}), LIMIT)
    assert f"the body holds '{shown}" in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("model", [None, "gru", ""])
def test_the_model_s_name(model: str | None) -> None:
    assert read_sequences(body(zeros(1, 28, 28), model=model), LIMIT)[1] == model


@pytest.mark.parametrize(
    ("query", "model"), [("", None), ("model=gru", "gru"), ("model=", None), ('model="rnn"', "rnn")]
)
def test_the_query_may_name_the_model_too(query: str, model: str | None) -> None:
    asked = read_query(QueryParams(query))
    assert asked == model
    for unnamed in (body(zeros(1, 28, 28)), body(zeros(1, 28, 28), model=None)):
        assert read_sequences(unnamed, LIMIT, asked)[1] == model


@pytest.mark.parametrize("name", ["gru", "rnn"])
def test_a_model_is_named_once(name: str) -> None:
    with pytest.raises(
        UnexpectedFieldError, match=f"asks for model 'gru' and the body for '{name}'"
    ):
        read_sequences(body(zeros(1, 28, 28), model=name), LIMIT, "gru")
    with pytest.raises(UnexpectedFieldError, match="'model' must be one text; give it once"):
        read_query(QueryParams("model=gru&model=rnn"))


@pytest.mark.parametrize("name", ["preview", "sequences", "Model"])
def test_what_the_query_cannot_ask_for_is_named(name: str) -> None:
    with pytest.raises(UnexpectedFieldError, match=f"holds '{name}', expected 'model', or nothing"):
        read_query(QueryParams({name: "true"}))


def test_whole_numbers_and_both_ends_are_in_range() -> None:
    rows, _ = read_sequences(body([[[0] * 14 + [1] * 14] * 28]), LIMIT)
    assert set(rows.ravel().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        (zeros(28, 28), r"sequences\[0\]\[0\] is of type float, expected array"),
        (zeros(1, 1, 28, 28), r"sequences\[0\]\[0\]\[0\] is of type array, expected float"),
        (0.5, "sequences is of type float, expected array"),
        (zeros(2, 27, 28), r"sequences\[0\] has 27 rows"),
        ([*zeros(1, 28, 28), *zeros(1, 28, 29)], r"sequences\[1\]\[0\] has 29 numbers"),
        ([[*zeros(28, 28)[:-1], [0.0] * 5]], r"sequences\[0\]\[27\] has 5 numbers"),
        ([[]], r"sequences\[0\] has 0 rows"),
    ],
)
def test_another_shape_names_where_and_what(sequences: object, message: str) -> None:
    with pytest.raises(WrongShapeError, match=f"{message}.*expected n x 28 x 28 numbers"):
        read_sequences(body(sequences), LIMIT)


@pytest.mark.parametrize("value", ["1", None, True, {}])
def test_what_is_no_number_names_where(value: object) -> None:
    sequences = zeros(1, 28, 28)
    sequences[0][3][4] = value
    with pytest.raises(WrongTypeError, match=r"sequences\[0\]\[3\]\[4\] is of type"):
        read_sequences(body(sequences), LIMIT)


@pytest.mark.parametrize(
    "document", [b"[]", b"3", b'"x"', b"null", b'{"sequences": [], "model": 3}']
)
def test_another_document_is_of_the_wrong_type(document: bytes) -> None:
    with pytest.raises(WrongTypeError, match=r'expected \{"sequences"'):
        read_sequences(document, LIMIT)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinity_as_python_writes_them(value: float) -> None:
    with pytest.raises(NotFiniteError, match=r"NaN|Infinity"):
        read_sequences(body(with_value(value)), LIMIT)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400])
def test_a_number_too_large_is_not_finite(number: str) -> None:
    text = body(with_value(0.25)).replace(b"0.25", number.encode())
    with pytest.raises(NotFiniteError, match=r"sequences\[1\]\[2\]\[3\] is too large"):
        read_sequences(text, LIMIT)


@pytest.mark.parametrize("value", [255, -0.001, 1.001, 1e300])
def test_out_of_range_names_index_value_and_remedy(value: float) -> None:
    with pytest.raises(OutOfRangeError, match=r"sequences\[1\]\[2\]\[3\] is .*divide .* by 255"):
        read_sequences(body(with_value(value)), LIMIT)


def test_no_sequences_and_too_many() -> None:
    with pytest.raises(EmptyBatchError, match="n at least 1"):
        read_sequences(body([]), LIMIT)
    with pytest.raises(BatchTooLargeError, match="5 sequences, at most 4"):
        read_sequences(body(zeros(5, 28, 28)), LIMIT)


def test_fields_missing_and_unexpected() -> None:
    with pytest.raises(MissingFieldError, match="lacks 'sequences'"):
        read_sequences(b"{}", LIMIT)
    with pytest.raises(UnexpectedFieldError, match="holds 'sequence'"):
        read_sequences(b'{"sequence": []}', LIMIT)


@pytest.mark.parametrize(
    "document",
    [b"", b"{", b"sequences=1", b'{"sequences": [[[1,]]]}', b"\xff\xfe", b'{"model": "\xff"}',
     b'{"sequences": []} x', b"\xef\xbb{}", b'{"model": "\\ud800"}'],
)  # fmt: skip
def test_what_is_no_json(document: bytes) -> None:
    with pytest.raises((InvalidJsonError, UnexpectedFieldError), match="body"):
        read_sequences(document, LIMIT)


@pytest.mark.parametrize("content_type", ["application/json", "application/JSON; charset=utf-8"])
def test_json_may_call_itself_json(content_type: str) -> None:
    check_media_type(content_type)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_anything_else_is_refused_with_the_right_type(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError, match="expected application/json"):
        check_media_type(content_type)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(JSON | st.fixed_dictionaries({"sequences": JSON}, optional={"model": JSON}))
def test_any_json_is_read_or_refused(document: object) -> None:
    with pytest.raises(ApiError):  # none of them is 28 x 28
        read_sequences(json.dumps(document).encode(), LIMIT)
