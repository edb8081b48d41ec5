"""Read JSON as a type declares it, and say in our words and codes where it is something else.

msgspec reads. What it refuses is looked through once more, level by level, to find the first value
that is not as declared, so that nothing depends on the wording of msgspec's own messages.
"""

import re
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
import numpy as np

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

# What one body may hold, whatever its fields say. Reading 200,000 lists takes up to 40 ms, during
# which nothing else runs, and 1,024 nested pictures have 30,000; reading 10,000 objects takes 3 ms,
# and a request that uses every field of the protocol has a few dozen. More is refused unread.
MAX_LISTS = 200_000
MAX_OBJECTS = 10_000

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NOT_FINITE = re.compile(rb"-?(?:NaN|Infinity)")  # what JSON lacks and Python writes
_INTEGER = re.compile(rb"-?[0-9]+")
_TYPE_BY_FIRST_BYTE = {
    b'"': "str",
    b"{": "object",
    b"[": "array",
    b"t": "bool",
    b"f": "bool",
    b"n": "null",
}
_TYPE_BY_KIND = {str: "str", bool: "bool", int: "int", float: "float", list: "array"}


def decode(
    decoder: msgspec.json.Decoder[T],
    data: bytes | memoryview,
    expected: str,
    *,
    place: str = "",
    shape: str = "",
    max_lists: int = MAX_LISTS,
) -> T:
    """The JSON text `data` as the type of `decoder`.

    Args:
        decoder: its type is made of structs, lists, `| None`, str, bool, int, float and Raw.
        data: the bytes as they came; a byte order mark in front is passed over.
        expected: for messages, what the document should be.
        place: where in the body `data` lies, if it is not the whole.
        shape: for messages, what shape lists of numbers should have.
        max_lists: how many lists may be in it, whatever they hold.

    Raises:
        InvalidJsonError: `data` is not JSON, or holds more than `max_lists` or `MAX_OBJECTS`.
        NotFiniteError: it is JSON but for NaN or Infinity, or a number is too large.
        MissingFieldError, UnexpectedFieldError: an object lacks a field, or has one too many.
        WrongShapeError: there is a list where numbers should be, or the other way round.
        WrongTypeError: another value is not of its type.

    """
    if data[:3] == _BYTE_ORDER_MARK:
        data = data[3:]
    _check_count(data, b"[", "lists", max_lists)
    _check_count(data, b"{", "objects", MAX_OBJECTS)
    try:
        try:
            return decoder.decode(data)
        except msgspec.ValidationError:
            fault = _find_fault(decoder.type, data, place, expected, shape)
    except RecursionError:
        raise InvalidJsonError(f"the body is nested too deeply; {expected}") from None
    except ValueError as error:  # not JSON, or not UTF-8
        _refuse_not_finite(bytes(data))
        raise InvalidJsonError(
            f"the body ({len(data)} bytes) is not JSON: {error}; {expected}"
        ) from error
    raise fault


def count(data: bytes | memoryview | msgspec.Raw, character: bytes) -> int:
    """How often the byte `character` is in `data`; 0.1 ms for a MiB."""
    found = np.frombuffer(memoryview(data), np.uint8) == ord(character)
    return int(np.count_nonzero(found))


def _check_count(data: bytes | memoryview, opening: bytes, what: str, most: int) -> None:
    if len(data) > most and (found := count(data, opening)) > most:
        raise InvalidJsonError(
            f"the body is nested too deeply or too often: it holds {found} {what}, at most {most} "
            "are read; send fewer numbers, or write them flat"
        )


def _refuse_not_finite(data: bytes) -> None:
    """Answer NaN and Infinity by name, if nothing else keeps `data` from being JSON."""
    if not (found := _NOT_FINITE.search(data)):
        return
    for token in (b"-Infinity", b"Infinity", b"NaN"):
        data = data.replace(token, b"0")
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return  # broken in another way, which the caller reports
    raise NotFiniteError(f"the body holds {found[0].decode()}; every number must be finite")


def _find_fault(
    kind: Any, data: bytes | memoryview | msgspec.Raw, place: str, expected: str, shape: str
) -> ApiError:
    """The error for the first value in the JSON text `data` that keeps it from being of `kind`."""
    kind = _without_none(kind)
    here = place.removeprefix(".") or "the body"
    found, wanted = _type_of(data), _TYPE_BY_KIND.get(get_origin(kind) or kind, "object")
    if found != wanted and (found, wanted) != ("int", "float"):
        wrong = f"{here} is of type {found}, expected {wanted}"
        if "array" in (found, wanted) and _is_tensor(kind):
            return WrongShapeError(f"{wrong}; {shape}")
        return WrongTypeError(f"{wrong}; {expected}")
    if wanted == "array":
        [item] = get_args(kind)
        fits = _fitting(item)
        for i, value in enumerate(msgspec.json.decode(data, type=list[msgspec.Raw])):
            if not fits(value):
                return _find_fault(item, value, f"{place}[{i}]", expected, shape)
    if wanted == "object":
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        members = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        for name, value in members.items():
            if name not in fields:
                if kind.__struct_config__.forbid_unknown_fields:
                    return UnexpectedFieldError(f"{here} holds {quote(name)}, {expected}")
            elif not _fitting(fields[name].type)(value):
                return _find_fault(fields[name].type, value, f"{place}.{name}", expected, shape)
        for name, field in fields.items():
            if field.required and name not in members:
                return MissingFieldError(f"{here} lacks {name!r}; {expected}")
        return UnexpectedFieldError(f"{here} holds a field twice; give it once")
    return NotFiniteError(f"{here} is too large; every number must be finite")


def _fitting(kind: Any) -> Callable[[msgspec.Raw], bool]:
    """Whether a JSON text is of `kind`."""
    decoder = msgspec.json.Decoder(kind)

    def fits(value: msgspec.Raw) -> bool:
        try:
            decoder.decode(value)
        except msgspec.ValidationError:
            return False
        return True

    return fits


def _without_none(kind: Any) -> Any:
    """The bare type of one that may also be null, or left out, or is annotated."""
    if get_origin(kind) in (Union, UnionType):
        [kind] = [kind for kind in get_args(kind) if kind not in (NoneType, msgspec.UnsetType)]
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _is_tensor(kind: Any) -> bool:
    """Whether `kind` is a number, or numbers in lists, nested or not."""
    while get_origin(kind) is list:
        [kind] = get_args(kind)
    return kind is float


def _type_of(data: bytes | memoryview | msgspec.Raw) -> str:
    """The type of the value that the JSON text `data` is."""
    text = bytes(data).strip(b" \t\r\n")
    named = _TYPE_BY_FIRST_BYTE.get(text[:1])
    return named or ("int" if _INTEGER.fullmatch(text) else "float")
