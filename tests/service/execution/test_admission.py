"""Who is let in: as many as may be under way, and nobody when the queue is too long."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from service.errors import TooManyRequestsError
from service.execution.admission import Admission, Limits
from service.execution.scheduler import QUICK_BYTES
from service.http.admission_gate import Door


class Queue:
    """A queue of a length that is told."""

    delay = 0.0


def admit(
    queue: Queue | None = None,
    *,
    pending: int = 9,
    held: int = 10**6,
    delay: float = 1,
    turns: int = 1,
) -> Admission:
    return Admission(queue or Queue(), Limits(pending, held, delay, turns))


def test_places_are_counted_and_given_back_even_after_a_failure() -> None:
    admission = admit(pending=1)

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
    admission = admit(queue, delay=0.25)
    queue.delay = 0.26
    with pytest.raises(TooManyRequestsError, match=r"would wait 0\.3 s, more than 0\.25 s"):
        admission.check()
    queue.delay = 0.25
    admission.check()


def test_many_images_wait_for_their_turn_but_not_for_long() -> None:
    async def ask() -> None:
        admission = admit(delay=0.01, turns=2)
        async with admission.turn(), admission.turn():
            with pytest.raises(TooManyRequestsError, match=r"longer than 0\.01 s; try again"):
                await admission.turn().__aenter__()
        async with admission.turn(), admission.turn():
            pass  # both were given back

    asyncio.run(ask())


def test_bytes_of_bodies_and_answers_are_counted_until_they_are_sent() -> None:
    admission = admit(held=100)
    with admission.place() as one, admission.place() as other:
        one.hold(10)
        one.hold(1000)  # it is alone
        with pytest.raises(TooManyRequestsError, match="hold 1000 bytes, no 1 more"):
            other.hold(1)
    with admission.place() as one, admission.place() as other:
        one.hold(60)
        other.hold(40)
        other.hold(30)  # an answer that is smaller than the body
        with pytest.raises(TooManyRequestsError, match="hold 40 bytes, no 61 more"):
            one.hold(61)
    with admission.place() as one:
        one.hold(100)


def test_a_body_holds_what_has_come_of_it_and_is_refused_where_there_is_no_room() -> None:
    async def ask() -> list[Any]:
        admission = admit(held=100)
        met: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            met.append(len((await receive())["body"]))
            met.append(len((await receive())["body"]))

        async def receive() -> Any:
            return {"type": "http.request", "body": b"x" * 30, "more_body": True}

        async def send(message: Any) -> None:
            met.append(message.get("status"))

        scope = {"type": "http", "method": "POST", "headers": [(b"content-length", b"9999999")]}
        with admission.place() as other:
            other.hold(50)
            await Door(app, lambda: admission)(scope, receive, send)
        return met

    assert asyncio.run(ask())[:2] == [30, 429]


def test_a_large_answer_beside_others_is_refused_before_it_begins() -> None:
    async def ask() -> list[httpx.Response]:
        admission = admit(held=100)
        both, met = asyncio.Event(), []

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            met.append(scope)
            if len(met) == 2:
                both.set()
            await both.wait()
            await PlainTextResponse("x" * 80)(scope, receive, slow(send))

        def slow(send: Any) -> Any:
            async def late(message: Any) -> None:
                await send(message)
                await asyncio.sleep(0)

            return late

        door: Any = Door(answer, lambda: admission)
        transport = httpx.ASGITransport(app=door)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await asyncio.gather(*[client.post("/") for _ in range(2)])

    assert sorted(response.status_code for response in asyncio.run(ask())) == [200, 429]


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
    admission = admit(queue, pending=places)
    door: Any = Door(PlainTextResponse("fine"), lambda: admission)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=door)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, "/", content=body)

    answer = asyncio.run(ask())
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == ("1" if status == 429 else None)
