"""Read sequences from JSON: n x 28 x 28 numbers in [0, 1], into one float32 array."""

import json
import re
from typing import NoReturn

import msgspec
import numpy as np
from numpy.typing import NDArray

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
    quote,
)
from service.preprocess import SIDE

MEDIA_TYPE = "application/json"

_EXPECTED_BODY = 'expected {"sequences": [...]} and, if wanted, "model"'
_MISMATCH = re.compile(r"Expected `(.+?)`, got `(.+?)`")
_PATH = re.compile(r"at `\$\.?(.*)`$")
_UNKNOWN = re.compile(r"unknown field `(.*?)`")
_EXPECTED = f"expected n x {SIDE} x {SIDE} numbers"


class SequencesBody(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON body, its shape and range still unchecked."""

    sequences: list[list[list[float]]]
    model: str | None = None


_DECODER = msgspec.json.Decoder(SequencesBody)


def check_media_type(content_type: str) -> None:
    """Refuse a body that does not call itself JSON.

    Raises:
        UnsupportedMediaTypeError: naming what it calls itself.

    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise UnsupportedMediaTypeError(
            f"Content-Type is {quote(media_type)}, expected {MEDIA_TYPE}; "
            f"with curl, add `-H 'Content-Type: {MEDIA_TYPE}'`"
        )


def read_sequences(data: bytes, max_batch: int) -> tuple[NDArray[np.float32], str | None]:
    """The sequences as float32 (n, 28, 28) in [0, 1], and the model asked for, if any.

    Raises:
        InvalidJsonError: `data` is not JSON.
        MissingFieldError, UnexpectedFieldError, WrongTypeError: it is another JSON.
        EmptyBatchError, BatchTooLargeError: it holds no sequence, or more than `max_batch`.
        WrongShapeError, NotFiniteError, OutOfRangeError: naming the first offending index.

    """
    body = _decode(data)
    _check_shape(body.sequences, max_batch)
    values = np.array(body.sequences, dtype=np.float64)  # (n, 28, 28)
    _check_range(values)
    return values.astype(np.float32), body.model


def _decode(data: bytes) -> SequencesBody:
    try:
        return _DECODER.decode(data)
    except msgspec.ValidationError as error:
        raise _translate(str(error)) from error
    except ValueError as error:  # not JSON, or not UTF-8
        _refuse_non_finite(data)
        raise InvalidJsonError(
            f"the body ({len(data)} bytes) is not JSON: {error}; {_EXPECTED_BODY}"
        ) from error


def _translate(message: str) -> ApiError:
    """What msgspec says of JSON that is not as declared, in our words and sorted into our codes."""
    where = _PATH.search(message)
    place = where[1] if where and where[1] else "the body"
    if "missing required field" in message:
        return MissingFieldError(f"the body lacks 'sequences'; {_EXPECTED}")
    if unknown := _UNKNOWN.search(message):
        return UnexpectedFieldError(f"the body holds {unknown[1]!r}, {_EXPECTED_BODY}")
    if mismatch := _MISMATCH.search(message):
        expected, found = mismatch.groups()
        wrong = f"{place} is of type {found}, expected {expected}"
        if "array" in (expected, found) and place.startswith("sequences"):
            return WrongShapeError(f"{wrong}; {_EXPECTED}")
        return WrongTypeError(f"{wrong}; {_EXPECTED_BODY}")
    return NotFiniteError(f"{place} is too large; every number must be finite and within [0, 1]")


def _refuse_non_finite(data: bytes) -> None:
    """Answer NaN and Infinity by name: Python's own encoder writes them, though JSON has none."""

    def refuse(token: str) -> NoReturn:
        raise NotFiniteError(f"the body holds {token}; every number must be finite, within [0, 1]")

    try:
        json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError):
        return  # broken in another way, which the caller reports


def _check_shape(sequences: list[list[list[float]]], max_batch: int) -> None:
    if not sequences:
        raise EmptyBatchError(f"sequences is empty; {_EXPECTED}, n at least 1")
    if len(sequences) > max_batch:
        raise BatchTooLargeError(
            f"the body holds {len(sequences)} sequences, at most {max_batch} are allowed; "
            "send several requests"
        )
    for i, rows in enumerate(sequences):
        if len(rows) != SIDE:
            raise WrongShapeError(f"sequences[{i}] has {len(rows)} rows, {_EXPECTED}")
        for j, row in enumerate(rows):
            if len(row) != SIDE:
                raise WrongShapeError(f"sequences[{i}][{j}] has {len(row)} numbers, {_EXPECTED}")


def _check_range(values: NDArray[np.float64]) -> None:
    outside = (values < 0) | (values > 1)
    if outside.any():
        i, j, k = np.argwhere(outside)[0]
        raise OutOfRangeError(
            f"sequences[{i}][{j}][{k}] is {values[i, j, k]}, expected numbers in [0, 1]; "
            "divide 8-bit pixels by 255"
        )
