"""Runs that come at the same moment are made together, and none suffers for another."""

import asyncio
import functools
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from models.arrays import Arrays
from models.manifest import Manifest, Tensor
from service.execution.cost import Load
from service.execution.scheduler import Scheduler
from service.inference.model import Done, Model, Run
from service.metrics import metrics
from service.settings import Kind

T = TypeVar("T")
Floats = NDArray[np.float32]

DEADLINE = 30  # seconds, after which a request has been forgotten
PLACES = pytest.mark.parametrize(
    "load",
    [None, Load("usual", 0.001), Load("slow", 1.0)],
    ids=["on the loop", "on a thread", "on one for slow work"],
)


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


def together(*prepares: Callable[[], Any], max_joint: int = 64) -> list[Any]:
    """The results, or exceptions, of requests that come at the same moment."""

    async def ask() -> list[Any]:
        scheduler = Scheduler(2, max_joint, metrics())
        asked = [scheduler.infer(None, prepare) for prepare in prepares]
        return await asyncio.gather(*asked, return_exceptions=True)

    return in_time(ask())


def in_time(work: Coroutine[Any, Any, T]) -> T:
    async def limited() -> T:
        return await asyncio.wait_for(work, DEADLINE)

    return asyncio.run(limited())


def test_requests_that_wait_are_run_together_and_each_gets_its_own() -> None:
    double = model()
    results = together(*[functools.partial(run, double, x=rows(1 + i, i)) for i in range(4)])
    assert sizes(double) == [1 + 2 + 3 + 4]
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result["x"], rows(1 + i, 2 * i))


def test_one_that_comes_later_is_run_later() -> None:
    double = model()

    async def ask() -> None:
        scheduler = Scheduler(1, 64, metrics())
        for _ in range(3):
            await scheduler.infer(None, functools.partial(run, double, x=rows(1)))

    in_time(ask())
    assert sizes(double) == [1, 1, 1]


def test_a_large_run_is_made_by_itself_on_a_thread() -> None:
    double = model()
    seen: list[str] = []

    def finish(outputs: Any) -> Any:
        seen.append(threading.current_thread().name)
        return outputs["next_x"]

    many, few = (functools.partial(Run, double, {"x": rows(n)}, finish) for n in (9, 2))
    results = together(few, many, few)
    assert [len(result) for result in results] == [2, 9, 2]
    assert sorted(sizes(double)) == [4, 9]
    assert sorted(name.startswith("rowreader") for name in seen) == [False, False, True]


@PLACES
def test_what_is_given_up_is_not_run(load: Load | None) -> None:
    double = model()

    async def ask() -> Any:
        scheduler = Scheduler(1, 64, metrics())
        given_up, kept = (
            asyncio.ensure_future(
                scheduler.infer(load, functools.partial(run, double, x=rows(count)))
            )
            for count in (3, 1)
        )
        await asyncio.sleep(0)
        given_up.cancel()
        return await kept

    np.testing.assert_array_equal(in_time(ask())["x"], rows(1, 2))
    assert sizes(double) == [1]


@PLACES
def test_under_load_every_request_is_answered_with_its_own(load: Load | None) -> None:
    double, other = model("double"), model("other")
    dice = random.Random(0)

    def prepare(value: int) -> Run[Any] | Done[Any]:
        if value % 7 == 0:
            raise KeyError(value)
        if value % 5 == 0:
            return Done({"x": rows(1, 2 * value)})
        return run(double if value % 3 else other, x=rows(1 + value % 10, value))

    async def one(scheduler: Scheduler, value: int) -> None:
        await asyncio.sleep(dice.random() / 20)  # requests come as they like
        answer: Awaitable[Any] = scheduler.infer(load, prepare, value)
        if value % 7 == 0:
            with pytest.raises(KeyError):
                await answer
        else:
            assert (await answer)["x"][0, 0] == 2 * value

    async def ask() -> None:
        scheduler = Scheduler(3, 8, metrics())
        await asyncio.gather(*[one(scheduler, value) for value in range(1000)])

    in_time(ask())
    assert max(sizes(double)) <= 10


def test_slow_work_does_not_hold_up_the_usual() -> None:
    async def ask() -> list[Any]:
        scheduler, gate = Scheduler(1, 64, metrics()), threading.Event()
        slow, usual = Load("slow", 60.0), Load("usual", 0.001)
        held = asyncio.ensure_future(scheduler.run(slow, gate.wait, DEADLINE))
        done = await scheduler.run(usual, max, 3, 5)
        delays: list[float] = []
        for load in (slow, usual):
            waiting = asyncio.ensure_future(
                scheduler.infer(load, lambda: Done(None), check=delays.append)
            )
            await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(held, waiting)
        return [done, *delays]

    done, slow, usual = in_time(ask())
    assert done == 5
    assert slow > 1
    assert usual == 0


def test_a_large_run_of_a_small_request_is_let_in_like_others() -> None:
    double = model()

    def refuse(delay: float) -> None:
        raise KeyError(delay)

    async def ask(count: int) -> Any:
        prepare = functools.partial(run, double, x=rows(count))
        return await Scheduler(1, 64, metrics()).infer(None, prepare, check=refuse)

    with pytest.raises(KeyError):
        in_time(ask(9))
    assert len(in_time(ask(8))["x"]) == 8


def test_long_sequences_do_not_keep_the_event_loop() -> None:
    long = model(x=("batch", 10_000))
    seen: list[str] = []

    def prepare() -> Run[Any]:
        where = threading.current_thread
        return Run(
            long, {"x": np.ones((1, 10_000), np.float32)}, lambda _: seen.append(where().name)
        )

    together(prepare)
    assert seen[0].startswith("rowreader")
