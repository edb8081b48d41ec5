"""The limits of a request's body, and of what its head says of it."""

import asyncio
import time

from starlette.types import Message, Receive

from service.errors import BodyTooLargeError, SlowClientError, UnsupportedMediaTypeError, quote
from service.execution.admission import Reservation
from service.uploads.request_head import RequestHead

# Seconds that a body may be waited for, of which bytes that come give some back. Larger: a client
# that sends nothing holds its place for longer; smaller: lost packets of a bad line end requests.
PATIENCE = 10.0
# Bytes that give back a second. Larger: slow lines are refused; smaller: a client that lets its
# bytes trickle in holds its place more cheaply.
SLOWEST = 2_048


def check_body(head: RequestHead, max_bytes: int) -> None:
    """Refuse a body that is too large, pickled or compressed, before any of it is read.

    What a refused client still sends is for the server to discard: closing at once would reset the
    connection before the client sees the answer.

    Raises:
        BodyTooLargeError: it is said to have more than `max_bytes` bytes.
        UnsupportedMediaTypeError: nothing of this kind is read here.

    """
    if head.content_length > max_bytes:
        raise _too_large(f"{head.content_length}", max_bytes)
    if not head.content_type.isascii():  # it has no meaning in HTTP, and libraries fail on it
        raise UnsupportedMediaTypeError(
            f"Content-Type is {quote(head.content_type)}, expected ASCII"
        )
    if "pickle" in (media_type := head.content_type.lower()):
        raise UnsupportedMediaTypeError(
            f"Content-Type is {quote(media_type)}; pickled data can run code and is never read; "
            "send a form or JSON"
        )
    if (encoding := head.content_encoding.lower()) not in ("", "identity"):
        raise UnsupportedMediaTypeError(
            f"Content-Encoding is {quote(encoding)}; send the body uncompressed"
        )


def bounded(receive: Receive, reservation: Reservation, max_bytes: int) -> Receive:
    """`receive`, which counts what has come; what is only announced takes no memory.

    It raises `BodyTooLargeError` once that exceeds `max_bytes`, `TooManyRequestsError` when there
    is no room for it beside the bodies of others, and `SlowClientError` when too little comes.
    """
    count, patience, more = 0, PATIENCE, True

    async def receiving() -> Message:
        nonlocal count, patience, more
        if not more:
            return await receive()  # nothing comes any more but the end of the connection
        began = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                message = await receive()
        except TimeoutError:
            raise SlowClientError(
                f"{count} bytes of the body have come and too few follow: at least {SLOWEST} a "
                f"second are expected, and none waits for longer than {PATIENCE:g} s; send again"
            ) from None
        more, found = message.get("more_body", False), len(message.get("body", b""))
        count += found
        patience = min(PATIENCE, patience - (time.monotonic() - began) + found / SLOWEST)
        if count > max_bytes:
            raise _too_large(f"{count} or more", max_bytes)
        reservation.hold(count)
        return message

    return receiving


def _too_large(found: str, max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"the request body has {found} bytes, at most {max_bytes} are allowed; send less at a time"
    )
