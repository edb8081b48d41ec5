"""Who is let in: as many as may be under way, and nobody when the queue is too long."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from service.admission import Admission, Door
from service.errors import TooManyRequestsError
from service.scheduler import QUICK_BYTES


class Queue:
    """A queue of a length that is told."""

    delay = 0.0


def test_places_are_counted_and_given_back_even_after_a_failure() -> None:
    admission = Admission(Queue(), max_pending=1, max_delay=1, turns=1)

    def fail_inside() -> None:
        with admission.place():
            with pytest.raises(TooManyRequestsError, match="1 requests are under way"):
                admission.place().__enter__()
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            fail_inside()


def test_a_long_queue_takes_nobody_until_it_is_shorter() -> None:
    queue = Queue()
    admission = Admission(queue, max_pending=9, max_delay=0.25, turns=1)
    queue.delay = 0.26
    with pytest.raises(TooManyRequestsError, match=r"would wait 0\.3 s, more than 0\.25 s"):
        admission.check()
    queue.delay = 0.25
    admission.check()


def test_many_images_wait_for_their_turn_but_not_for_long() -> None:
    async def ask() -> None:
        admission = Admission(Queue(), max_pending=9, max_delay=0.01, turns=2)
        async with admission.turn(), admission.turn():
            with pytest.raises(TooManyRequestsError, match=r"longer than 0\.01 s; try again"):
                await admission.turn().__aenter__()
        async with admission.turn(), admission.turn():
            pass  # both were given back

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("method", "body", "places", "delay", "status"),
    [
        ("GET", b"", 0, 9, 200),
        ("POST", b"", 0, 0, 429),
        ("POST", bytes(QUICK_BYTES + 1), 1, 0, 200),
        ("POST", bytes(QUICK_BYTES + 1), 1, 9, 429),
        # It may need no thread.
        ("POST", bytes(QUICK_BYTES), 1, 9, 200),
    ],
)
def test_the_door_turns_work_away_and_lets_questions_pass(
    method: str, body: bytes, places: int, delay: float, status: int
) -> None:
    queue = Queue()
    queue.delay = delay
    admission = Admission(queue, max_pending=places, max_delay=1, turns=1)
    door: Any = Door(PlainTextResponse("fine"), lambda: admission)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=door)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, "/", content=body)

    answer = asyncio.run(ask())
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == ("1" if status == 429 else None)
