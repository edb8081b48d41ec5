"""Read sequences from JSON: n x 28 x 28 numbers in [0, 1], into one float32 array."""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.datastructures import QueryParams

from models.arrays import Floats
from service.errors import (
    BatchTooLargeError,
    EmptyBatchError,
    UnexpectedFieldError,
    UnsupportedMediaTypeError,
    WrongShapeError,
    quote,
)
from service.images.read_image import SIDE
from service.uploads.json_body import count, decode
from service.uploads.number_ranges import check_range
from service.uploads.options import MODEL, check_query, option

MEDIA_TYPE = "application/json"

# Bytes of a body beyond which its sequences are read one by one, so that few of its numbers are
# Python objects at a time: 4 MB take less than half as long so. Smaller bodies would be read a
# fifth more slowly.
_ONE_BY_ONE_BYTES = 2 * 1024 * 1024

_EXPECTED_BODY = 'expected {"sequences": [...]} and, if wanted, "model"'
_EXPECTED = f"expected n x {SIDE} x {SIDE} numbers"

Rows = list[list[float]]


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON body, its shape and range still unchecked."""

    sequences: list[Rows]
    model: str | None = None


class _LongBody(msgspec.Struct, forbid_unknown_fields=True):
    """The same, each sequence still JSON."""

    sequences: list[msgspec.Raw]
    model: str | None = None


_BODY = msgspec.json.Decoder(_Body)
_LONG_BODY = msgspec.json.Decoder(_LongBody)
_ROWS = msgspec.json.Decoder(Rows)


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


def read_query(query: QueryParams) -> str | None:
    """The model that the query string asks for, if any.

    Raises:
        UnexpectedFieldError: it holds something else, or several.

    """
    check_query(query, (MODEL,))
    return option(MODEL, query.getlist(MODEL))


def read_sequences(
    data: bytes, max_batch: int, model: str | None = None
) -> tuple[Floats, str | None]:
    """The sequences as float32 (n, 28, 28) in [0, 1], and the model asked for, if any.

    Args:
        data: the body.
        max_batch: how many sequences there may be.
        model: the one that the query asks for, if any; the body then names none.

    Raises:
        InvalidJsonError: `data` is not JSON, or holds absurdly many lists or objects.
        MissingFieldError, UnexpectedFieldError, WrongTypeError: it is another JSON, or names a
            second model.
        EmptyBatchError, BatchTooLargeError: it holds no sequence, or more than `max_batch`.
        WrongShapeError, NotFiniteError, OutOfRangeError: naming the first offending index.

    """
    _check_size(data, max_batch)
    body = _decode(data, max_batch)
    if model and body.model:
        raise UnexpectedFieldError(
            f"the query asks for {MODEL} {quote(model)} and the body for {quote(body.model)}; name "
            "it once, or not at all"
        )
    _check_length(body, max_batch)
    values = _read(body)
    check_range(values, "sequences", (0, 1), "divide 8-bit pixels by 255")
    return values.astype(np.float32), model or body.model


def _check_size(data: bytes, max_batch: int) -> None:
    """Refuse what holds more than twice as many numbers as it may, before any time goes into it.

    Up to twice as many are read, so that the message can tell how many sequences there are.
    """
    most = 2 * max_batch * SIDE * SIDE
    if len(data) > most and count(data, b",") > most:
        raise BatchTooLargeError(
            f"the body holds more than {most} numbers, at most {max_batch} sequences of {SIDE} x "
            f"{SIDE} are allowed; send several requests"
        )


def _decode(data: bytes, max_batch: int) -> _Body | _LongBody:
    # Eight times as many lists as there may be are read, so that a message can tell where there is
    # one axis too many.
    most = 8 * max_batch * (SIDE + 1)
    if len(data) <= _ONE_BY_ONE_BYTES:
        return decode(_BODY, data, _EXPECTED_BODY, shape=_EXPECTED, max_lists=most)
    return decode(_LONG_BODY, data, _EXPECTED_BODY, shape=_EXPECTED, max_lists=most)


def _check_length(body: _Body | _LongBody, max_batch: int) -> None:
    if not body.sequences:
        raise EmptyBatchError(f"sequences is empty; {_EXPECTED}, n at least 1")
    if len(body.sequences) > max_batch:
        raise BatchTooLargeError(
            f"the body holds {len(body.sequences)} sequences, at most {max_batch} are allowed; "
            "send several requests"
        )


def _read(body: _Body | _LongBody) -> NDArray[np.float64]:
    """The numbers, (n, 28, 28)."""
    values = np.empty((len(body.sequences), SIDE, SIDE))
    for i, rows in enumerate(body.sequences if isinstance(body, _Body) else _read_one_by_one(body)):
        _check_shape(rows, f"sequences[{i}]")
        values[i] = rows
    return values


def _read_one_by_one(body: _LongBody) -> Iterator[Rows]:
    most = 2 * SIDE * SIDE
    for i, text in enumerate(body.sequences):
        place = f"sequences[{i}]"
        if count(text, b",") > most:
            raise WrongShapeError(f"{place} holds more than {most} numbers, {_EXPECTED}")
        yield decode(_ROWS, memoryview(text), _EXPECTED_BODY, place=place, shape=_EXPECTED)


def _check_shape(rows: Rows, place: str) -> None:
    if len(rows) != SIDE:
        raise WrongShapeError(f"{place} has {len(rows)} rows, {_EXPECTED}")
    for j, row in enumerate(rows):
        if len(row) != SIDE:
            raise WrongShapeError(f"{place}[{j}] has {len(row)} numbers, {_EXPECTED}")
