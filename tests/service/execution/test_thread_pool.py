"""The threads of a worker: what is given up is not begun, and how long newcomers would wait."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from service.execution.cost import Load, Paces
from service.execution.thread_pool import Threads
from service.metrics import metrics

T = TypeVar("T")

LOAD = Load("test", 0.001)
DEADLINE = 30  # seconds, after which a work has been forgotten


def in_time(work: Coroutine[Any, Any, T]) -> T:
    async def limited() -> T:
        return await asyncio.wait_for(work, DEADLINE)

    return asyncio.run(limited())


def stopped() -> Threads:
    """One thread whose clock stands still, so that a busy machine changes no estimate."""
    return Threads(1, Paces(), metrics(), clock=lambda: 0.0)


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0)


def fail() -> None:
    raise KeyError("no such")


def test_what_a_work_gives_or_raises_reaches_whoever_asked() -> None:
    async def ask() -> int:
        threads = Threads(1, Paces(), metrics())
        with pytest.raises(KeyError, match="no such"):
            await threads.run(LOAD, fail)
        return await threads.run(LOAD, max, 3, 5)

    assert in_time(ask()) == 5


def test_what_is_given_up_in_the_queue_is_not_begun_nor_waited_for() -> None:
    begun: list[int] = []

    async def ask() -> list[float]:
        threads, gate = stopped(), threading.Event()
        busy = threads.run(LOAD, gate.wait, DEADLINE)
        queued = [threads.run(LOAD, begun.append, i) for i in range(200)]
        long = threads.delay
        for work in queued:
            work.cancel()
        await asyncio.sleep(0)  # asyncio tells the pool of it in its next round
        short = threads.delay
        gate.set()
        await busy
        return [long, short]

    long, short = in_time(ask())
    assert not begun
    assert long == pytest.approx(201 * LOAD.guess)
    assert short == pytest.approx(LOAD.guess)


def test_nobody_waits_while_a_thread_is_free() -> None:
    async def ask() -> list[float]:
        threads, gate = Threads(2, Paces(), metrics()), threading.Event()
        idle = threads.delay
        first = threads.run(LOAD, gate.wait, DEADLINE)
        one = threads.delay
        second = threads.run(LOAD, gate.wait, DEADLINE)
        both = threads.delay
        gate.set()
        await asyncio.gather(first, second)
        await until(lambda: threads.delay == 0)
        return [idle, one, both]

    idle, one, both = in_time(ask())
    assert idle == one == 0
    assert both > 0


def test_the_delay_grows_with_the_queue() -> None:
    async def ask() -> list[float]:
        threads, gate = stopped(), threading.Event()
        works, delays = [], []
        for _ in range(3):
            works += [threads.run(LOAD, gate.wait, DEADLINE) for _ in range(1000)]
            delays.append(threads.delay)
        gate.set()
        await asyncio.gather(*works)
        return delays

    assert in_time(ask()) == pytest.approx([1000 * LOAD.guess * n for n in (1, 2, 3)])


def test_what_takes_long_is_thought_to_take_as_long_again() -> None:
    async def ask() -> list[float]:
        now, begun, gate, delays = 100.0, threading.Event(), threading.Event(), []
        threads = Threads(1, Paces(), metrics(), clock=lambda: now)

        def wait() -> None:
            begun.set()
            gate.wait(DEADLINE)

        work = threads.run(Load("test", 2), wait)
        await until(begun.is_set)
        for taken in (0, 0.5, 1.5, 3, 7):
            now = 100 + taken
            delays.append(threads.delay)
        gate.set()
        await work
        return delays

    assert in_time(ask()) == pytest.approx([2, 1.5, 0.5, 3, 7])
