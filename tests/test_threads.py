"""The threads of a worker: requests that wait are run together, and none suffers for another."""

import asyncio
import functools
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from models.manifest import Manifest, Tensor
from service import threads as module
from service.backends import Arrays, Kind
from service.metrics import metrics
from service.model import Done, Model, Run
from service.threads import Threads

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


def together(*prepares: Callable[[], Any], threads: int = 1, max_joint: int = 64) -> list[Any]:
    """The results, or exceptions, of requests that come while all threads are busy."""

    async def ask() -> list[Any]:
        pool, gate = Threads(threads, max_joint, metrics()), threading.Event()
        busy = [asyncio.ensure_future(pool.run(gate.wait, DEADLINE)) for _ in range(threads)]
        asked = [asyncio.ensure_future(pool.infer(prepare)) for prepare in prepares]
        await asyncio.sleep(0)  # all are queued now
        gate.set()
        await asyncio.gather(*busy)
        return await asyncio.gather(*asked, return_exceptions=True)

    return in_time(ask())


def in_time(work: Coroutine[Any, Any, T]) -> T:
    async def limited() -> T:
        return await asyncio.wait_for(work, DEADLINE)

    return asyncio.run(limited())


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether runs are joined does not depend on how fast this machine is."""
    monkeypatch.setattr(module, "_PATIENCE", 3600.0)


@pytest.mark.usefixtures("patient")
def test_requests_that_wait_are_run_together_and_each_gets_its_own() -> None:
    double = model()
    results = together(*[functools.partial(run, double, x=rows(1 + i, i)) for i in range(4)])
    assert sizes(double) == [1 + 2 + 3 + 4]
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result["x"], rows(1 + i, 2 * i))


def test_a_request_that_meets_a_free_thread_is_run_at_once() -> None:
    double = model()

    async def ask() -> None:
        pool = Threads(1, 64, metrics())
        for _ in range(3):
            await pool.infer(run, double)

    def run(of: Model) -> Run[Any]:
        return Run(of, {"x": rows(1)}, lambda outputs: outputs)

    in_time(ask())
    assert sizes(double) == [1, 1, 1]


def test_none_waits_for_what_takes_long_to_prepare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.0)  # nothing is prepared in less
    double = model()
    together(*[functools.partial(run, double, x=rows(1))] * 3)
    assert sizes(double) == [1, 1, 1]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("counts", "expected"),
    [([2] * 5, [4, 4, 2]), ([1, 9, 1, 1], [1, 9, 2]), ([3, 3, 3], [3, 3, 3])],
)
def test_a_joint_run_has_a_limit_and_a_larger_request_goes_alone(
    counts: list[int], expected: list[int]
) -> None:
    double = model()
    together(*[functools.partial(run, double, x=rows(count)) for count in counts], max_joint=4)
    assert sizes(double) == expected


@pytest.mark.usefixtures("patient")
def test_one_that_fails_does_not_fail_its_neighbours(caplog: pytest.LogCaptureFixture) -> None:
    double = model()

    def unreadable() -> Run[Any]:
        raise KeyError("bad upload")

    def unusable() -> Run[Any]:
        return Run(double, {"x": rows(1)}, lambda outputs: outputs["no such output"])

    good, poison = (functools.partial(run, double, x=rows(1, v)) for v in (5, np.nan))
    results = together(good, unreadable, poison, unusable, lambda: Done("known"), good)
    for i in (0, 5):
        np.testing.assert_array_equal(results[i]["x"], rows(1, 10))
    assert [type(results[i]) for i in (1, 2, 3)] == [KeyError, ValueError, KeyError]
    assert results[4] == "known"
    assert sizes(double) == [4, 1, 1, 1, 1]
    assert "A run of 4 requests failed; each is run alone" in caplog.text


@pytest.mark.usefixtures("patient")
def test_models_and_lengths_are_not_mixed() -> None:
    one, other = model("one", x=("batch", "steps")), model("other", x=("batch", "steps"))
    prepares = [
        functools.partial(run, one, x=rows(1)),
        functools.partial(run, other, x=rows(1)),
        functools.partial(run, one, x=np.ones((1, 3), np.float32)),
        functools.partial(run, one, x=rows(1)),
    ]
    together(*prepares)
    assert [inputs["x"].shape for inputs in runs(one)] == [(2, 2), (1, 3)]
    assert sizes(other) == [1]


@pytest.mark.usefixtures("patient")
def test_state_is_joined_along_its_own_batch_axis() -> None:
    stateful = model(x=("batch", 2), state=("layers", "batch", 3))
    states = [np.full((2, count, 3), count, np.float32) for count in (1, 2)]
    results = together(
        *[functools.partial(run, stateful, x=rows(s.shape[1]), state=s) for s in states]
    )
    assert [inputs["state"].shape for inputs in runs(stateful)] == [(2, 3, 3)]
    for state, result in zip(states, results, strict=True):
        np.testing.assert_array_equal(result["state"], 2 * state)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("dims", [("time", 2), (1, 2), ("batch", "batch")])
def test_a_graph_without_independent_samples_is_run_for_each_request(
    dims: tuple[int | str, ...],
) -> None:
    alone = model(x=dims)
    together(*[functools.partial(run, alone, x=rows(1))] * 3)
    assert len(runs(alone)) == 3


@pytest.mark.usefixtures("patient")
def test_what_is_given_up_is_not_run() -> None:
    double = model()

    async def ask() -> Any:
        pool, gate = Threads(1, 64, metrics()), threading.Event()
        busy = asyncio.ensure_future(pool.run(gate.wait, DEADLINE))
        given_up, kept = (
            asyncio.ensure_future(pool.infer(functools.partial(run, double, x=rows(count))))
            for count in (3, 1)
        )
        await asyncio.sleep(0)
        given_up.cancel()
        gate.set()
        await busy
        return await kept

    np.testing.assert_array_equal(in_time(ask())["x"], rows(1, 2))
    assert sizes(double) == [1]


def test_under_load_every_request_is_answered_with_its_own() -> None:
    double, other = model("double"), model("other")
    dice = random.Random(0)

    def prepare(value: int) -> Run[Any] | Done[Any]:
        if value % 7 == 0:
            raise KeyError(value)
        if value % 5 == 0:
            return Done({"x": rows(1, 2 * value)})
        return run(double if value % 3 else other, x=rows(1 + value % 4, value))

    async def one(pool: Threads, value: int) -> None:
        await asyncio.sleep(dice.random() / 20)  # requests come as they like
        answer: Awaitable[Any] = pool.infer(prepare, value)
        if value % 7 == 0:
            with pytest.raises(KeyError):
                await answer
        else:
            assert (await answer)["x"][0, 0] == 2 * value

    async def ask() -> None:
        pool = Threads(3, 8, metrics())
        await asyncio.gather(*[one(pool, value) for value in range(1000)])

    in_time(ask())
    assert max(sizes(double)) <= 8


def test_the_delay_grows_with_the_queue_and_with_what_works_took() -> None:
    async def ask() -> list[float]:
        pool, gate = Threads(2, 64, metrics()), threading.Event()
        idle = pool.delay
        asked = [asyncio.ensure_future(pool.run(gate.wait, DEADLINE)) for _ in range(6)]
        while pool.delay == idle or pool._queued > 4:
            await asyncio.sleep(0)
        full = pool.delay
        gate.set()
        await asyncio.gather(*asked)
        return [idle, full, pool.delay]

    idle, full, after = in_time(ask())
    assert idle == after == 0
    assert full > 0
