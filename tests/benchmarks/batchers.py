"""Other ways through a worker, most of them in the place of `service.scheduler.Scheduler`.

BATCHER=asyncio bentoml serve tests.benchmarks.batchers:RowReader    # or another of its names

`tests.benchmarks.batching` compares them with the service's own.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple, cast

import bentoml
import numpy as np
from _bentoml_impl.server.app import ContextMiddleware
from starlette.applications import Starlette

from service import app, layers, registry
from service.app import RowReader
from service.layers import lean
from service.metrics import Metrics
from service.model import Done, Model, Outputs, Run
from service.paces import Load
from service.scheduler import Scheduler

T = TypeVar("T")
Args = TypeVarTuple("Args")
Runs = list[Run[Any]]

SMALL = Load("small", 1e-3)


def together(runs: Runs) -> list[Any]:
    """The results of runs of one model, by one run of it."""
    outputs = runs[0].model.run_together([run.inputs for run in runs])
    return [run.finish(values) for run, values in zip(runs, outputs, strict=True)]


class Handed(Scheduler):
    """Every request is handed to a thread, whatever it is; small runs are joined as ever."""

    async def infer(
        self,
        load: Load | None,
        prepare: Callable[[*Args], Run[T] | Done[T]],
        *args: *Args,
        check: Callable[[float], object] = lambda _: None,
    ) -> T:
        return await super().infer(load or SMALL, prepare, *args, check=check)


class Hop(Scheduler):
    """Requests are prepared on the threads; the event loop hands what is prepared to `batch`."""

    def __init__(self, threads: int, max_joint: int, metrics: Metrics) -> None:
        super().__init__(threads, max_joint, metrics)
        self.limit = max_joint

    async def infer(
        self,
        load: Load | None,
        prepare: Callable[[*Args], Run[T] | Done[T]],
        *args: *Args,
        check: Callable[[float], object] = lambda _: None,
    ) -> T:
        prepared = await self.run(load or SMALL, prepare, *args)
        if isinstance(prepared, Done):
            return prepared.result
        result: T = await self.batch(prepared)
        return result

    async def batch(self, run: Run[Any]) -> Any:
        raise NotImplementedError


class Asyncio(Hop):
    """One run at a time, on a thread of its own; what comes meanwhile is the next batch."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.thread, self.busy = ThreadPoolExecutor(1), False
        self.queue: deque[tuple[Run[Any], asyncio.Future[Any]]] = deque()

    async def batch(self, run: Run[Any]) -> Any:
        future = asyncio.get_running_loop().create_future()
        self.queue.append((run, future))
        if not self.busy:
            self.start()
        return await future

    def start(self) -> None:
        self.busy, loop = True, asyncio.get_running_loop()
        batch = [self.queue.popleft() for _ in range(min(self.limit, len(self.queue)))]
        running = self.thread.submit(together, [run for run, _ in batch])
        futures = [future for _, future in batch]
        running.add_done_callback(lambda r: loop.call_soon_threadsafe(self.finish, r, futures))

    def finish(self, running: Future[list[Any]], futures: list[asyncio.Future[Any]]) -> None:
        self.busy = False
        if self.queue:
            self.start()
        for future, result in zip(futures, running.result(), strict=True):
            future.set_result(result)


class Dispatcher(Hop):
    """BentoML's own adaptive dispatcher, in the worker."""

    dispatch: Callable[[Run[Any]], Any] | None = None

    async def batch(self, run: Run[Any]) -> Any:
        if self.dispatch is None:
            from bentoml._internal.marshal.dispatcher import CorkDispatcher

            cork: Any = CorkDispatcher(
                max_latency_in_ms=60_000,
                max_batch_size=self.limit,
                fallback=lambda: None,
                get_batch_size=lambda run: run.model.count(run.inputs),
            )
            self.dispatch = cork(together)
        return await self.dispatch(run)


class Split(Hop):
    """A second service with a batchable method, in a process of its own, as BentoML's guide has it.

    The model is the default one, whatever is asked for.
    """

    async def batch(self, run: Run[Any]) -> Any:
        reader: Any = bentoml.get_current_service()
        logits = await reader.predictor.to_async.logits(run.inputs["rows"])
        return run.finish({"logits": np.asarray(logits, np.float32)})


@bentoml.service(name="predictor", logging={"access": {"enabled": False}})
class Predictor:
    """Rows in, logits out."""

    def __init__(self) -> None:
        self.model: Model = registry.load(app.settings).model(app.settings.default_model)

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=60_000)  # type: ignore[untyped-decorator]
    def logits(self, rows: np.ndarray) -> np.ndarray:
        """A batch of rows, (n, 28, 28), to logits, (n, 10)."""
        outputs: Outputs = self.model.backend.run({"rows": rows.astype(np.float32)})
        return outputs["logits"]


def detour(app: Starlette, _: object) -> Starlette:
    """BentoML's application, less spans and timeouts, which asks the endpoints in its own way."""
    context = [m for m in app.user_middleware if m.cls is ContextMiddleware]
    app = lean(app, {})
    app.user_middleware += context
    return app


BATCHERS: dict[str, type[Scheduler]] = {
    "detour": Scheduler,
    "handed": Handed,
    "asyncio": Asyncio,
    "dispatcher": Dispatcher,
    "split": Split,
}
_app, _service = cast(Any, app), cast(Any, RowReader)
_app.Scheduler = BATCHERS[os.environ["BATCHER"]]
if os.environ["BATCHER"] == "detour":
    cast(Any, layers).lean = detour
if _app.Scheduler is Split:
    _service.inner.predictor = _service.dependencies["predictor"] = bentoml.depends(Predictor)

__all__ = ["RowReader"]
