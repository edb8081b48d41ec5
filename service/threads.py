"""The few threads of a worker: each prepares a request, and runs a model for all that wait for it.

Requests that come while every thread is busy are prepared first (decoded, checked) and then run
together, in one batch. A thread that is free has nothing to wait for: at low load each request goes
through one thread, alone. What was measured against other ways is in the README's design section.
"""

import asyncio
import functools
import itertools
import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple

from service.metrics import Metrics
from service.model import Done, Outputs, Run

T = TypeVar("T")
Args = TypeVarTuple("Args")

# Seconds that a prepared request waits at most before no more may join it, and beyond which the
# preparing of others is not worth waiting for: photos that take 20 ms gain nothing by sharing a run
# of 0.2 ms.
_PATIENCE = 1e-3

_log = logging.getLogger("rowreader")


Tell = Callable[["asyncio.Future[Any]"], None]


@dataclass(frozen=True)
class _Answer:
    """Where the result of a request goes: back to the event loop, which waits for it."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for it; a request that timed out has given it up."""
        return not self.future.cancelled()


@dataclass(frozen=True)
class _Job:
    """A run of a model that waits for company."""

    run: Run[Any]
    answer: _Answer
    since: float  # by time.perf_counter

    @property
    def count(self) -> int:
        return self.run.model.count(self.run.inputs)


class Threads:
    """Does the work of requests off the event loop, so that probes and other requests go on."""

    def __init__(self, threads: int, max_joint: int, metrics: Metrics) -> None:
        """Keep `threads` threads; runs of several requests hold at most `max_joint` samples."""
        # Not anyio's limiter: it would let go of a thread whose request was given up, while the
        # thread works on, and so let any number of them run.
        self._pool = ThreadPoolExecutor(threads, "rowreader")
        self._threads, self._max_joint, self._metrics = threads, max_joint, metrics
        self._lock = threading.Lock()  # of all below
        self._queued = 0  # works that no thread has begun
        self._pace = _PATIENCE  # seconds that preparing takes, smoothed
        self._cost = _PATIENCE  # seconds of a thread that a work takes in all, smoothed
        self._waiting: dict[Hashable, list[_Job]] = {}

    async def run(self, work: Callable[[*Args], T], *args: *Args) -> T:
        """What `work` gives.

        Raises:
            Exception: whatever `work` raises.

        """
        result: T = await self._submit(functools.partial(self._metrics.queued(work), *args))
        return result

    async def infer(self, prepare: Callable[[*Args], Run[T] | Done[T]], *args: *Args) -> T:
        """The result of the run that `prepare` gives, or of what it found done already.

        Raises:
            Exception: whatever `prepare`, the model or the run's `finish` raises; it fails no other
                request.

        """
        result: T = await self._submit(functools.partial(self._metrics.queued(prepare), *args))
        return result

    @property
    def delay(self) -> float:
        """Seconds that work which came now would wait for a thread, as things go."""
        return self._queued * self._cost / self._threads

    def _submit(self, work: Callable[[], object]) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        answer = _Answer(loop, loop.create_future())
        with self._lock:
            self._queued += 1
        self._pool.submit(self._work, answer, work)
        return answer.future

    def _work(self, answer: _Answer, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        with self._lock:
            self._queued -= 1
        if answer.wanted:
            self._prepare(answer, work)
        # Whoever left a run to wait relied on this thread, or on another that comes after it.
        while jobs := self._take():
            self._run(jobs)
        with self._lock:
            self._cost = _smooth(self._cost, time.perf_counter() - began)

    def _prepare(self, answer: _Answer, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        try:
            prepared = work()
        except Exception as error:
            _deliver([(answer, _failure(error))])
            return
        match prepared:
            case Run():
                self._queue(_Job(prepared, answer, time.perf_counter()), began)
            case Done(result):
                _deliver([(answer, _success(result))])
            case _:
                _deliver([(answer, _success(prepared))])

    def _queue(self, job: _Job, began: float) -> None:
        company = job.run.model.company(job.run.inputs)
        with self._lock:
            self._pace = _smooth(self._pace, job.since - began)
            self._waiting.setdefault(id(job) if company is None else company, []).append(job)

    def _take(self) -> list[_Job]:
        """The jobs to run now, together; none while those that wait had better wait for more."""
        with self._lock:
            for company, jobs in self._waiting.items():
                end = self._fitting(jobs)
                if end == len(jobs) and self._had_better_wait(jobs[0]):
                    continue
                del self._waiting[company]
                if jobs[end:]:
                    self._waiting[company] = jobs[end:]
                return jobs[:end]
        return []

    def _fitting(self, jobs: list[_Job]) -> int:
        """How many jobs, from the first, fit into one run; a first that is too large runs alone."""
        counts = itertools.accumulate(job.count for job in jobs)
        return max(1, sum(count <= self._max_joint for count in counts))

    def _had_better_wait(self, first: _Job) -> bool:
        """Whether the next work to be prepared may join; its thread then runs `first` too."""
        if self._max_joint == 1 or first.run.model.company(first.run.inputs) is None:
            return False
        waited = time.perf_counter() - first.since
        return self._queued > 0 and self._pace < _PATIENCE and waited < _PATIENCE

    def _run(self, jobs: list[_Job]) -> None:
        model = jobs[0].run.model
        try:
            with self._metrics.inference(model.name, sum(job.count for job in jobs)):
                outputs = model.run_together([job.run.inputs for job in jobs])
        except Exception as error:
            if len(jobs) == 1:
                _deliver([(jobs[0].answer, _failure(error))])
                return
            _log.exception("A run of %d requests failed; each is run alone", len(jobs))
            for job in jobs:
                self._run([job])
        else:
            _deliver([(j.answer, _finish(j.run, o)) for j, o in zip(jobs, outputs, strict=True)])


def _smooth(average: float, value: float) -> float:
    """A running average of about the last eight, which a single outlier moves by little."""
    return average + (min(value, 4 * average) - average) / 8


def _finish(run: Run[Any], outputs: Outputs) -> Tell:
    try:
        return _success(run.finish(outputs))
    except Exception as error:
        return _failure(error)


def _success(result: object) -> Tell:
    return lambda future: future.set_result(result)


def _failure(error: Exception) -> Tell:
    return lambda future: future.set_exception(error)


def _deliver(results: list[tuple[_Answer, Tell]]) -> None:
    """Wake the event loop, once for all."""

    def tell() -> None:
        for answer, result in results:
            if answer.wanted:
                result(answer.future)

    results[0][0].loop.call_soon_threadsafe(tell)
