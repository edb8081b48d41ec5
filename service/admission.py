"""How many requests are let in: as many as can be answered soon; the others are told to come back.

A service that takes more than it can do answers everything late. One that refuses the rest at once
answers what it takes as fast as ever.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from service.errors import ErrorResponse, TooManyRequestsError
from service.scheduler import QUICK_BYTES

_DIGITS = 18  # of the length of any body; int() refuses more than thousands

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Queue(Protocol):
    """What requests wait in."""

    @property
    def delay(self) -> float:
        """Seconds that work would wait which came now."""


@dataclass(frozen=True)
class Limits:
    """How much of what may be under way in a worker at once."""

    pending: int  # requests
    bytes: int  # of their bodies, or of their answers once these are made
    delay: float  # seconds that work may have to wait for a thread
    turns: int  # requests of many images that are worked on at a time


class Admission:
    """Counts the requests under way; only the event loop may ask it."""

    def __init__(self, queue: Queue, limits: Limits) -> None:
        """Let requests in within `limits`."""
        self._queue, self._limits = queue, limits
        self._pending = 0
        self.held = 0  # bytes, of all places
        self._turns = asyncio.Semaphore(limits.turns)

    @contextlib.contextmanager
    def place(self) -> Iterator["Place"]:
        """Hold a place among the requests under way.

        Raises:
            TooManyRequestsError: all places are taken.

        """
        if self._pending >= self._limits.pending:
            raise TooManyRequestsError(
                f"{self._pending} requests are under way, no more are taken; try again in a second"
            )
        place = Place(self, self._limits.bytes)
        self._pending += 1
        try:
            yield place
        finally:
            self._pending -= 1
            self.held -= place.bytes

    def check(self, delay: float | None = None) -> None:
        """Ask whether work that comes now may wait `delay` seconds, those of the queue for None.

        It is asked at the door, and again once all is received and what it takes is known.

        Raises:
            TooManyRequestsError: that is too long.

        """
        delay = self._queue.delay if delay is None else delay
        if delay > self._limits.delay:
            raise TooManyRequestsError(
                f"work that comes now would wait {delay:.1f} s, more than {self._limits.delay:g} s "
                "is not asked of anybody; try again in a second"
            )

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a turn for a request of many images, each of which then waits its turn for a thread.

        With any number of them at once, whoever posts one image would wait for one of each.

        Raises:
            TooManyRequestsError: there was none in the time that may be waited.

        """
        try:
            async with asyncio.timeout(self._limits.delay):
                await self._turns.acquire()
        except TimeoutError:
            raise TooManyRequestsError(
                f"other requests with many images took longer than {self._limits.delay:g} s; try "
                "again in a second, or send images one by one"
            ) from None
        try:
            yield
        finally:
            self._turns.release()


class Place:
    """That of one request: how many bytes it holds, of its body or of its answer."""

    def __init__(self, admission: Admission, most: int) -> None:
        """Hold at most `most` together with all others; alone, any number."""
        self._admission, self._most, self.bytes = admission, most, 0

    def hold(self, count: int) -> None:
        """Hold at least `count` bytes.

        Raises:
            TooManyRequestsError: they are too many beside those of others.

        """
        others = self._admission.held - self.bytes
        if others and count > self.bytes and others + count > self._most:
            raise TooManyRequestsError(
                f"other requests under way and their answers hold {others} bytes, no {count} more "
                "are taken; try again in a second"
            )
        self._admission.held += max(0, count - self.bytes)
        self.bytes = max(self.bytes, count)


class Door:
    """Lets requests in as `Admission` says, before anything else is done for them."""

    def __init__(self, app: App, admission: Callable[[], Admission]) -> None:
        """Guard what `app` is asked by POST; the rest costs little."""
        self.app, self.admission = app, admission

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        admission = self.admission()
        try:
            with admission.place() as place:
                # What is small may need no thread; whether it does is seen once it is here.
                if not 0 <= _length(scope["headers"]) <= QUICK_BYTES:
                    admission.check()
                answer = _Answer(place, send)
                await self.app(scope, _received(receive, place), answer.send)
                if answer.refusal:
                    raise answer.refusal
        except TooManyRequestsError as error:
            await ErrorResponse(error)(scope, receive, send)


def _received(receive: Any, place: Place) -> Any:
    """`receive`, holding what has come of the body; what is only announced takes no memory."""
    count = 0

    async def receiving() -> MutableMapping[str, Any]:
        nonlocal count
        message: MutableMapping[str, Any] = await receive()
        count += len(message.get("body", b""))
        place.hold(count)
        return message

    return receiving


class _Answer:
    """Passes an answer on, unless there is no room for it beside those of others.

    It then says so once all is over: raised into what sends it, the refusal would be taken for a
    failure of that.
    """

    def __init__(self, place: Place, send: Any) -> None:
        self._place, self._send = place, send
        self.refusal: TooManyRequestsError | None = None

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            try:
                self._place.hold(_length(message["headers"]))
            except TooManyRequestsError as error:
                self.refusal = error
        if not self.refusal:
            await self._send(message)


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """How many bytes follow the `headers`, as they say; -1 where they do not."""
    text = next((value for name, value in headers if name == b"content-length"), b"")
    return int(text) if text.isdigit() and len(text) < _DIGITS else -1
