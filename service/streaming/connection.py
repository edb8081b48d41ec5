"""A WebSocket that has been accepted: its messages within their limits, and how it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.datastructures import QueryParams
from starlette.types import Receive, Send

from service.errors import (
    ApiError,
    BodyTooLargeError,
    InternalError,
    InvalidJsonError,
    MalformedRequestError,
    NotReadyError,
    RequestTimeoutError,
    TooLargeError,
    TooManyRequestsError,
    WrongShapeError,
    WrongTypeError,
)
from service.uploads.request_head import RequestHead

GOING_AWAY: Final = "rowreader.going_away"  # what the server has a connection receive as it ends

MAX_MESSAGE_BYTES: Final = 64 * 1024  # a state takes a few KiB, all rows of a digit 784 bytes

# Why a connection is closed (RFC 6455, 7.4.1, and IANA's registry).
DONE: Final = 1000
LEAVING: Final = 1001
UNSUPPORTED: Final = 1003
LOST: Final = 1006  # never sent: the client has gone without a word, or does not read
POLICY: Final = 1008
TOO_BIG: Final = 1009
FAILED: Final = 1011
TRY_AGAIN: Final = 1013
THEIRS: Final = 3000  # stands for all that clients make up, so that metrics stay few


class LeavingError(NotReadyError):
    """The service ends."""


class Connection:
    """What goes over a WebSocket, each message in its time."""

    def __init__(self, receive: Receive, send: Send, idle_seconds: float) -> None:
        """Wait for a message, or for the client to read one, for `idle_seconds` at most."""
        self._receive, self._send, self._idle = receive, send, idle_seconds
        self.code = 0  # with which it was closed; 0 while it is open

    async def receive(self) -> bytes | str | None:
        """The next message, bytes or text; None if the client has closed the connection.

        Raises:
            RequestTimeoutError: none came in time.
            BodyTooLargeError: it is too large.
            LeavingError: the service ends.

        """
        if self.code:
            return None
        try:
            async with asyncio.timeout(self._idle):
                event = await self._receive()
        except TimeoutError:
            raise RequestTimeoutError(
                f"no message came within {self._idle:g} s; connect again when there is one"
            ) from None
        if event["type"] == GOING_AWAY:
            raise LeavingError("the service is about to end; connect again")
        if event["type"] == "websocket.disconnect":
            self.code = min(event.get("code") or LOST, THEIRS)
            return None
        data = event.get("bytes")
        message: bytes | str = event["text"] if data is None else data
        if len(message) > MAX_MESSAGE_BYTES:
            raise BodyTooLargeError(
                f"the message has {len(message)} bytes, at most {MAX_MESSAGE_BYTES} are allowed"
            )
        return message

    async def send(self, text: bytes) -> None:
        """Send `text`, which is JSON, unless the client has gone."""
        await self._give({"type": "websocket.send", "text": text.decode()})

    async def fail(self, error: ApiError) -> int:
        """Say what is wrong, and close; returns the code."""
        await self.send(msgspec.json.encode(error.body()))
        return await self.close(_code(error), error.code)

    async def close(self, code: int, reason: str = "") -> int:
        """Close with `code` and a word, unless it is closed; returns the code that it was by."""
        await self._give({"type": "websocket.close", "code": code, "reason": reason})
        self.code = self.code or code
        return self.code

    async def _give(self, event: dict[str, Any]) -> None:
        if self.code:
            return
        try:
            async with asyncio.timeout(self._idle):
                await self._send(event)
        except (TimeoutError, OSError):  # the latter is what a server raises whose client has gone
            self.code = LOST


# Talks over a connection that has been let in, and returns the code of its close.
Stream = Callable[[Connection, RequestHead, QueryParams], Awaitable[int]]


def _code(error: ApiError) -> int:
    """The code of a close that says why."""
    match error:
        case LeavingError():
            return LEAVING
        case TooLargeError():
            return TOO_BIG
        case TooManyRequestsError() | NotReadyError():
            return TRY_AGAIN
        case InvalidJsonError() | MalformedRequestError() | WrongShapeError() | WrongTypeError():
            return UNSUPPORTED
        case InternalError():
            return FAILED
        case _:
            return POLICY
