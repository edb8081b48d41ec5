"""Read from JSON what the right answer is, and to which request."""

from dataclasses import dataclass

import msgspec

from service.errors import BodyTooLargeError, OutOfRangeError, UnexpectedFieldError, quote
from service.uploads.json_body import decode

MAX_BYTES = 4096  # of a body; an id of the longest kind takes 150

_EXPECTED = (
    'expected {"request_id": "...", "digit": 7}, the digit null if it shows none, and, if the '
    'request had several pictures, "index"'
)


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON body, its numbers still unchecked."""

    request_id: str
    digit: int | None
    index: int | None = None


_BODY = msgspec.json.Decoder(_Body)


@dataclass(frozen=True)
class Feedback:
    """The right answer to one picture of a request."""

    request_id: str  # the `X-Request-Id` of the answer
    digit: int | None  # 0 to 9; None: it shows no digit
    index: int | None  # the picture's place in the request, from 0; None: it had one


def read_feedback(data: bytes, query: bytes) -> Feedback:
    """The right answer that the body `data` tells; the `query` string must be empty.

    Raises:
        BodyTooLargeError, InvalidJsonError: `data` is too long, or not JSON.
        MissingFieldError, UnexpectedFieldError, WrongTypeError: it is another JSON.
        OutOfRangeError: the digit is none of the ten, or the index is negative.

    """
    if query:
        raise UnexpectedFieldError(
            f"the query string is {quote(query.decode('latin-1'))}, expected none; {_EXPECTED}"
        )
    if len(data) > MAX_BYTES:
        raise BodyTooLargeError(
            f"the JSON has {len(data)} bytes, at most {MAX_BYTES} are read here; {_EXPECTED}"
        )
    body = decode(_BODY, data, _EXPECTED)
    if body.digit is not None and not 0 <= body.digit <= 9:
        raise OutOfRangeError(f"digit is {quote(body.digit)}, expected 0 to 9, or null")
    if body.index is not None and body.index < 0:
        raise OutOfRangeError(f"index is {quote(body.index)}, expected 0 or more")
    return Feedback(body.request_id, body.digit, body.index)
