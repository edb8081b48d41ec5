"""How many requests are let in: as many as can be answered soon; the others are told to come back.

A service that takes more than it can do answers everything late. One that refuses the rest at once
answers what it takes as fast as ever.
"""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from service.errors import TooManyRequestsError

# Of the seconds that work may wait. Whoever came now would wait for longer still than who is next.
_TOO_LATE = 0.8


class Queue(Protocol):
    """What requests wait in."""

    @property
    def delay(self) -> float:
        """Seconds that the work waits already which is next."""


class Admission:
    """Counts the requests under way and the bytes that they hold; for the event loop only."""

    def __init__(self, queue: Queue, requests: int, most_bytes: int, max_wait: float) -> None:
        """Let in `requests` at a time, which hold `most_bytes` of bodies and answers together.

        None is let in while work in `queue` waits for nearly `max_wait` seconds already.
        """
        self._queue, self._requests, self._max_wait = queue, requests, max_wait
        self._most_bytes = most_bytes
        self._pending = 0
        self.held = 0  # bytes, of all reservations

    @contextlib.contextmanager
    def reserve(self) -> Iterator["Reservation"]:
        """Hold room for one more request.

        Raises:
            TooManyRequestsError: there is none.

        """
        if self._pending >= self._requests:
            raise TooManyRequestsError(
                f"{self._pending} requests are under way, no more are taken; try again in a second"
            )
        reservation = Reservation(self, self._most_bytes)
        self._pending += 1
        try:
            yield reservation
        finally:
            self._pending -= 1
            self.held -= reservation.bytes

    def check_queue(self) -> None:
        """Refuse what would wait for too long, before its body is read.

        Raises:
            TooManyRequestsError: others wait for nearly as long already as anybody may.

        """
        if (delay := self._queue.delay) > _TOO_LATE * self._max_wait:
            raise TooManyRequestsError(
                f"others have waited for {delay:.2f} s already, and nobody is let wait for more "
                f"than {self._max_wait:g} s; try again in a second"
            )


class Reservation:
    """The room of one request: how many bytes it holds, of its body or of its answer."""

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
