"""Where the work of a request is done: on the event loop, on a thread, or in a process that parses.

Small runs of a model are joined on the event loop, where they take less time than to be handed to a
thread and got back. Large ones run on threads, which leave the interpreter to others meanwhile.
Bytes of clients are parsed in processes with limits, unless they are so few that it takes less than
half a millisecond.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from service.execution.batcher import Batcher
from service.execution.parser_pool import ParserPool
from service.execution.wait_queue import WaitQueue
from service.inference.choice import SMALL
from service.inference.model import Run
from service.metrics import Metrics

T = TypeVar("T")

# Bytes of JSON that are read in less than half a millisecond; more are read in a process.
QUICK_JSON_BYTES = 96 * 1024
# Numbers in `SMALL` samples, which a model runs in about a millisecond; more would keep the event
# loop for too long.
_SMALL_NUMBERS = SMALL * 28 * 28


class Scheduler:
    """Has work done in its place, so that probes and other requests go on."""

    def __init__(
        self, parser: ParserPool, threads: int, max_joint: int, max_wait: float, metrics: Metrics
    ) -> None:
        """Parse by `parser` and run large batches on `threads` threads.

        Runs of several requests hold at most `max_joint` samples. Work waits for its turn for at
        most `max_wait` seconds.
        """
        self.parser = parser
        self._executor = ThreadPoolExecutor(threads, "rowreader")
        self._queue = WaitQueue(threads, max_wait, metrics)
        self._batcher = Batcher(max_joint, metrics)

    @property
    def delay(self) -> float:
        """Seconds that the next task of the longer queue waits already."""
        return max(self.parser.delay, self._queue.delay)

    async def infer(self, run: Run[T]) -> T:
        """The result of `run`, joined with others' if it is small.

        Raises:
            TooManyRequestsError: it is large, and waited too long for a thread.
            Exception: whatever the model or the run's `finish` raises; it fails no other request.

        """
        if _is_large(run):
            return await self.on_thread(self._batcher.alone, run)
        return await self._batcher.add(run)

    async def infer_on_thread(self, prepare: Callable[..., Run[T]], *arguments: Any) -> T:
        """The result of the run that `prepare(*arguments)` gives, all of it on a thread.

        Raises:
            TooManyRequestsError: it waited too long for one.
            Exception: whatever `prepare`, the model or the run's `finish` raises.

        """
        return await self.on_thread(lambda: self._batcher.alone(prepare(*arguments)))

    async def on_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work(*arguments)` gives; a thread works on to its end even if that is given up."""
        await self._queue.acquire()
        loop = asyncio.get_running_loop()
        try:
            future = self._executor.submit(work, *arguments)
        except BaseException:
            self._queue.release()
            raise
        # The slot is the thread's, not the request's.
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._queue.release))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """End threads and processes."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self.parser.close()


def _is_large(run: Run[Any]) -> bool:
    numbers = sum(values.size for values in run.inputs.values())
    return run.count > SMALL or numbers > _SMALL_NUMBERS
