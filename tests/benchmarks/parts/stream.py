"""How soon a row is answered over the WebSocket: see `tests.benchmarks.bench`.

Every stream writes as somebody does by hand, a row now and then, while the others do; a row's round
trip is from the moment that it is handed to the client's library until its answer is there.
"""

import asyncio
import json
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import connect

from tests.benchmarks.tools.model_forms import ours
from tests.benchmarks.tools.report import Goal, Part, Table
from tests.benchmarks.tools.timing import Timing, turns
from tests.support.published import picture
from tests.support.servers.server import serve

MEDIAN, WORST = 1.0, 2.0  # goals: milliseconds at the median and at the 99th percentile
ALONE = 20.0  # goal: microseconds of a model for one row, in process
MANY = 50  # streams at once that the goals speak of
ROWS = 28
STREAMS = ("rnn", "gru", "lstm")  # the models that have a graph `NAME-rows`

HOW = (
    "WebSocket `/stream` of one worker and its client, that of `websockets` in one process, on the "
    "same machine; the shipped LSTM. Every stream sends a row each {pause:.0f} ms, at a moment of "
    "its own, digit after digit for {seconds:g} s; milliseconds until a row's answer is there. "
    "The models alone are the graphs `NAME-rows` in the service's backend, in this process on one "
    "thread: one row, again and again."
)


@dataclass(frozen=True)
class Budget:
    """How much is measured."""

    streams: tuple[int, ...] = (1, MANY)
    seconds: float = 10
    pause: float = 0.05  # seconds from row to row: a digit in a second and a half
    rounds: int = 30  # of the models alone


def measure(budget: Budget) -> Part:
    """Start the service, and stream to it."""
    found: dict[int, list[float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder), {"DEVICE": "cpu"}, as_shipped=True) as server,
    ):
        url = server.url.replace("http", "ws", 1) + "/stream"
        for streams in budget.streams:
            found[streams] = asyncio.run(_stream(url, streams, budget))
    how = HOW.format(pause=1000 * budget.pause, seconds=budget.seconds)
    samples: dict[str, Any] = {str(streams): times for streams, times in found.items()}
    return Part("stream", how, table(found, budget.seconds, _alone(budget.rounds)), samples)


def _alone(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of one row in every round, by the model, without any service."""
    timings = {name: Timing(ours(f"{name}-rows", 1)) for name in STREAMS}
    for timing in timings.values():
        timing.calibrate()
    for timing in turns(rounds, list(timings.values())):
        timing.sample()
    return {name: [1000 * s for s in timing.samples] for name, timing in timings.items()}


def table(found: dict[int, list[float]], seconds: float, alone: dict[str, list[float]]) -> Table:
    """One row a number of streams, and one a model alone."""
    rows = Table(("streams at once", "rows a second", "p50, ms", "p99, ms", "p99.9, ms"), names=1)
    for streams, times in found.items():
        median, most, last = np.percentile(times, (50, 99, 99.9)).tolist()
        goals = [
            Goal("row's round trip, median", "at most", MEDIAN, median, "ms"),
            Goal("row's round trip, p99", "at most", WORST, most, "ms"),
        ]
        rows.add(
            str(streams),
            f"{len(times) / seconds:,.0f}",
            *(f"{value:.2f}" for value in (median, most, last)),
            goals=goals if streams == MANY else (),
        )
    for name, times in alone.items():
        median, most, last = np.percentile(times, (50, 99, 99.9)).tolist()
        goal = Goal("model's time for a row", "at most", ALONE, 1000 * median, "µs")
        cells = (f"{1000 / median:,.0f}", *(f"{value:.4f}" for value in (median, most, last)))
        rows.add(f"model alone, {name}", *cells, goals=[goal])
    return rows


async def _stream(url: str, streams: int, budget: Budget) -> list[float]:
    """The milliseconds of every row of so many streams."""
    draw = random.Random(0)
    begins = [draw.uniform(0, budget.pause) for _ in range(streams)]
    several = await asyncio.gather(*(_write(url, begin, budget) for begin in begins))
    return [time for times in several for time in times]


async def _write(url: str, begin: float, budget: Budget) -> list[float]:
    digit = picture(7)
    times: list[float] = []
    async with connect(url, compression=None, proxy=None) as socket:
        await asyncio.sleep(begin)
        start = time.perf_counter()
        for number in range(int(budget.seconds / budget.pause)):
            row = number % ROWS
            if number and row == 0:
                await socket.send('{"reset": true}')
                await socket.recv()
            await asyncio.sleep(max(0.0, start + number * budget.pause - time.perf_counter()))
            before = time.perf_counter()
            await socket.send(digit[row].tobytes())
            answer = await socket.recv()
            times.append(1000 * (time.perf_counter() - before))
            if json.loads(answer).get("row") != row + 1:
                raise RuntimeError(f"row {row + 1} was answered with {answer!r:.200}")
    return times
