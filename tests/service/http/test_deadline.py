"""The time a request may take: what exceeds it is cancelled and answered, and nothing else."""

import asyncio
from typing import Any

import pytest

from service.errors import RequestTimeoutError
from service.http.deadline import Deadline


def pass_through(app: Any, *, kind: str = "http", seconds: float = 0.01) -> None:
    asyncio.run(Deadline(app, seconds)({"type": kind}, None, None))


def test_what_takes_too_long_is_cancelled() -> None:
    cancelled = []

    async def hang(*_: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(RequestTimeoutError, match=r"not done within 0\.01 s"):
        pass_through(hang)
    assert cancelled


def test_a_timeout_of_the_work_itself_is_not_mistaken_for_it() -> None:
    async def fail(*_: Any) -> None:
        raise TimeoutError("of a disk")

    with pytest.raises(TimeoutError, match="of a disk"):
        pass_through(fail, seconds=60)


def test_only_requests_end() -> None:
    async def live(*_: Any) -> None:
        await asyncio.sleep(0.05)  # longer than a request may

    pass_through(live, kind="lifespan")
