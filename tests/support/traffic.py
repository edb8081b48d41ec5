"""Traffic on a real server: as fast as it answers, or at a rate that does not care."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=120)


@dataclass(frozen=True)
class Ask:
    """A POST, the status that it deserves, and whether the JSON that comes with it is right."""

    path: str
    body: bytes
    content_type: str
    right: Callable[[Any], bool] = lambda _: True
    status: int = 200


@dataclass(frozen=True)
class Answer:
    """What came back, in how many seconds; `status` 0: the connection was lost.

    `late` is how many seconds after it was due the request was sent, this process being busy.
    """

    status: int
    right: bool
    seconds: float
    late: float
    headers: dict[str, str]


def upload(image: bytes, digit: int) -> Ask:
    """An image to `/predict`, which shows `digit`."""
    head = b'--form\r\nContent-Disposition: form-data; name="image"; filename="image"\r\n\r\n'
    body = head + image + b"\r\n--form--\r\n"
    kind = "multipart/form-data; boundary=form"
    return Ask("/predict", body, kind, lambda answer: bool(answer["digit"] == digit))


def keep_asking(
    url: str, asks: Iterator[Ask], *, connections: int, until: Callable[[], bool] = lambda: False
) -> list[Answer]:
    """Ask one after the other over several connections, on each as soon as it has answered."""

    async def one(session: aiohttp.ClientSession) -> list[Answer]:
        answers = []
        while not until() and (ask := next(asks, None)):
            answers.append(await _ask(session, url, ask, time.perf_counter()))
        return answers

    async def all_of_them() -> list[Answer]:
        async with _session() as session:
            found = await asyncio.gather(*[one(session) for _ in range(connections)])
        return [answer for answers in found for answer in answers]

    return asyncio.run(all_of_them())


def ask_at_a_rate(url: str, ask: Ask, *, rate: float, seconds: float) -> list[Answer]:
    """Ask `rate` times a second, whether or not earlier ones have been answered."""

    async def all_of_them() -> list[Answer]:
        async with _session() as session:
            begin, tasks = time.perf_counter(), []
            for i in range(int(rate * seconds)):
                due = begin + i / rate
                if (early := due - time.perf_counter()) > 0:
                    await asyncio.sleep(early)
                if time.perf_counter() > begin + seconds:
                    break  # this process cannot keep up
                tasks.append(asyncio.create_task(_ask(session, url, ask, due)))
            return await asyncio.gather(*tasks)

    return asyncio.run(all_of_them())


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=0))


async def _ask(session: aiohttp.ClientSession, url: str, ask: Ask, due: float) -> Answer:
    headers = {"content-type": ask.content_type}
    sent = time.perf_counter()
    try:
        async with session.post(url + ask.path, data=ask.body, headers=headers) as response:
            body = await response.json()
    except aiohttp.ClientConnectionError:
        return Answer(0, False, time.perf_counter() - sent, sent - due, {})
    right = response.status == ask.status and ask.right(body)
    took = time.perf_counter() - sent
    return Answer(response.status, right, took, sent - due, dict(response.headers))
