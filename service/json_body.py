"""Read JSON as it is declared, and say in our words and codes where it is something else."""

import json
import re
from typing import NoReturn, TypeVar

import msgspec

from service.errors import (
    ApiError,
    InvalidJsonError,
    MissingFieldError,
    NotFiniteError,
    UnexpectedFieldError,
    WrongShapeError,
    WrongTypeError,
)

T = TypeVar("T")

_MISMATCH = re.compile(r"Expected `(.+?)`, got `(.+?)`")
_PATH = re.compile(r"at `\$\.?(.*)`$")
_MISSING = re.compile(r"missing required field `(.*?)`")
_UNKNOWN = re.compile(r"unknown field `(.*?)`")


def decode(decoder: msgspec.json.Decoder[T], data: bytes | memoryview, expected: str) -> T:
    """The body `data` as `decoder` declares it.

    Args:
        decoder: its type is what is read.
        data: the bytes as they came.
        expected: for messages, what the body should be.

    Raises:
        InvalidJsonError: `data` is not JSON.
        NotFiniteError: it is JSON but for NaN or Infinity, or a number is too large.
        msgspec.ValidationError: it is another JSON; `complaint` has the words for it.

    """
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        raise
    except RecursionError:
        raise InvalidJsonError(f"the body is nested too deeply; {expected}") from None
    except ValueError as error:  # not JSON, or not UTF-8
        _refuse_non_finite(bytes(data))
        raise InvalidJsonError(
            f"the body ({len(data)} bytes) is not JSON: {error}; {expected}"
        ) from error


def complaint(
    error: msgspec.ValidationError,
    expected: str,
    *,
    root: str = "",
    tensor: str = "",
    shape: str = "",
) -> ApiError:
    """What msgspec says of JSON that is not as declared, sorted into our codes.

    Args:
        error: what msgspec raised.
        expected: what the document should be.
        root: where in the body the document lies, if it is not the whole.
        tensor: where nested arrays are a tensor, so that another nesting is another shape.
        shape: what shape the tensor should have.

    """
    message = str(error)
    where = _PATH.search(message)
    place = root + (where[1] if where else "") or "the body"
    if missing := _MISSING.search(message):
        return MissingFieldError(f"{place} lacks {missing[1]!r}; {shape or expected}")
    if unknown := _UNKNOWN.search(message):
        return UnexpectedFieldError(f"{place} holds {unknown[1]!r}, {expected}")
    if mismatch := _MISMATCH.search(message):
        wanted, found = mismatch.groups()
        wrong = f"{place} is of type {found}, expected {wanted}"
        if "array" in (wanted, found) and tensor and place.startswith(tensor):
            return WrongShapeError(f"{wrong}; {shape}")
        return WrongTypeError(f"{wrong}; {expected}")
    return NotFiniteError(f"{place} is too large; every number must be finite")


def _refuse_non_finite(data: bytes) -> None:
    """Answer NaN and Infinity by name: Python's own encoder writes them, though JSON has none."""

    def refuse(token: str) -> NoReturn:
        raise NotFiniteError(f"the body holds {token}; every number must be finite")

    try:
        json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError):
        return  # broken in another way, which the caller reports
