"""Read JSON as a type declares it, and say in our words and codes where it is something else.

msgspec reads. What it refuses is looked through once more, level by level, to find the first value
that is not as declared, so that nothing depends on the wording of msgspec's own messages.
"""

import re
from dataclasses import dataclass
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
Text = bytes | memoryview | msgspec.Raw  # JSON

# What one body may hold, whatever its fields say; more is refused unread. Reading 200,000 lists
# takes up to 40 ms, and 1,024 nested pictures have 30,000. Reading
# 10,000 fields takes 5 ms, and a request that uses all of the protocol has a few dozen.
MAX_LISTS = 200_000
MAX_FIELDS = 10_000
# Values of a list among which the wrong one is looked for, in 20 ms; in a longer list it is not
# named by its index.
MAX_SEARCHED = 200_000

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NOT_FINITE = (b"-Infinity", b"Infinity", b"NaN")  # what JSON lacks and Python writes
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
        InvalidJsonError: `data` is not JSON, or holds more than `max_lists` or `MAX_FIELDS`.
        NotFiniteError: it is JSON but for NaN or Infinity, or a number is too large.
        MissingFieldError, UnexpectedFieldError: an object lacks a field, or has one too many.
        WrongShapeError: there is a list where numbers should be, or the other way round.
        WrongTypeError: another value is not of its type.

    """
    if data[:3] == _BYTE_ORDER_MARK:
        data = data[3:]
    _check_count(data, b"[", "lists", max_lists)
    _check_count(data, b":", "fields", MAX_FIELDS)
    try:
        try:
            return decoder.decode(data)
        except msgspec.ValidationError:
            fault = _Search(expected, shape).fault(decoder.type, data, place)
    except RecursionError:
        raise InvalidJsonError(f"the body is nested too deeply; {expected}") from None
    except ValueError as error:  # not JSON, or not UTF-8
        _refuse_not_finite(bytes(data))
        raise InvalidJsonError(
            f"the body ({len(data)} bytes) is not JSON: {error}; {expected}"
        ) from error
    raise fault


def count(data: Text, character: bytes) -> int:
    """How often the byte `character` is in `data`; 0.1 ms for a MiB."""
    found = np.frombuffer(memoryview(data), np.uint8) == ord(character)
    return int(np.count_nonzero(found))


def _check_count(data: bytes | memoryview, mark: bytes, what: str, most: int) -> None:
    if len(data) > most and (found := count(data, mark)) > most:
        raise InvalidJsonError(
            f"the body holds {found} {what}, at most {most} are read: it is nested too deeply or "
            "too often; send less, or write numbers flat"
        )


def _refuse_not_finite(data: bytes) -> None:
    """Answer NaN and Infinity by name, if nothing else keeps `data` from being JSON."""
    found = [token for token in _NOT_FINITE if token in data]
    if not found:
        return
    for token in found:
        data = data.replace(token, b"0")
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return  # broken in another way, which the caller reports
    raise NotFiniteError(f"the body holds {found[0].decode()}; every number must be finite")


@dataclass(frozen=True)
class _Search:
    """Looks for the first value that keeps a JSON text from being of a type."""

    expected: str
    shape: str

    def fault(self, kind: Any, data: Text, place: str) -> ApiError:
        """The error for the first such value in `data`, which lies at `place` in the body."""
        kind, here = _bare(kind), _name(place)
        found, wanted = _type_of(data), _TYPE_BY_KIND.get(get_origin(kind) or kind, "object")
        if found != wanted and (found, wanted) != ("int", "float"):
            wrong = f"{here} is of type {found}, expected {wanted}"
            if "array" in (found, wanted) and _is_tensor(kind):
                return WrongShapeError(f"{wrong}; {self.shape}")
            return WrongTypeError(f"{wrong}; {self.expected}")
        if wanted == "array":
            return self._in_list(kind, data, place)
        if wanted == "object":
            return self._in_object(kind, data, place)
        return NotFiniteError(f"{here} is too large; every number must be finite")

    def _in_list(self, kind: Any, data: Text, place: str) -> ApiError:
        [item] = get_args(kind)
        decoder = msgspec.json.Decoder(item)
        if count(data, b",") < MAX_SEARCHED:
            for i, value in enumerate(msgspec.json.decode(data, type=list[msgspec.Raw])):
                if not _fits(decoder, value):
                    return self.fault(item, value, f"{place}[{i}]")
        return WrongTypeError(f"{_name(place)} holds a value of another type; {self.expected}")

    def _in_object(self, kind: Any, data: Text, place: str) -> ApiError:
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        members = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        for name, value in members.items():
            if name in fields:
                field = fields[name].type
                if not _fits(msgspec.json.Decoder(field), value):
                    return self.fault(field, value, f"{place}.{name}")
            elif kind.__struct_config__.forbid_unknown_fields:
                return UnexpectedFieldError(f"{_name(place)} holds {quote(name)}, {self.expected}")
        for name, field in fields.items():
            if field.required and name not in members:
                return MissingFieldError(f"{_name(place)} lacks {name!r}; {self.expected}")
        return UnexpectedFieldError(f"{_name(place)} holds a field twice; give it once")


def _name(place: str) -> str:
    return place.removeprefix(".") or "the body"


def _fits(decoder: msgspec.json.Decoder[Any], value: msgspec.Raw) -> bool:
    try:
        decoder.decode(value)
    except msgspec.ValidationError:
        return False
    return True


def _bare(kind: Any) -> Any:
    """The bare type of one that may also be null, or left out, or is annotated."""
    if get_origin(kind) in (Union, UnionType):
        [kind] = [kind for kind in get_args(kind) if kind not in (NoneType, msgspec.UnsetType)]
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _is_tensor(kind: Any) -> bool:
    """Whether `kind` is a number, or numbers in lists, nested or not."""
    while get_origin(kind) is list:
        [kind] = get_args(kind)
    return kind is float


def _type_of(data: Text) -> str:
    """The type of the value that the JSON text `data` is."""
    text = bytes(data).strip(b" \t\r\n")
    named = _TYPE_BY_FIRST_BYTE.get(text[:1])
    return named or ("int" if _INTEGER.fullmatch(text) else "float")
