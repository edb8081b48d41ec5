"""How many pods a load takes: `python -m tests.benchmarks.capacity`, two minutes.

First one worker is measured on one core, with one request after the other: the processor seconds of
each, its parsing included, and the seconds until its answer. Then a pod is simulated as one server
with a queue: requests come at random (Poisson), take what one of the measured ones took, and are
refused after waiting for `ROWREADER_MAX_DELAY_SECONDS`. The first table goes by processor seconds.
For the second, requests are sent to the worker at half of what it can do by the seconds until an
answer, at most of it and at half more than that, whatever it answers; beside it stands the model of
the same seconds. The model is worth what this table shows.
"""

import argparse
import asyncio
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from service.images.read_image import read_image
from service.settings import Settings
from tests.benchmarks.damage import load
from tests.benchmarks.tools.conditions import conditions, sentence
from tests.support.pictures.damaged_pictures import draw
from tests.support.servers.server import Server, serve

RATE = 1000.0  # requests a second that are asked for
TARGETS = (0.6, 0.8)  # of a pod's processor; the first is the autoscaler's
LOADS = (0.5, 0.8, 1.5)  # of what the worker can do, for the comparison
KINDS = ("clean", "paper", "noise", "mixed")
REQUESTS = 200_000  # simulated for each figure

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """Seconds until each answer that was no refusal, and the share of refusals."""

    seconds: Seconds
    refused: float

    def cells(self) -> str:
        """Cells of a table: p50 and p99 in milliseconds, and the refusals in percent."""
        middle, late = np.percentile(self.seconds, (50, 99)) * 1e3
        return f"{middle:,.1f} | {late:,.1f} | {self.refused:.0%}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.capacity")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measured load")
    seconds = parser.parse_args().seconds
    found = conditions()
    needed, compared = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder), {"DEVICE": "cpu", "WORKERS": 1}, as_shipped=True) as server,
    ):
        _pin(server)
        for name, images in pictures().items():
            count = 200 if len(images[0]) < 9999 else 40
            took, late = one_by_one(server, images, count)
            needed.append(_pods(name, took))
            for share in LOADS:
                rate = share / late.mean()
                modelled = simulate(late, rate)
                measured = asyncio.run(_send(server.url, images, rate, seconds))
                compared.append(
                    f"| {name} | {share:.0%} | {rate:,.0f} | {measured.cells()} "
                    f"| {modelled.cells()} |"
                )
    columns = "".join(f" pods at {share:.0%} | p50, ms | p99, ms |" for share in TARGETS)
    print(f"| picture | ms of a core |{columns}\n|{' --- |' * (2 + 3 * len(TARGETS))}")
    print(*needed, sep="\n")
    print(
        "\n| picture | load | requests a second | p50, ms | p99, ms | refused "
        f"| model: p50 | p99 | refused |\n|{' --- |' * 9}"
    )
    print(*compared, sep="\n")
    print(f"\n{sentence(found)}")


def pictures() -> dict[str, list[bytes]]:
    """Uploads of each kind: pictures in MNIST's form, and photos of 12 megapixels."""
    images, _ = load("digits", len(KINDS))
    rows = [read_image(draw("clean", image, 0), 10**6).rows for image in images]
    small = [_encode((255 * picture).round().astype(np.uint8), ".png") for picture in rows]
    drawn = [
        np.asarray(cv2.imdecode(np.frombuffer(draw(kind, image, 0), np.uint8), cv2.IMREAD_COLOR))
        for kind, image in zip(KINDS, images, strict=True)
    ]
    sized = [cv2.resize(photo, (4000, 3000), interpolation=cv2.INTER_CUBIC) for photo in drawn]
    photos = [_encode(np.asarray(photo, np.uint8), ".jpg") for photo in sized]
    return {"28 x 28, PNG": small, "photo of 12 megapixels, JPEG": photos}


def _encode(pixels: NDArray[np.uint8], form: str) -> bytes:
    return cv2.imencode(form, pixels)[1].tobytes()


def _pin(server: Server) -> None:
    """Give the server one core, and this process, which asks, the others."""
    processes = [psutil.Process(server.process.pid)]
    processes += processes[0].children(recursive=True)
    first, *others = sorted(psutil.Process().cpu_affinity())
    for process in processes:
        process.cpu_affinity([first])
    psutil.Process().cpu_affinity(others or [first])


def one_by_one(server: Server, images: list[bytes], count: int) -> tuple[Seconds, Seconds]:
    """What each of `count` requests takes of the processor, and until its answer, (count,) each."""
    took, late = [], []

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            for number in range(count + count // 4):
                before, began = _consumed(server), time.perf_counter()
                await _post(session, server.url, images[number % len(images)])
                late.append(time.perf_counter() - began)
                took.append(_consumed(server) - before)

    asyncio.run(ask())
    first = count // 4  # these start processes
    return np.array(took[first:]), np.array(late[first:])


def _consumed(server: Server) -> float:
    """Processor seconds of the server so far, to the nanosecond, of every thread that lives."""
    processes = [psutil.Process(server.process.pid)]
    processes += processes[0].children(recursive=True)
    total = 0
    for process in processes:
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


async def _post(session: aiohttp.ClientSession, url: str, image: bytes) -> int:
    form = aiohttp.FormData()
    form.add_field("image", image, filename="image", content_type="application/octet-stream")
    async with session.post(f"{url}/predict", data=form) as answer:
        await answer.read()
        return answer.status


async def _send(url: str, images: list[bytes], rate: float, seconds: float) -> Answers:
    """Post at random moments, whatever the server does; a latency counts from that moment."""
    gaps = np.random.default_rng(0).exponential(1 / rate, int(rate * seconds))
    began = time.perf_counter()
    moments = began + np.cumsum(gaps)

    async def ask(session: aiohttp.ClientSession, number: int, moment: float) -> tuple[int, float]:
        try:
            status = await _post(session, url, images[number % len(images)])
        except aiohttp.ClientError:
            status = 429  # it was refused, and hung up on, before the picture was sent
        return status, time.perf_counter() - moment

    tasks = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        for number, moment in enumerate(moments):
            if (wait := moment - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(ask(session, number, float(moment))))
        answers = await asyncio.gather(*tasks)
    good = np.array([late for status, late in answers if status == 200])
    return Answers(good, 1 - len(good) / len(answers))


def simulate(took: Seconds, rate: float) -> Answers:
    """One server and its queue, `rate` requests a second at random, each as one of `took`."""
    chance = np.random.default_rng(0)
    gaps = chance.exponential(1 / rate, REQUESTS)
    work = chance.choice(took, REQUESTS)
    patience = Settings().max_delay_seconds
    late, waiting = [], 0.0
    for gap, seconds in zip(gaps.tolist(), work.tolist(), strict=True):
        waiting = max(0.0, waiting - gap)
        if waiting <= patience:
            waiting += seconds
            late.append(waiting)
    return Answers(np.array(late), 1 - len(late) / REQUESTS)


def _pods(name: str, took: Seconds) -> str:
    """A row: how many pods of one core, and how soon they answer."""
    cells = []
    for share in TARGETS:
        pods = math.ceil(RATE * took.mean() / share)
        middle, late = np.percentile(simulate(took, RATE / pods).seconds, (50, 99)) * 1e3
        cells.append(f"{pods} | {middle:,.1f} | {late:,.1f}")
    return f"| {name} | {took.mean() * 1e3:.2f} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
