"""Who is let in: as many as may be under way, and nobody when the queue is too long."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from service.admission import Admission, Door
from service.errors import TooManyRequestsError


class Queue:
    """A queue of a length that is told."""

    delay = 0.0


def test_places_are_counted_and_given_back_even_after_a_failure() -> None:
    admission = Admission(Queue(), max_pending=1, max_delay=1)

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
    admission = Admission(queue, max_pending=9, max_delay=0.25)
    queue.delay = 0.26
    with pytest.raises(TooManyRequestsError, match=r"would wait 0\.3 s, more than 0\.25 s"):
        admission.check()
    with pytest.raises(TooManyRequestsError), admission.place():
        pytest.fail("it was let in")
    queue.delay = 0.25
    with admission.place():
        admission.check()


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 429)])
def test_the_door_turns_work_away_and_lets_questions_pass(method: str, status: int) -> None:
    admission = Admission(Queue(), max_pending=0, max_delay=1)
    door: Any = Door(PlainTextResponse("fine"), lambda: admission)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=door)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, "/")

    answer = asyncio.run(ask())
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == ("1" if status == 429 else None)
