"""What requests made to cost much cost others: `python -m tests.benchmarks.attacks`, five minutes.

One client sends each of `tests.support.servers.attacks` over 8 connections for some seconds to a
server of one worker as it is shipped. Meanwhile a second client posts one ordinary picture after
the other (a PNG of 300 x 300 pixels), and a probe asks for `/livez` fifty times a second. A row
tells what the attacker was answered, how many of the second client's pictures were answered with
200 and how soon, how soon the probe was, and the largest memory of the server's processes together
and of one.
"""

import argparse
import asyncio
import itertools
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import numpy as np
import psutil

from tests.support.pictures.damaged_pictures import draw
from tests.support.published import picture
from tests.support.servers.attacks import ATTACKS
from tests.support.servers.server import Server, serve
from tests.support.servers.traffic import Ask, keep_asking, upload

CONNECTIONS, PROBES_A_SECOND = 8, 50
MIB = 2**20
COLUMNS = (
    "attack", "attacker was answered", "others' 200", "others p50, p99, ms",
    "`/livez` p99, longest, ms", "memory, MiB: all, one",
)  # fmt: skip


@dataclass
class Outcome:
    """What others met during one attack."""

    attacker: Counter[int] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    together: int = 0  # bytes
    largest: int = 0  # bytes, of one process

    @property
    def answered(self) -> float:
        """The share of the other client's pictures that were answered with 200."""
        return self.statuses[200] / max(1, self.statuses.total())

    def row(self, name: str) -> str:
        """One line of the table."""
        statuses = ", ".join(f"{n} x {status}" for status, n in sorted(self.attacker.items()))
        share = f"{self.statuses[200]} of {self.statuses.total()}"
        p50, p99 = 1e3 * np.percentile(self.seconds, (50, 99))
        probes = 1e3 * np.percentile(self.probes, 99), 1e3 * max(self.probes)
        memory = self.together // MIB, self.largest // MIB
        cells = (
            name, statuses or "none yet", share, f"{p50:.0f}, {p99:.0f}",
            f"{probes[0]:.0f}, {probes[1]:.0f}", f"{memory[0]}, {memory[1]}",
        )  # fmt: skip
        return f"| {' | '.join(cells)} |"


def attack(url: str, name: str, seconds: float) -> Counter[int]:
    """Send it again and again, and count the statuses of the answers; in a process of its own."""
    end = time.monotonic() + seconds
    asks = itertools.repeat(ATTACKS[name]())
    answers = keep_asking(url, asks, connections=CONNECTIONS, until=lambda: time.monotonic() > end)
    return Counter(answer.status for answer in answers)


def measure(server: Server, name: str | None, seconds: float, pool: ProcessPoolExecutor) -> Outcome:
    """What others meet while `name` is sent; None: while nothing is."""
    outcome, stop = Outcome(), threading.Event()
    watching = threading.Thread(target=_watch_memory, args=(server, outcome, stop))
    watching.start()
    try:
        attacker = pool.submit(attack, server.url, name, seconds) if name else None
        asyncio.run(_ask_meanwhile(server.url, outcome, seconds))
        if attacker:
            outcome.attacker = attacker.result()
    finally:
        stop.set()
        watching.join()
    return outcome


async def _ask_meanwhile(url: str, outcome: Outcome, seconds: float) -> None:
    ordinary = upload(draw("paper", picture(7), 0), 7)
    end = time.monotonic() + seconds
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        await asyncio.gather(
            _post(session, url, ordinary, outcome, end), _probe(session, url, outcome, end)
        )


async def _post(
    session: aiohttp.ClientSession, url: str, ask: Ask, outcome: Outcome, end: float
) -> None:
    headers = {"content-type": ask.content_type}
    while (began := time.monotonic()) < end:
        async with session.post(url + ask.path, data=ask.body, headers=headers) as answer:
            await answer.read()
        outcome.statuses[answer.status] += 1
        outcome.seconds.append(time.monotonic() - began)


async def _probe(session: aiohttp.ClientSession, url: str, outcome: Outcome, end: float) -> None:
    while (began := time.monotonic()) < end:
        async with session.get(f"{url}/livez") as answer:
            await answer.read()
        outcome.probes.append(time.monotonic() - began)
        await asyncio.sleep(max(0.0, 1 / PROBES_A_SECOND - outcome.probes[-1]))


def _watch_memory(server: Server, outcome: Outcome, stop: threading.Event) -> None:
    root = psutil.Process(server.process.pid)
    while not stop.wait(0.02):
        sizes = []
        for process in root.children(recursive=True):
            try:
                sizes.append(process.memory_info().rss)
            except psutil.NoSuchProcess:
                continue
        outcome.together = max(outcome.together, sum(sizes))
        outcome.largest = max(outcome.largest, max(sizes, default=0))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"{', '.join(ATTACKS)} (all)")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n| {' | '.join(['---'] * len(COLUMNS))} |")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1) as pool,
        serve(Path(folder), {"DEVICE": "cpu"}, as_shipped=True) as server,
    ):
        for name in [None, *(arguments.names or ATTACKS)]:
            outcome = measure(server, name, arguments.seconds, pool)
            print(outcome.row(name or "none"), flush=True)


if __name__ == "__main__":
    main()
