"""The options of a request: texts in the query string, or beside what is read in the body."""

from collections.abc import Sequence

import msgspec
from starlette.datastructures import QueryParams
from starlette.types import Scope

from service.errors import UnexpectedFieldError, WrongTypeError, quote

MODEL = "model"
PREVIEW = "preview"
HIDDEN = "hidden"
STOP_AT = "stop_at"

_NO_OPTIONS = QueryParams()
# Bytes of a query string. One of 64 KiB, which HTTP lets pass, takes 30 ms to take apart on the
# event loop; the options need a hundred.
MAX_QUERY_BYTES = 4096


def read_query_string(scope: Scope) -> QueryParams:
    """The options that the query string of a request holds.

    Raises:
        UnexpectedFieldError: it is longer than the options can be.

    """
    query: bytes = scope["query_string"]
    if len(query) > MAX_QUERY_BYTES:
        raise UnexpectedFieldError(
            f"the query string has {len(query)} bytes, at most {MAX_QUERY_BYTES} are read; send "
            "data in the body"
        )
    return QueryParams(query) if query else _NO_OPTIONS


def check_query(query: QueryParams, known: Sequence[str]) -> None:
    """Refuse a query that asks for more than the route knows, which would be silently left undone.

    Raises:
        UnexpectedFieldError: naming the first that is not among `known`.

    """
    if unknown := sorted(set(query) - set(known)):
        raise UnexpectedFieldError(
            f"the query string holds {quote(unknown[0])}, expected {in_words(known)}, or nothing"
        )


def option(name: str, values: Sequence[object]) -> str | None:
    """The one text among `values`, bare (curl) or as JSON (BentoML's client); empty means none.

    Raises:
        UnexpectedFieldError: there are several, or it is no text.

    """
    if len(values) > 1 or not all(isinstance(value, str) for value in values):
        raise UnexpectedFieldError(f"{name!r} must be one text; give it once, or not at all")
    text = str(values[0]).strip() if values else ""
    if text.startswith('"') or text == "null":
        try:
            return msgspec.json.decode(text, type=str | None)
        except ValueError:
            return text  # nothing is called that, which is a better error than broken JSON
    return text or None


def flag(name: str, text: str | None) -> bool:
    """Whether the option `name` is switched on by `text`; None is off.

    Raises:
        WrongTypeError: it is neither true nor false.

    """
    known = {None: False, "false": False, "0": False, "true": True, "1": True}
    value = known.get(text.lower() if text else None)
    if value is None:
        raise WrongTypeError(f"{name!r} is {quote(text)}, expected true or false")
    return value


def in_words(names: Sequence[str]) -> str:
    """The names of options as a message lists them."""
    *others, last = map(repr, names)
    return f"{', '.join(others)} and {last}" if others else last
