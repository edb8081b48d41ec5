"""How cost grows, and where it bends: see `tests.benchmarks.bench`.

Four curves: a model's time over the batch, the time to read a picture over its side, the service's
rate over the connections, and over the workers.
"""

import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from service.images.read_image import read_image
from tests.benchmarks.tools.load import Post
from tests.benchmarks.tools.load import measure as ask
from tests.benchmarks.tools.model_forms import ours
from tests.benchmarks.tools.reading_ways import MAX_PIXELS
from tests.benchmarks.tools.report import Part, Table
from tests.benchmarks.tools.servers import OURS, UNREFUSED
from tests.benchmarks.tools.timing import Spread, Timing, knee, turns
from tests.benchmarks.tools.workloads import JPEG, PNG, encode, photo, workloads
from tests.support.servers.server import serve

BATCH, SIDE, CONNECTIONS, WORKERS = "batch", "side", "connections", "workers"
UNITS = {
    BATCH: "µs per image",
    SIDE: "ms",
    CONNECTIONS: "answers a second",
    WORKERS: "answers a second",
}
Curve = dict[int, list[float]]  # samples by size
Curves = dict[str, dict[str, Curve]]  # by what grows, and by line

HOW = (
    "By batch: the shipped models in the service's backend, one thread. By side: a square photo of "
    "a digit from bytes to 28 x 28, one thread, no server. By connections and workers: `bentoml "
    "serve` under wrk, {seconds} s each, on the same machine, told to refuse nothing; with "
    "{workers} workers where connections grow, and {connections} connections where workers do. "
    "Median (10th to 90th percentile) of {rounds} rounds. The knee is the point farthest from the "
    "straight line between both ends, both axes logarithmic."
)


@dataclass(frozen=True)
class Budget:
    """How much is measured."""

    rounds: int = 3
    seconds: int = 2  # of wrk; of 256 connections with photos few are answered in one
    cells: tuple[str, ...] = ("rnn", "gru", "lstm")
    batches: tuple[int, ...] = tuple(2**power for power in range(13))
    sides: tuple[int, ...] = (28, 64, 128, 256, 512, 1024, 2048, 4000)
    connections: tuple[int, ...] = tuple(2**power for power in range(9))
    workers: tuple[int, ...] = (1, 2)


def measure(budget: Budget) -> Part:
    """Measure all curves."""
    curves: Curves = {
        BATCH: {cell: _by_batch(cell, budget) for cell in budget.cells},
        SIDE: {form: _by_side(form, budget) for form in ("JPEG", "PNG")},
        **_of_service(budget),
    }
    how = HOW.format(
        seconds=budget.seconds,
        workers=budget.workers[-1],
        connections=_busy(budget),
        rounds=budget.rounds,
    )
    samples = {
        f"{what}: {UNITS[what]}": {
            line: {str(size): values for size, values in curve.items()}
            for line, curve in lines.items()
        }
        for what, lines in curves.items()
    }
    return Part("growth", how, table(curves), samples)


def table(curves: Curves) -> Table:
    """One row a line and size; the knee is marked."""
    rows = Table(("by", "of", "size", "found", "unit", "knee"), names=3)
    for what, lines in curves.items():
        for line, curve in lines.items():
            bend = knee({size: float(np.median(values)) for size, values in curve.items()})
            for size, values in curve.items():
                mark = "here" if size == bend else ""
                rows.add(what, line, f"{size:,}", str(Spread.of(values)), UNITS[what], mark)
    return rows


def _by_batch(cell: str, budget: Budget) -> Curve:
    """Microseconds per image."""
    found = _timed({n: Timing(ours(cell, n)) for n in budget.batches}, budget.rounds, cell)
    return {size: [1e6 * s / size for s in seconds] for size, seconds in found.items()}


def _by_side(form: str, budget: Budget) -> Curve:
    """Milliseconds to read a picture."""

    def timing(side: int) -> Timing:
        data = encode(photo().resize((side, side)), form)
        return Timing(lambda: read_image(data, MAX_PIXELS))

    found = _timed({side: timing(side) for side in budget.sides}, budget.rounds, form)
    return {side: [1e3 * s for s in seconds] for side, seconds in found.items()}


def _timed(timings: dict[int, Timing], rounds: int, what: str) -> Curve:
    """Seconds of each in every round."""
    for timing in timings.values():
        timing.calibrate()
    for timing in tqdm(list(turns(rounds, list(timings.values()))), desc=what, leave=False):
        timing.sample()
    return {size: timing.samples for size, timing in timings.items()}


def _of_service(budget: Budget) -> Curves:
    """Answers a second, by connections and by workers."""
    posts = {work.name: work.asks[OURS][1] for work in workloads() if work.name in (PNG, JPEG)}
    by_connections: dict[str, Curve] = {name: {} for name in posts}
    by_workers: dict[str, Curve] = {name: {} for name in posts}
    for workers in budget.workers:
        counts = budget.connections if workers == budget.workers[-1] else (_busy(budget),)
        for name, count, rates in _rates(workers, counts, posts, budget):
            if workers == budget.workers[-1]:
                by_connections[name][count] = rates
            if count == _busy(budget):
                by_workers[name][workers] = rates
    return {CONNECTIONS: by_connections, WORKERS: by_workers}


def _busy(budget: Budget) -> int:
    """The connections at which workers are compared: 64, if so many are measured."""
    return max(count for count in budget.connections if count <= 64)


def _rates(
    workers: int, counts: tuple[int, ...], posts: dict[str, Post], budget: Budget
) -> list[tuple[str, int, list[float]]]:
    """Answers a second of a service with so many workers, by request and connections."""
    settings = {"DEVICE": "cpu", "WORKERS": workers, **UNREFUSED}
    with (
        tempfile.TemporaryDirectory() as scratch,
        serve(Path(scratch), settings, as_shipped=True) as server,
    ):
        scripts = {name: post.script(Path(scratch)) for name, post in posts.items()}
        cases = list(itertools.product(posts, counts))
        rates: dict[tuple[str, int], list[float]] = {case: [] for case in cases}
        for case in tqdm(list(turns(budget.rounds, cases)), desc=f"{workers} workers", leave=False):
            name, count = case
            load = ask(
                server.url,
                scripts[name],
                posts[name].path,
                connections=count,
                seconds=budget.seconds,
            )
            rates[case].append(load.rate)
    return [(name, count, found) for (name, count), found in rates.items()]
