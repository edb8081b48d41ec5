"""More than the service can do: what it takes it answers rightly and soon, and it recovers."""

import io
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.support.project import ROOT
from tests.support.server import DEADLINE, Server, serve
from tests.support.traffic import Answer, Ask, ask_at_a_rate, keep_asking, upload

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def seven(side: int) -> bytes:
    """The picture of a seven, `side` pixels high and wide, as a PNG."""
    file = io.BytesIO()
    with Image.open(ROOT / "docs" / "seven.png") as drawn:
        drawn.convert("L").resize((side, side)).save(file, "PNG", compress_level=1)
    return file.getvalue()


# A picture that costs the server much and the load, which this process makes, little.
LARGE = seven(2400)
SEVEN = upload(LARGE, 7)


def for_seconds(seconds: float) -> Callable[[], bool]:
    """Whether they are over."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def percentile(percent: float, answers: list[Answer]) -> float:
    return float(np.percentile([a.seconds for a in answers if a.status == 200], percent))


def until_as_fast(server: Server, usual: float) -> list[Answer]:
    """The first few seconds of answers whose median is below twice the `usual`, in seconds.

    All of them are right; empty if there were none such in time.
    """
    is_late = for_seconds(DEADLINE)
    while not is_late():
        answers = keep_asking(
            server.url, itertools.repeat(SEVEN), connections=1, until=for_seconds(4)
        )
        if all(answer.right for answer in answers) and percentile(50, answers) < 2 * usual:
            return answers
    return []


def test_four_times_what_it_can_do_for_a_minute(tmp_path: Path) -> None:
    with serve(tmp_path, {"DEVICE": "cpu"}, as_shipped=True) as server:
        keep_asking(server.url, itertools.repeat(SEVEN), connections=2, until=for_seconds(2))
        before = keep_asking(
            server.url, itertools.repeat(SEVEN), connections=1, until=for_seconds(4)
        )
        sustained = keep_asking(  # one is decoded, one on its way; of more, some may be refused
            server.url, itertools.repeat(SEVEN), connections=2, until=for_seconds(6)
        )
        if turned_away := sum(answer.status == 429 for answer in before + sustained):
            pytest.skip(
                f"this machine is too busy: {turned_away} were refused without any overload"
            )
        rate = len(sustained) / 6
        answers = ask_at_a_rate(server.url, SEVEN, rate=4 * rate, seconds=60)
        recovered = until_as_fast(server, percentile(50, before))
    late = float(np.percentile([answer.late for answer in answers], 99))
    if late > 0.1:
        pytest.skip(
            f"this machine is too busy to make the load: requests went out {late:.1f} s late"
        )
    assert all(answer.right for answer in before + sustained)
    assert recovered
    taken = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(taken) + len(refused) == len(answers)
    assert all(answer.right for answer in taken)
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert percentile(99, taken) < 1
    # The load itself takes its share of the machine, and refusing costs something.
    assert len(taken) > 60 * rate / 4
    print(
        f"sustained {rate:.0f}/s; of {4 * rate:.0f}/s for 60 s {len(taken) / 60:.0f}/s taken, "
        f"p50 {percentile(50, taken):.3f} s, p99 {percentile(99, taken):.3f} s; "
        f"alone before {percentile(50, before):.4f} s, after {percentile(50, recovered):.4f} s"
    )


def statuses_of_a_crowd(server: Server, path: str, files: Any, count: int, ask: Ask) -> set[int]:
    """Of `count` uploads of `files` at once, beside which `ask` is always answered rightly."""

    def post(_: int) -> int:
        return httpx.post(f"{server.url}{path}", files=files, timeout=DEADLINE).status_code

    with ThreadPoolExecutor(20) as crowd:
        posted = [crowd.submit(post, i) for i in range(count)]
        asked = keep_asking(
            server.url,
            itertools.repeat(ask),
            connections=1,
            until=lambda: all(one.done() for one in posted),
        )
    assert {answer.status for answer in asked} == {200}
    assert all(answer.right for answer in asked)
    return {one.result() for one in posted}


def test_small_pictures_are_answered_beside_any_number_of_large_batches(tmp_path: Path) -> None:
    images = [("images", ("seven.png", LARGE, "image/png"))] * 4
    small = upload(seven(28), 7)
    with serve(tmp_path, {"DEVICE": "cpu", "THREADS": 1}, as_shipped=True) as server:
        found = statuses_of_a_crowd(server, "/predict_batch", images, 24, small)
    assert 200 in found
    assert found <= {200, 429}


def test_pictures_are_answered_beside_a_crowd_of_huge_ones(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("1", (6400, 7600), 1).save(file, "PNG")  # 48 megapixels in a few kilobytes
    huge = {"image": ("huge.png", file.getvalue(), "image/png")}
    usual = upload(seven(300), 7)
    with serve(tmp_path, {"DEVICE": "cpu"}, as_shipped=True) as server:
        found = statuses_of_a_crowd(server, "/predict", huge, 20, usual)
    assert found == {200, 429}
