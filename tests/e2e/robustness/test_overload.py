"""More than the service can do: what it takes it answers rightly, the rest it refuses at once.

How soon it answers is measured by `tests.benchmarks.attacks`; see test_attacks.py too.
"""

import dataclasses
import io
import itertools
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.polling import DEADLINE
from tests.support.project import ROOT
from tests.support.servers.server import Server
from tests.support.servers.traffic import Answer, Ask, keep_asking, upload

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def seven(side: int) -> bytes:
    """The picture of a seven, `side` pixels high and wide, as a PNG."""
    file = io.BytesIO()
    with Image.open(ROOT / "docs" / "seven.png") as drawn:
        drawn.convert("L").resize((side, side)).save(file, "PNG", compress_level=1)
    return file.getvalue()


# A picture that costs the server much and the load, which this process makes, little.
LARGE = seven(2400)


def test_of_more_than_it_can_do_some_is_answered_and_the_rest_refused(refusing: Server) -> None:
    taken: list[int] = []

    def right(answer: Any) -> bool:
        taken.append(answer["digit"])
        return bool(answer["digit"] == 7)

    large = dataclasses.replace(upload(LARGE, 7), right=right)
    end = time.monotonic() + DEADLINE

    def enough() -> bool:
        return len(taken) >= 50 or time.monotonic() > end

    # Whoever is refused asks again at once: the service has never less to do.
    answers = keep_asking(refusing.url, itertools.repeat(large), connections=64, until=enough)
    assert len(taken) >= 50
    refused = [answer for answer in answers if answer.status == 429]
    assert {answer.status for answer in answers} == {200, 429}
    assert all(answer.right for answer in answers if answer.status == 200)
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}

    def recovered() -> bool:
        alone = keep_asking(refusing.url, itertools.repeat(upload(LARGE, 7), 5), connections=1)
        return all(answer.right for answer in alone)

    refusing.poll(recovered)


def beside_a_crowd(
    server: Server, path: str, files: Any, count: int, ask: Ask
) -> tuple[Counter[int], list[Answer]]:
    """The statuses of `count` uploads of `files` at once, and the answers to `ask` meanwhile."""

    def post(_: int) -> int:
        return httpx.post(f"{server.url}{path}", files=files, timeout=DEADLINE).status_code

    with ThreadPoolExecutor(count) as crowd:
        posted = [crowd.submit(post, i) for i in range(count)]
        answers = keep_asking(
            server.url,
            itertools.repeat(ask),
            connections=1,
            until=lambda: all(one.done() for one in posted),
        )
    return Counter(one.result() for one in posted), answers


def test_small_pictures_are_answered_beside_any_number_of_large_batches(refusing: Server) -> None:
    images = [("images", ("seven.png", LARGE, "image/png"))] * 4
    crowd, small = beside_a_crowd(refusing, "/predict_batch", images, 24, upload(seven(28), 7))
    assert {answer.status for answer in small} == {200}
    assert all(answer.right for answer in small)
    assert 200 in crowd
    assert crowd.keys() <= {200, 429}
