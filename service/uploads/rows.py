"""Read rows from JSON: k rows of 28 numbers in [0, 1], and the options beside them."""

from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np
from starlette.datastructures import QueryParams

from models.arrays import Floats
from service.errors import (
    BodyTooLargeError,
    EmptyBatchError,
    OutOfRangeError,
    UnexpectedFieldError,
    WrongShapeError,
    WrongTypeError,
    quote,
)
from service.images.read_image import SIDE
from service.uploads.json_body import decode
from service.uploads.number_ranges import check_range
from service.uploads.options import HIDDEN, MODEL, STOP_AT, check_query, flag, option

T = TypeVar("T")

OPTIONS = (MODEL, HIDDEN, STOP_AT)

# Bytes of a body, read in less than half a millisecond; 28 rows of full precision take 16 KiB.
MAX_BYTES = 96 * 1024

_EXPECTED_BODY = 'expected {"rows": [...]} and, if wanted, "model", "hidden" and "stop_at"'
_EXPECTED = f"expected 1 to {SIDE} rows of {SIDE} numbers"


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON body, its shape and range still unchecked."""

    rows: list[list[float]]
    model: str | None = None
    hidden: bool | None = None
    stop_at: float | None = None


_BODY = msgspec.json.Decoder(_Body)


@dataclass(frozen=True)
class RowOptions:
    """How to read row by row: by which model, and whether to tell its state and to end early."""

    model: str | None = None
    hidden: bool = False
    stop_at: float | None = None  # in (0, 1)


def read_options(query: QueryParams, known: tuple[str, ...] = OPTIONS) -> RowOptions:
    """The options in `query`, which may hold `known` ones and no others.

    Raises:
        UnexpectedFieldError, WrongTypeError, OutOfRangeError: naming what is wrong.

    """
    check_query(query, known)
    found = {name: option(name, query.getlist(name)) for name in OPTIONS}
    return RowOptions(found[MODEL], flag(HIDDEN, found[HIDDEN]), read_stop(found[STOP_AT]))


def read_stop(text: str | None) -> float | None:
    """The confidence at which to stop, in (0, 1); None when there is no text.

    Raises:
        WrongTypeError: it is no number.
        OutOfRangeError: it lies outside (0, 1).

    """
    if text is None:
        return None
    try:
        return _check_stop(float(text))
    except ValueError:
        raise WrongTypeError(
            f"{STOP_AT!r} is {quote(text)}, expected a number between 0 and 1, for example 0.99"
        ) from None


def read_rows(data: bytes, query: QueryParams) -> tuple[Floats, RowOptions]:
    """The rows as float32 (k, 28) in [0, 1], k from 1 to 28, and the options.

    Args:
        data: the body.
        query: may hold each option instead of the body.

    Raises:
        BodyTooLargeError: `data` is larger than any such rows are.
        InvalidJsonError: it is not JSON.
        MissingFieldError, UnexpectedFieldError, WrongTypeError: it is another JSON, or an option is
            given twice.
        EmptyBatchError, WrongShapeError, NotFiniteError, OutOfRangeError: naming what is wrong.

    """
    given = read_options(query)
    if len(data) > MAX_BYTES:
        raise BodyTooLargeError(
            f"the JSON has {len(data)} bytes, at most {MAX_BYTES} are read here; {_EXPECTED}"
        )
    body = decode(_BODY, data, _EXPECTED_BODY, shape=_EXPECTED)
    if body.stop_at is not None:
        _check_stop(body.stop_at)
    options = RowOptions(
        _once(MODEL, given.model, body.model),
        bool(_once(HIDDEN, given.hidden or None, body.hidden)),
        _once(STOP_AT, given.stop_at, body.stop_at),
    )
    if not body.rows:
        raise EmptyBatchError(f"rows is empty; {_EXPECTED}")
    if len(body.rows) > SIDE:
        raise WrongShapeError(f"rows has {len(body.rows)} rows, {_EXPECTED}")
    for i, row in enumerate(body.rows):
        if len(row) != SIDE:
            raise WrongShapeError(f"rows[{i}] has {len(row)} numbers, {_EXPECTED}")
    values = np.array(body.rows)
    check_range(values, "rows", (0, 1), "divide 8-bit pixels by 255")
    return values.astype(np.float32), options


def _once(name: str, in_query: T | None, in_body: T | None) -> T | None:
    if in_query is not None and in_body is not None:
        raise UnexpectedFieldError(
            f"the query holds {name!r} and so does the body; give it once, or not at all"
        )
    return in_body if in_query is None else in_query


def _check_stop(value: float) -> float:
    if not 0 < value < 1:
        raise OutOfRangeError(
            f"{STOP_AT!r} is {value:g}, expected a confidence between 0 and 1, for example 0.99"
        )
    return value
