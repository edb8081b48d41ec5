"""Runs that come at the same moment are made together, and none suffers for another."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from models.arrays import Arrays
from models.manifest import Manifest, Tensor
from service.execution.parser_pool import ParserPool
from service.execution.scheduler import Scheduler
from service.inference.model import Model, Run
from service.settings import Kind
from tests.support.metrics import metrics

T = TypeVar("T")
Floats = NDArray[np.float32]

DEADLINE = 30  # seconds, after which a request has been forgotten


class Doubling:
    """A backend that doubles what it gets, fails at NaN, and keeps what it was given."""

    name: Kind = "onnxruntime"
    provider = "TestProvider"

    def __init__(self) -> None:
        self.runs: list[Arrays] = []

    def run(self, inputs: Arrays) -> dict[str, Floats]:
        self.runs.append(inputs)
        if any(np.isnan(values).any() for values in inputs.values()):
            raise ValueError("NaN")
        return {f"next_{name}": 2 * values for name, values in inputs.items()}


def model(name: str = "double", **dims: tuple[int | str, ...]) -> Model:
    """A model of inputs with `dims`, each with an output of the same."""
    dims = dims or {"x": ("batch", 2)}
    fields: dict[str, Any] = dict.fromkeys(Manifest.__dataclass_fields__, ())
    fields["inputs"] = tuple(Tensor(name=n, dtype="float32", dims=d) for n, d in dims.items())
    fields["outputs"] = tuple(
        Tensor(name=f"next_{n}", dtype="float32", dims=d) for n, d in dims.items()
    )
    return Model(Manifest(**{**fields, "name": name}), Doubling())


def sizes(of: Model) -> list[int]:
    return [of.count(inputs) for inputs in runs(of)]


def runs(of: Model) -> list[Arrays]:
    assert isinstance(of.backend, Doubling)
    return of.backend.runs


def run(of: Model, **inputs: Floats) -> Run[Any]:
    """The run whose result are its outputs, by the names of the inputs."""
    return Run(of, inputs, lambda outputs: {n: outputs[f"next_{n}"] for n in inputs})


def rows(count: int, value: float = 1) -> Floats:
    return np.full((count, 2), value, np.float32)


def in_time(ask: Callable[[Scheduler], Awaitable[T]], max_joint: int = 64, threads: int = 2) -> T:
    """What `ask` gets of a scheduler, before a deadline after which it was forgotten."""

    async def limited() -> T:
        parser = ParserPool(1, 5.0, 2**30, DEADLINE, metrics())
        scheduler = Scheduler(parser, threads, max_joint, DEADLINE, metrics())
        try:
            return await asyncio.wait_for(ask(scheduler), DEADLINE)
        finally:
            scheduler.close()

    return asyncio.run(limited())


def together(*runs: Run[Any], max_joint: int = 64) -> list[Any]:
    """The results, or exceptions, of runs that come at the same moment."""

    async def ask(scheduler: Scheduler) -> list[Any]:
        return await asyncio.gather(*map(scheduler.infer, runs), return_exceptions=True)

    return in_time(ask, max_joint)


def test_requests_that_come_together_are_run_together_and_each_gets_its_own() -> None:
    double = model()
    results = together(*[run(double, x=rows(1 + i, i)) for i in range(4)])
    assert sizes(double) == [1 + 2 + 3 + 4]
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result["x"], rows(1 + i, 2 * i))


def test_one_that_comes_later_is_run_later() -> None:
    double = model()

    async def ask(scheduler: Scheduler) -> None:
        for _ in range(3):
            await scheduler.infer(run(double, x=rows(1)))

    in_time(ask)
    assert sizes(double) == [1, 1, 1]


@pytest.mark.parametrize(
    ("dims", "values"),
    [(("batch", 2), rows(9)), (("batch", 10_000), np.ones((1, 10_000), np.float32))],
    ids=["many samples", "long ones"],
)
def test_a_large_run_does_not_keep_the_event_loop(dims: Any, values: Floats) -> None:
    large, free = model(x=dims), threading.Event()

    async def ask(scheduler: Scheduler) -> bool:
        # It ends only when the event loop has gone on meanwhile.
        waiting = Run(large, {"x": values}, lambda _: free.wait(DEADLINE))
        asked = asyncio.ensure_future(scheduler.infer(waiting))
        await asyncio.sleep(0)
        assert len((await scheduler.infer(run(model(), x=rows(2))))["x"]) == 2
        free.set()
        return await asked

    assert in_time(ask)


def test_what_is_prepared_on_a_thread_is_run_there() -> None:
    double = model()

    def prepare(count: int) -> Run[Any]:
        return run(double, x=rows(count))

    result = in_time(lambda scheduler: scheduler.infer_on_thread(prepare, 20))
    assert len(result["x"]) == 20


@pytest.mark.parametrize("count", [1, 20], ids=["on the loop", "on a thread"])
def test_what_is_given_up_before_it_began_is_not_run(count: int) -> None:
    double, free = model(), threading.Event()

    async def ask(scheduler: Scheduler) -> Any:
        busy = asyncio.ensure_future(scheduler.on_thread(free.wait, DEADLINE))
        await asyncio.sleep(0)
        given_up, kept = (
            asyncio.ensure_future(scheduler.infer(run(double, x=rows(count, value))))
            for value in (3, 1)
        )
        await asyncio.sleep(0)
        given_up.cancel()
        free.set()
        await busy
        return await kept

    np.testing.assert_array_equal(in_time(ask, threads=1)["x"], rows(count, 2))
    assert sizes(double) == [count]


def test_under_load_every_request_is_answered_with_its_own() -> None:
    double, other = model("double"), model("other")
    dice = random.Random(0)

    async def one(scheduler: Scheduler, value: int) -> None:
        await asyncio.sleep(dice.random() / 20)  # requests come as they like
        values = rows(1 + value % 10, np.nan if value % 7 == 0 else value)
        answer = scheduler.infer(run(double if value % 3 else other, x=values))
        if value % 7 == 0:
            with pytest.raises(ValueError, match="NaN"):
                await answer
        else:
            assert (await answer)["x"][0, 0] == 2 * value

    async def ask(scheduler: Scheduler) -> None:
        await asyncio.gather(*[one(scheduler, value) for value in range(1000)])

    in_time(ask, max_joint=8, threads=3)
    assert max(sizes(double)) <= 10
