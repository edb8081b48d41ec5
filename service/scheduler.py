"""Where the work of a request is done: what is quick on the event loop, the rest on threads."""

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from service.batcher import Batcher
from service.metrics import Metrics
from service.model import Done, Run
from service.threads import Threads

T = TypeVar("T")
Args = TypeVarTuple("Args")

# Bytes of a body of numbers that is read in less than half a millisecond, about what handing it to
# a thread costs, under load, in waiting for the interpreter.
QUICK_BYTES = 32 * 1024
# Samples that a model runs in about a millisecond; more would keep the event loop for too long.
_QUICK_SAMPLES = 8


class Scheduler:
    """Has work done in its place, so that probes and other requests go on."""

    def __init__(self, threads: int, max_joint: int, metrics: Metrics) -> None:
        """Keep `threads` threads; runs of several requests hold at most `max_joint` samples."""
        self._threads, self._batcher = Threads(threads, metrics), Batcher(max_joint, metrics)

    @property
    def delay(self) -> float:
        """Seconds that work which came now would wait for a thread, as things go."""
        return self._threads.delay

    async def run(self, work: Callable[[*Args], T], *args: *Args, quick: bool = False) -> T:
        """What `work(*args)` gives; `quick`: that takes less than half a millisecond.

        Raises:
            Exception: whatever `work` raises.

        """
        if not quick:
            return await self._threads.run(work, *args)
        await asyncio.sleep(0)  # many in a row let others in between
        return work(*args)

    async def infer(
        self, prepare: Callable[[*Args], Run[T] | Done[T]], *args: *Args, quick: bool = False
    ) -> T:
        """The result of the run that `prepare(*args)` gives, or of what it found done already.

        `quick`: preparing takes less than half a millisecond.

        Raises:
            Exception: whatever `prepare`, the model or the run's `finish` raises; it fails no other
                request.

        """
        if quick:
            prepared = prepare(*args)
            if isinstance(prepared, Run) and _is_large(prepared):
                return await self._threads.run(self._batcher.alone, prepared)
        else:
            prepared = await self._threads.run(self._prepare, prepare, *args)
        return prepared.result if isinstance(prepared, Done) else await self._batcher.add(prepared)

    def _prepare(
        self, prepare: Callable[[*Args], Run[T] | Done[T]], *args: *Args
    ) -> Run[T] | Done[T]:
        """What `prepare` gives, after its run if that is large."""
        prepared = prepare(*args)
        if isinstance(prepared, Run) and _is_large(prepared):
            return Done(self._batcher.alone(prepared))
        return prepared


def _is_large(run: Run[T]) -> bool:
    return run.count > _QUICK_SAMPLES
