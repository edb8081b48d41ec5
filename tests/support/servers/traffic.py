"""Traffic on a real server, over several connections, as fast as it answers."""

import asyncio
import io
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
    """What came back; `status` 0: the connection was lost."""

    status: int
    right: bool
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
            answers.append(await _ask(session, url, ask))
        return answers

    async def all_of_them() -> list[Answer]:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=TIMEOUT, connector=connector) as session:
            found = await asyncio.gather(*[one(session) for _ in range(connections)])
        return [answer for answers in found for answer in answers]

    return asyncio.run(all_of_them())


async def _ask(session: aiohttp.ClientSession, url: str, ask: Ask) -> Answer:
    headers = {"content-type": ask.content_type}
    body = io.BytesIO(ask.body)  # whose length aiohttp knows, and which it sends piece by piece
    try:
        async with session.post(url + ask.path, data=body, headers=headers) as response:
            answer = await response.json()
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):  # the latter amid an answer
        return Answer(0, False, {})
    right = response.status == ask.status and ask.right(answer)
    return Answer(response.status, right, dict(response.headers))
