"""How many requests are let in: as many as can be answered soon; the others are told to come back.

A service that takes more than it can do answers everything late. One that refuses the rest at once
answers what it takes as fast as ever.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
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


class Admission:
    """Counts the requests under way; only the event loop may ask it."""

    def __init__(self, queue: Queue, max_pending: int, max_delay: float, turns: int) -> None:
        """Let `max_pending` requests be under way, and none in that waits `max_delay` seconds.

        Of those that hold many images, `turns` are worked on at a time.
        """
        self._queue, self._max_pending, self._max_delay = queue, max_pending, max_delay
        self._pending = 0
        self._turns = asyncio.Semaphore(turns)

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place among the requests under way.

        Raises:
            TooManyRequestsError: all places are taken.

        """
        if self._pending >= self._max_pending:
            raise TooManyRequestsError(
                f"{self._pending} requests are under way, no more are taken; try again in a second"
            )
        self._pending += 1
        try:
            yield
        finally:
            self._pending -= 1

    def check(self) -> None:
        """Ask whether a thread will have time: at the door, and again once all is received.

        Raises:
            TooManyRequestsError: the queue is too long.

        """
        if (delay := self._queue.delay) > self._max_delay:
            raise TooManyRequestsError(
                f"work that comes now would wait {delay:.1f} s, more than {self._max_delay:g} s is "
                "not asked of anybody; try again in a second"
            )

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a turn for a request of many images, each of which then waits its turn for a thread.

        With any number of them at once, whoever posts one image would wait for one of each.

        Raises:
            TooManyRequestsError: there was none in the time that may be waited.

        """
        try:
            async with asyncio.timeout(self._max_delay):
                await self._turns.acquire()
        except TimeoutError:
            raise TooManyRequestsError(
                f"other requests with many images took longer than {self._max_delay:g} s; try "
                "again in a second, or send images one by one"
            ) from None
        try:
            yield
        finally:
            self._turns.release()


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
            with admission.place():
                # What is small may need no thread; whether it does is seen once it is here.
                if not _is_small(scope):
                    admission.check()
                await self.app(scope, receive, send)
        except TooManyRequestsError as error:
            await ErrorResponse(error)(scope, receive, send)


def _is_small(scope: Scope) -> bool:
    """Whether the body says of itself that it may be one that is read without a thread."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return length.isdigit() and len(length) < _DIGITS and int(length) <= QUICK_BYTES
