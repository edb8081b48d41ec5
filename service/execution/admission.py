"""How many requests are let in: as many as can be answered soon; the others are told to come back.

A service that takes more than it can do answers everything late. One that refuses the rest at once
answers what it takes as fast as ever.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Protocol

from service.errors import TooManyRequestsError


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
