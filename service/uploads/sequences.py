"""Read sequences from JSON: n x 28 x 28 numbers in [0, 1], into one float32 array."""

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.datastructures import QueryParams

from service.errors import (
    BatchTooLargeError,
    EmptyBatchError,
    UnexpectedFieldError,
    UnsupportedMediaTypeError,
    WrongShapeError,
    quote,
)
from service.images.reading import SIDE
from service.uploads.json_body import complaint, decode
from service.uploads.options import MODEL, check_query, option
from service.uploads.ranges import check_range

MEDIA_TYPE = "application/json"

_EXPECTED_BODY = 'expected {"sequences": [...]} and, if wanted, "model"'
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


def read_query(query: QueryParams) -> str | None:
    """The model that the query string asks for, if any.

    Raises:
        UnexpectedFieldError: it holds something else, or several.

    """
    check_query(query, (MODEL,))
    return option(MODEL, query.getlist(MODEL))


def read_sequences(
    data: bytes, max_batch: int, model: str | None = None
) -> tuple[NDArray[np.float32], str | None]:
    """The sequences as float32 (n, 28, 28) in [0, 1], and the model asked for, if any.

    Args:
        data: the body.
        max_batch: how many sequences there may be.
        model: the one that the query asks for, if any; the body then names none.

    Raises:
        InvalidJsonError: `data` is not JSON.
        MissingFieldError, UnexpectedFieldError, WrongTypeError: it is another JSON, or names a
            second model.
        EmptyBatchError, BatchTooLargeError: it holds no sequence, or more than `max_batch`.
        WrongShapeError, NotFiniteError, OutOfRangeError: naming the first offending index.

    """
    body = _decode(data)
    if model and body.model:
        raise UnexpectedFieldError(
            f"the query asks for {MODEL} {quote(model)} and the body for {quote(body.model)}; name "
            "it once, or not at all"
        )
    _check_shape(body.sequences, max_batch)
    values = np.array(body.sequences, dtype=np.float64)  # (n, 28, 28)
    check_range(values, "sequences", (0, 1), "divide 8-bit pixels by 255")
    return values.astype(np.float32), model or body.model


def _decode(data: bytes) -> SequencesBody:
    try:
        return decode(_DECODER, data, _EXPECTED_BODY)
    except msgspec.ValidationError as error:
        raise complaint(error, _EXPECTED_BODY, tensor="sequences", shape=_EXPECTED) from error


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
