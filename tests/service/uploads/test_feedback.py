"""The right answer is read from JSON, and what is none is refused by name."""

import pytest

from service.errors import (
    ApiError,
    BodyTooLargeError,
    InvalidJsonError,
    MissingFieldError,
    OutOfRangeError,
    UnexpectedFieldError,
    WrongTypeError,
)
from service.uploads.feedback import MAX_BYTES, Feedback, read_feedback


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"request_id": "a", "digit": 7}', Feedback("a", 7, None)),
        (b'{"request_id": "a", "digit": null}', Feedback("a", None, None)),
        (b'{"request_id": "a", "digit": 0, "index": 3}', Feedback("a", 0, 3)),
    ],
)
def test_what_is_read(body: bytes, found: Feedback) -> None:
    assert read_feedback(body, b"") == found


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b"", InvalidJsonError, "not JSON"),
        (b'{"request_id": "a"}', MissingFieldError, "lacks 'digit'"),
        (b'{"digit": 7}', MissingFieldError, "lacks 'request_id'"),
        (b'{"request_id": "a", "digit": "7"}', WrongTypeError, "digit is of type str"),
        (b'{"request_id": "a", "digit": true}', WrongTypeError, "digit is of type bool"),
        (b'{"request_id": "a", "digit": 7.5}', WrongTypeError, "digit is of type float"),
        (b'{"request_id": 7, "digit": 7}', WrongTypeError, "request_id is of type int"),
        (b'{"request_id": "a", "digit": 10}', OutOfRangeError, "digit is 10, expected 0 to 9"),
        (b'{"request_id": "a", "digit": -1}', OutOfRangeError, "digit is -1"),
        (b'{"request_id": "a", "digit": 7, "index": -1}', OutOfRangeError, "index is -1"),
        (b'{"request_id": "a", "digit": 7, "label": 7}', UnexpectedFieldError, "'label'"),
        (b'{"request_id": "' + b"a" * MAX_BYTES + b'"}', BodyTooLargeError, "at most 4096"),
    ],
)
def test_what_is_refused(body: bytes, error: type[ApiError], words: str) -> None:
    with pytest.raises(error, match=words):
        read_feedback(body, b"")


def test_a_query_is_refused() -> None:
    with pytest.raises(UnexpectedFieldError, match="query string is 'digit=7', expected none"):
        read_feedback(b'{"request_id": "a", "digit": 7}', b"digit=7")
