"""Where the work of a request is done: what is quick on the event loop, the rest on threads."""

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from service.execution.batcher import Batcher
from service.execution.cost import Load, Paces, sized
from service.execution.memory import give_back
from service.execution.thread_pool import Threads
from service.inference.model import Done, Run
from service.metrics import Metrics

T = TypeVar("T")
Args = TypeVarTuple("Args")

# Bytes of a body of numbers that is read in less than half a millisecond, about what handing it to
# a thread costs, under load, in waiting for the interpreter.
QUICK_BYTES = 32 * 1024
# Samples, and numbers in them, that a model runs in about a millisecond; more would keep the event
# loop for too long.
_QUICK_SAMPLES, _QUICK_NUMBERS = 8, 8 * 28 * 28
_PACE = 50e-9  # seconds for a byte, until bodies of a kind and length have been seen
# Seconds beyond which work goes to threads of its own, so that it never holds up all others.
_SLOW = 0.1


def of_numbers(kind: str, body: bytes) -> Load | None:
    """What it takes to read a body of numbers of this kind and to run a model on them."""
    if len(body) <= QUICK_BYTES:
        return None
    return sized(kind, len(body), len(body) * _PACE)


class Scheduler:
    """Has work done in its place, so that probes and other requests go on.

    A load of None says that work takes less than half a millisecond.
    """

    def __init__(self, threads: int, max_joint: int, metrics: Metrics) -> None:
        """Keep `threads` threads, and half as many, at least one, for what is slow.

        Runs of several requests hold at most `max_joint` samples.
        """
        self._paces = Paces()
        self._threads = Threads(threads, self._paces, metrics)
        self._slow = Threads(max(1, threads // 2), self._paces, metrics, after=give_back)
        self._batcher = Batcher(max_joint, metrics)

    @property
    def delay(self) -> float:
        """Seconds that work of the usual kind would wait which came now, as things go."""
        return self._threads.delay

    async def run(self, load: Load | None, work: Callable[[*Args], T], *args: *Args) -> T:
        """What `work(*args)` gives.

        Raises:
            Exception: whatever `work` raises.

        """
        if load:
            return await self._lane(load).run(load, work, *args)
        await asyncio.sleep(0)  # many in a row let others in between
        return work(*args)

    async def infer(
        self,
        load: Load | None,
        prepare: Callable[[*Args], Run[T] | Done[T]],
        *args: *Args,
        check: Callable[[float], object] = lambda _: None,
    ) -> T:
        """The result of the run that `prepare(*args)` gives, or of what it found done already.

        `check` is asked with the seconds that it would have to wait for a thread, if for any.

        Raises:
            Exception: whatever `check`, `prepare`, the model or the run's `finish` raises; it fails
                no other request.

        """
        if load:
            check(self._lane(load).delay)
            prepared = await self._lane(load).run(load, self._prepare, prepare, *args)
        else:
            prepared = prepare(*args)
            if isinstance(prepared, Run) and _is_large(prepared):
                run = sized(f"run of {prepared.model.name}", prepared.count, _SLOW / 2)
                check(self._lane(run).delay)
                return await self._lane(run).run(run, self._batcher.alone, prepared)
        return prepared.result if isinstance(prepared, Done) else await self._batcher.add(prepared)

    def _lane(self, load: Load) -> Threads:
        """The threads that do such work."""
        return self._slow if self._paces.expected(load) > _SLOW else self._threads

    def _prepare(
        self, prepare: Callable[[*Args], Run[T] | Done[T]], *args: *Args
    ) -> Run[T] | Done[T]:
        """What `prepare` gives, after its run if that is large."""
        prepared = prepare(*args)
        if isinstance(prepared, Run) and _is_large(prepared):
            return Done(self._batcher.alone(prepared))
        return prepared


def _is_large(run: Run[T]) -> bool:
    numbers = sum(values.size for values in run.inputs.values())
    return run.count > _QUICK_SAMPLES or numbers > _QUICK_NUMBERS
