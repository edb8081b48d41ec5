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
    quote,
)

T = TypeVar("T")

# A tensor of 1,024 pictures, nested, has 30,000; a batch of sequences at its limit 7,500.
_MOST_LISTS = 200_000

# Matched from the start: behind it may stand names that the client made up, of any length, and a
# search in these takes time that grows with the square of it.
_MISMATCH = re.compile(r"Expected `(.{1,80}?)`, got `(.{1,80}?)`")
_MISSING = re.compile(r"Object missing required field `(.*?)`")
_UNKNOWN = re.compile(r"Object contains unknown field `")
_PLACE, _PATH = " - at `$", re.compile(r"[\w.\[\]]*`")


def decode(decoder: msgspec.json.Decoder[T], data: bytes | memoryview, expected: str) -> T:
    """The body `data` as `decoder` declares it.

    Args:
        decoder: its type is what is read.
        data: the bytes as they came.
        expected: for messages, what the body should be.

    Raises:
        InvalidJsonError: `data` is not JSON, or holds absurdly many lists or objects.
        NotFiniteError: it is JSON but for NaN or Infinity, or a number is too large.
        msgspec.ValidationError: it is another JSON; `complaint` has the words for it.

    """
    _check_lists(data)
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
    said, _, where = message.rpartition(_PLACE)
    if not _PATH.fullmatch(where):  # it says none: this is of the name that the client made up
        said, where = message, ""
    place = root + where.removesuffix("`").removeprefix(".") or "the body"
    if missing := _MISSING.match(message):
        return MissingFieldError(f"{place} lacks {missing[1]!r}; {shape or expected}")
    if unknown := _UNKNOWN.match(message):
        name = said[unknown.end() :].rpartition("`")[0]
        return UnexpectedFieldError(f"{place} holds {quote(name)}, {expected}")
    if mismatch := _MISMATCH.match(message):
        wanted, found = mismatch.groups()
        wrong = f"{place} is of type {found}, expected {wanted}"
        if "array" in (wanted, found) and tensor and place.startswith(tensor):
            return WrongShapeError(f"{wrong}; {shape}")
        return WrongTypeError(f"{wrong}; {expected}")
    return NotFiniteError(f"{place} is too large; every number must be finite")


def _check_lists(data: bytes | memoryview) -> None:
    """Refuse what would hold up all others: 10 MiB of empty lists take two seconds to read."""
    if len(data) <= 2 * _MOST_LISTS:
        return
    whole = bytes(data)
    if (count := whole.count(b"[") + whole.count(b"{")) > _MOST_LISTS:
        raise InvalidJsonError(
            f"the body is nested too deeply or too often: it holds {count} lists and objects, at "
            f"most {_MOST_LISTS} are read; send fewer numbers, or write them flat"
        )


def _refuse_non_finite(data: bytes) -> None:
    """Answer NaN and Infinity by name: Python's own encoder writes them, though JSON has none."""

    def refuse(token: str) -> NoReturn:
        raise NotFiniteError(f"the body holds {token}; every number must be finite")

    try:
        json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError):
        return  # broken in another way, which the caller reports
