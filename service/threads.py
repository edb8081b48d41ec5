"""The few threads of a worker, for what would keep the event loop from other requests."""

import asyncio
import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from service.metrics import Metrics

T = TypeVar("T")
Args = TypeVarTuple("Args")

_COST = 1e-3  # seconds of a thread that a work is thought to take before any was seen


class Threads:
    """Does work off the event loop, first come, first served, and knows how long that takes."""

    def __init__(self, threads: int, metrics: Metrics) -> None:
        # Not anyio's limiter: it would let go of a thread whose request was given up, while the
        # thread works on, and so let any number of them run.
        self._pool = ThreadPoolExecutor(threads, "rowreader")
        self._threads, self._metrics = threads, metrics
        self._lock = threading.Lock()  # of all below
        self._queued = 0  # works that no thread has begun
        self._begun: dict[int, float] = {}  # by thread, when its work was begun, by perf_counter
        self._cost = _COST  # seconds of a thread that a work takes, smoothed

    def run(self, work: Callable[[*Args], T], *args: *Args) -> asyncio.Future[T]:
        """What `work` gives or raises; if that is given up before a thread begins, none does."""
        with self._lock:
            self._queued += 1
        future = self._pool.submit(self._work, time.perf_counter(), functools.partial(work, *args))
        future.add_done_callback(self._forget)
        return asyncio.wrap_future(future)

    @property
    def delay(self) -> float:
        """Seconds that work which came now would wait for a thread, as things go.

        What a thread has been at for longer than usual is thought to take as long again.
        """
        with self._lock:
            if len(self._begun) + self._queued < self._threads:
                return 0.0
            now = time.perf_counter()
            taken = [now - began for began in self._begun.values()]
            left = sum(max(self._cost - seconds, seconds) for seconds in taken)
            return (left + self._queued * self._cost) / self._threads

    def _work(self, submitted: float, work: Callable[[], T]) -> T:
        thread, began = threading.get_ident(), time.perf_counter()
        self._metrics.queued(began - submitted)
        with self._lock:
            self._queued -= 1
            self._begun[thread] = began
        try:
            return work()
        finally:
            with self._lock:
                del self._begun[thread]
                self._cost = _smooth(self._cost, time.perf_counter() - began)

    def _forget(self, future: Future[T]) -> None:
        if future.cancelled():
            with self._lock:
                self._queued -= 1


def _smooth(average: float, value: float) -> float:
    """A running average of about the last eight, which a single outlier at most doubles."""
    return average + (min(value, 9 * average) - average) / 8
