"""How many tasks run at a time, who is next, and who is told to come back."""

import asyncio
import time

import pytest

from service.errors import TooManyRequestsError
from service.execution.wait_queue import WaitQueue
from tests.support.metrics import metrics


def test_as_many_run_as_there_are_slots_in_the_order_in_which_they_came() -> None:
    began: list[int] = []
    most = 0

    async def task(limiter: WaitQueue, number: int) -> None:
        nonlocal most
        async with limiter.slot():
            began.append(number)
            running = len(began) - len(ended)
            most = max(most, running)
            await asyncio.sleep(0)
            ended.append(number)

    ended: list[int] = []

    async def ask() -> None:
        limiter = WaitQueue(2, 60, metrics())
        await asyncio.gather(*[task(limiter, number) for number in range(9)])

    asyncio.run(ask())
    assert began == list(range(9))
    assert most == 2


def test_who_waits_for_too_long_is_refused_and_leaves_the_queue() -> None:
    async def ask() -> None:
        limiter = WaitQueue(1, 0.01, metrics())
        async with limiter.slot():
            with pytest.raises(TooManyRequestsError, match=r"not begun within 0\.01 s"):
                await limiter.acquire()
            assert limiter.delay == 0
        async with limiter.slot():
            pass  # the slot was not lost

    asyncio.run(ask())


def test_the_patient_wait_for_any_time() -> None:
    async def ask() -> None:
        limiter = WaitQueue(1, 0.01, metrics())
        await limiter.acquire()
        waiting = asyncio.ensure_future(limiter.acquire(patient=True))
        await asyncio.sleep(0.05)
        limiter.release()
        await asyncio.wait_for(waiting, 30)

    asyncio.run(ask())


def test_the_delay_is_what_the_next_one_waits_already() -> None:
    async def ask() -> None:
        limiter = WaitQueue(1, 60, metrics())
        assert limiter.delay == 0
        await limiter.acquire()
        assert limiter.delay == 0
        first = asyncio.ensure_future(limiter.acquire())
        await asyncio.sleep(0.02)
        began = time.monotonic()
        second = asyncio.ensure_future(limiter.acquire())
        await asyncio.sleep(0)
        assert limiter.delay >= 0.02
        first.cancel()
        await asyncio.wait([first])
        assert limiter.delay <= time.monotonic() - began  # it is the second's by now
        limiter.release()
        await second

    asyncio.run(ask())
