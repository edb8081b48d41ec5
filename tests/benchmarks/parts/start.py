"""How soon the service is ready and what a worker holds: see `tests.benchmarks.bench`.

Memory is measured when the service is ready and has answered some pictures with each model. The
resident set counts every page that a process has mapped, the proportional set divides those that
several processes share, libraries above all, among them.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from tqdm import tqdm

from tests.benchmarks.tools.report import Goal, Part, Table
from tests.benchmarks.tools.timing import Spread, turns
from tests.support.project import ROOT
from tests.support.servers.server import Server, serve
from training.recipes.shipped import RECIPES

MIB = 2**20
READY, RESIDENT = 3.0, 200.0  # goals: seconds, MiB
ONNX, TORCHSCRIPT = "ONNX", "TorchScript"
BACKENDS: dict[str, Mapping[str, object]] = {
    ONNX: {"BACKEND": "onnxruntime"},
    TORCHSCRIPT: {"BACKEND": "torchscript"},
}

HOW = (
    "Seconds from `bentoml serve` to the first 200 of `/readyz`, and MiB of one worker of "
    "{workers} with the three shipped classifiers after {pictures} pictures for each; median (10th "
    "to 90th percentile) of {rounds} starts, the forms in turn. The operating system has the files "
    "in its cache."
)


@dataclass(frozen=True)
class Budget:
    """How much is measured."""

    rounds: int = 3
    pictures: int = 20
    workers: int = 2
    backends: tuple[str, ...] = tuple(BACKENDS)


@dataclass(frozen=True)
class Found:
    """One start: seconds, and MiB a worker."""

    ready: float
    resident: float
    proportional: float


def measure(budget: Budget) -> Part:
    """Start the service again and again."""
    found: dict[str, list[Found]] = {backend: [] for backend in budget.backends}
    order = turns(budget.rounds, budget.backends)
    total = budget.rounds * len(budget.backends)
    for backend in tqdm(order, total=total, desc="start", unit="start", leave=False):
        found[backend].append(_start(backend, budget))
    how = HOW.format(workers=budget.workers, pictures=budget.pictures, rounds=budget.rounds)
    samples = {backend: [vars(start) for start in starts] for backend, starts in found.items()}
    return Part("start", how, table(found), samples)


def table(found: Mapping[str, list[Found]]) -> Table:
    """One row a form of the models."""
    rows = Table(("models", "ready, s", "resident, MiB", "proportional, MiB"), names=1)
    for backend, starts in found.items():
        ready = Spread.of([start.ready for start in starts])
        resident = Spread.of([start.resident for start in starts])
        proportional = Spread.of([start.proportional for start in starts])
        goals = [
            Goal("ready", "at most", READY, ready, "s"),
            Goal("resident a worker", "at most", RESIDENT, resident, "MiB"),
        ]
        rows.add(
            backend,
            ready.shown(2),
            resident.shown(0),
            proportional.shown(0),
            goals=goals if backend == ONNX else (),
        )
    return rows


def _start(backend: str, budget: Budget) -> Found:
    settings = {"DEVICE": "cpu", "WORKERS": budget.workers, **BACKENDS[backend]}
    with tempfile.TemporaryDirectory() as folder:
        before = time.perf_counter()
        with serve(Path(folder), settings, as_shipped=True) as server:
            ready = time.perf_counter() - before
            _use(server, budget.pictures)
            held = [worker.memory_full_info() for worker in server.workers]
    return Found(
        ready,
        sum(memory.rss for memory in held) / len(held) / MIB,
        sum(memory.pss for memory in held) / len(held) / MIB,
    )


def _use(server: Server, pictures: int) -> None:
    """Let every worker run every model; each request has a connection, and so a worker, anew."""
    image = (ROOT / "docs" / "seven.png").read_bytes()
    with httpx.Client(base_url=server.url, headers={"Connection": "close"}, timeout=60) as client:
        for model in [name for name in RECIPES for _ in range(pictures)]:
            answer = client.post("/predict", files={"image": image}, data={"model": model})
            answer.raise_for_status()
