"""How long a model takes on a GPU, in process: see `tests.benchmarks.bench`.

Without a GPU there is nothing to measure, and every goal says so.
"""

from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from service.inference import cuda
from service.settings import Device
from tests.benchmarks.tools import model_forms
from tests.benchmarks.tools.matrix_products import torch_floor
from tests.benchmarks.tools.report import Goal, Part, Table
from tests.benchmarks.tools.timing import Spread, Timing, ratio, turns
from training.recipes.shipped import RECIPES

ONE, MANY = 1, 4096
MICROSECONDS, FACTOR = 150.0, 2.0  # goals

HOW = (
    "The shipped ONNX files in the service's backend on {device}, arrays of the host in and out; "
    "median (10th to 90th percentile) of {rounds} rounds. What arithmetic and memory traffic allow "
    "is measured in the same rounds: the matrix products alone by torch.mm, in float32 as torch "
    "does them by default, and the pictures' way to the device and the logits' way back."
)


@dataclass(frozen=True)
class Budget:
    """How much is measured."""

    rounds: int = 30
    many: int = MANY
    cells: tuple[str, ...] = tuple(RECIPES)


def measure(budget: Budget, device: Device = "cuda") -> Part:
    """Time both batch sizes; `device` may be `cpu` to see that this works."""
    if device == "cuda" and (problem := cuda.driver_problem()):
        return Part("gpu", f"No GPU here: {problem}", table({}, str(problem)), {})
    found = {cell: _measure(cell, budget, device) for cell in tqdm(budget.cells, leave=False)}
    name = torch.cuda.get_device_name() if device == "cuda" else "the CPU"
    how = HOW.format(device=name, rounds=budget.rounds)
    return Part("gpu", how, table(found, ""), {"microseconds": found})


def _measure(cell: str, budget: Budget, device: Device) -> dict[str, list[float]]:
    """Microseconds of a whole run in every round."""
    timings = {
        "one": Timing(model_forms.ours(cell, ONE, device)),
        "many": Timing(model_forms.ours(cell, budget.many, device)),
        "allowed": Timing(_allowed(cell, budget.many, device)),
    }
    for timing in timings.values():
        timing.calibrate()
    for timing in turns(budget.rounds, list(timings.values())):
        timing.sample()
    return {name: [1e6 * s for s in timing.samples] for name, timing in timings.items()}


def _allowed(cell: str, batch: int, device: Device) -> model_forms.Call:
    products = torch_floor(RECIPES[cell], batch, device)
    rows = torch.from_numpy(np.zeros((batch, 28, 28), np.float32))
    logits = torch.zeros(batch, 10, device=device)

    def call() -> None:
        rows.to(device)
        products()
        logits.cpu()  # waits for the device

    return call


def table(found: dict[str, dict[str, list[float]]], why: str) -> Table:
    """One row a cell; `why` nothing was found, if so."""
    columns = ("cell", f"batch {ONE}, µs", f"batch {MANY}, µs", "allowed, µs")
    rows = Table(columns, names=1)
    for cell in found or RECIPES:
        samples = found.get(cell)
        spreads = [Spread.of(s) for s in samples.values()] if samples else []
        over = ratio(samples["many"], samples["allowed"]) if samples else None
        one = spreads[0] if spreads else None
        goals = [
            Goal(f"batch {ONE}", "under", MICROSECONDS, one, "µs", note=why),
            Goal(f"batch {MANY} over what is allowed", "at most", FACTOR, over, note=why),
        ]
        rows.add(cell, *(map(str, spreads) if spreads else ["-"] * 3), goals=goals)
    return rows
