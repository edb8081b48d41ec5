"""Small runs of a model that come at the same moment, made together, on the event loop.

A run of few samples takes less time than to hand it to a thread and to get it back. Whatever has
come when the event loop has gone round once shares a run: at low load a request is alone and waits
for nobody, and under load the runs grow by themselves. What was measured against other ways is in
docs/design.md.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from models.arrays import Arrays
from service.inference.model import Run
from service.metrics import Metrics

T = TypeVar("T")

_log = logging.getLogger("rowreader")


@dataclass(frozen=True)
class _Job:
    """A run that waits for others, and where its result goes."""

    run: Run[Any]
    answer: asyncio.Future[Any]
    since: float = field(default_factory=time.perf_counter)

    @property
    def batch_key(self) -> Hashable:
        key = self.run.model.batch_key(self.run.inputs)
        return id(self) if key is None else key

    def finish(self, outputs: Arrays) -> None:
        try:
            self.answer.set_result(self.run.finish(outputs))
        except Exception as error:
            self.answer.set_exception(error)


class Batcher:
    """Makes runs together; only the event loop may ask it, but for `alone`."""

    def __init__(self, max_joint: int, metrics: Metrics) -> None:
        """Runs of several requests hold at most `max_joint` samples."""
        self._max_joint, self._metrics = max_joint, metrics
        self._waiting: list[_Job] = []

    def add(self, run: Run[T]) -> asyncio.Future[T]:
        """The result of `run`, or whatever the model or `finish` raises; it fails no other run."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._gather)
        job = _Job(run, loop.create_future())
        self._waiting.append(job)
        return job.answer

    def alone(self, run: Run[T]) -> T:
        """The result of `run`, made by itself; on any thread."""
        with self._metrics.inference(run.model.name, run.count):
            [outputs] = run.model.run_batch([run.inputs])
        return run.finish(outputs)

    def _gather(self) -> None:
        """Make of what has come as few runs as may be."""
        came, self._waiting = self._waiting, []
        by_key: dict[Hashable, list[_Job]] = {}
        for job in came:
            by_key.setdefault(job.batch_key, []).append(job)
        first, *others = itertools.chain.from_iterable(map(self._fitting, by_key.values()))
        for jobs in others:  # whatever else has come gets its turn between two runs
            asyncio.get_running_loop().call_soon(self._run, jobs)
        self._run(first)

    def _fitting(self, jobs: list[_Job]) -> Iterator[list[_Job]]:
        """`jobs` in runs that are not too large; a job that is too large has one of its own."""
        together: list[_Job] = []
        samples = 0
        for job in jobs:
            if together and samples + job.run.count > self._max_joint:
                yield together
                together, samples = [], 0
            together.append(job)
            samples += job.run.count
        yield together

    def _run(self, jobs: list[_Job]) -> None:
        # What timed out, or whose client has gone, is not run.
        jobs = [job for job in jobs if not job.answer.done()]
        if not jobs:
            return
        model, began = jobs[0].run.model, time.perf_counter()
        for job in jobs:
            self._metrics.queued(began - job.since)
        try:
            with self._metrics.inference(model.name, sum(job.run.count for job in jobs)):
                outputs = model.run_batch([job.run.inputs for job in jobs])
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].answer.set_exception(error)
                return
            _log.exception("A run of %d requests failed; each is run alone", len(jobs))
            for job in jobs:
                self._run([job])
        else:
            for job, own in zip(jobs, outputs, strict=True):
                job.finish(own)
