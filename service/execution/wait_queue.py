"""How many tasks run at a time, and for how long others wait for their turn."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from service.errors import TooManyRequestsError
from service.metrics import Metrics


class WaitQueue:
    """Lets a few tasks run at a time, first come, first served; only the event loop may ask it.

    It goes by the time that tasks did wait, never by what somebody's task may take.
    """

    def __init__(self, slots: int, max_wait: float, metrics: Metrics) -> None:
        """Let `slots` tasks run at a time; others wait `max_wait` seconds at most."""
        self._semaphore, self._max_wait, self._metrics = asyncio.Semaphore(slots), max_wait, metrics
        self._waiting: dict[object, float] = {}  # since when, in order

    @property
    def delay(self) -> float:
        """Seconds that the task waits already which is next; 0 when there is none."""
        return time.monotonic() - next(iter(self._waiting.values())) if self._waiting else 0.0

    async def acquire(self, *, patient: bool = False) -> None:
        """Wait for a slot, which `release` gives back; a `patient` task waits for any time.

        Raises:
            TooManyRequestsError: there was none within `max_wait` seconds.

        """
        ticket, began = object(), time.monotonic()
        self._waiting[ticket] = began
        try:
            async with asyncio.timeout(None if patient else self._max_wait):
                await self._semaphore.acquire()
        except TimeoutError:
            raise TooManyRequestsError(
                f"all is busy: this request was not begun within {self._max_wait:g} s; try again "
                "in a second"
            ) from None
        finally:
            del self._waiting[ticket]
            self._metrics.queued(time.monotonic() - began)

    def release(self) -> None:
        """Give a slot back."""
        self._semaphore.release()

    @contextlib.asynccontextmanager
    async def slot(self, *, patient: bool = False) -> AsyncIterator[None]:
        """Hold a slot; see `acquire`."""
        await self.acquire(patient=patient)
        try:
            yield
        finally:
            self.release()
