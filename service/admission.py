"""How many requests are let in: as many as can be answered soon; the others are told to come back.

A service that takes more than it can do answers everything late. One that refuses the rest at once
answers what it takes as fast as ever.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Protocol

from service.errors import ErrorResponse, TooManyRequestsError

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Queue(Protocol):
    """What requests wait in."""

    @property
    def delay(self) -> float:
        """Seconds that work would wait which came now."""


class Admission:
    """Counts the requests under way; only the event loop may ask it."""

    def __init__(self, queue: Queue, max_pending: int, max_delay: float) -> None:
        """Let `max_pending` requests be under way, and none in that waits `max_delay` seconds."""
        self._queue, self._max_pending, self._max_delay = queue, max_pending, max_delay
        self._pending = 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place among the requests under way.

        Raises:
            TooManyRequestsError: all places are taken, or the queue is too long.

        """
        if self._pending >= self._max_pending:
            raise TooManyRequestsError(
                f"{self._pending} requests are under way, no more are taken; try again in a second"
            )
        self.check()
        self._pending += 1
        try:
            yield
        finally:
            self._pending -= 1

    def check(self) -> None:
        """Ask again whether there is time, now that a request has been received.

        Raises:
            TooManyRequestsError: the queue has become too long.

        """
        if (delay := self._queue.delay) > self._max_delay:
            raise TooManyRequestsError(
                f"work that comes now would wait {delay:.1f} s, more than {self._max_delay:g} s is "
                "not asked of anybody; try again in a second"
            )


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
        try:
            with self.admission().place():
                await self.app(scope, receive, send)
        except TooManyRequestsError as error:
            await ErrorResponse(error)(scope, receive, send)
