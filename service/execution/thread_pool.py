"""The few threads of a worker, for what would keep the event loop from other requests."""

import asyncio
import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar, TypeVarTuple

from service.execution.cost import Load, Paces
from service.metrics import Metrics

T = TypeVar("T")
Args = TypeVarTuple("Args")


@dataclass(frozen=True)
class _Begun:
    """A work that a thread is at, since when (by the threads' clock), and what it will take."""

    since: float
    expected: float

    def left(self, now: float) -> float:
        """Seconds that it will still take; what takes longer than expected, as long again."""
        taken = now - self.since
        return self.expected - taken if taken < self.expected else taken


class Threads:
    """Does work off the event loop, first come, first served, and knows how long that takes."""

    def __init__(
        self,
        threads: int,
        paces: Paces,
        metrics: Metrics,
        after: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Keep `threads` threads, which go by `paces` and add to what these know.

        Each calls `after` when it has done a work. `clock` tells the time in seconds, from any
        beginning; threads call it too.
        """
        # Not anyio's limiter: it would let go of a thread whose request was given up, while the
        # thread works on, and so let any number of them run.
        self._pool = ThreadPoolExecutor(threads, "rowreader")
        self._threads, self._paces, self._metrics = threads, paces, metrics
        self._after, self._clock = after, clock
        self._lock = threading.Lock()  # of all below
        self._queued: dict[object, float] = {}  # works that no thread has begun: expected seconds
        self._begun: dict[object, _Begun] = {}

    def run(self, load: Load, work: Callable[[*Args], T], *args: *Args) -> asyncio.Future[T]:
        """What `work` gives or raises; if that is given up before a thread begins, none does."""
        ticket = object()
        with self._lock:
            self._queued[ticket] = self._paces.expected(load)
        bound = functools.partial(work, *args)
        future = self._pool.submit(self._work, ticket, load, self._clock(), bound)
        future.add_done_callback(functools.partial(self._forget, ticket))
        return asyncio.wrap_future(future)

    @property
    def delay(self) -> float:
        """Seconds that work which came now would wait for a thread, as things go."""
        with self._lock:
            if len(self._begun) + len(self._queued) < self._threads:
                return 0.0
            now = self._clock()
            left = sum(work.left(now) for work in self._begun.values())
            return (left + sum(self._queued.values())) / self._threads

    def _work(self, ticket: object, load: Load, submitted: float, work: Callable[[], T]) -> T:
        began = self._clock()
        self._metrics.queued(began - submitted)
        with self._lock:
            self._begun[ticket] = _Begun(began, self._queued.pop(ticket))
        try:
            return work()
        finally:
            with self._lock:
                del self._begun[ticket]
            self._paces.learn(load, self._clock() - began)
            self._after()

    def _forget(self, ticket: object, future: Future[T]) -> None:
        if future.cancelled():
            with self._lock:
                del self._queued[ticket]
