"""How long a model takes in each form, one thread, no server: see `tests.benchmarks.bench`.

For every cell and batch size all forms and the floor take turns within each round.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from tests.benchmarks.tools.matrix_products import numpy_floor, torch_floor
from tests.benchmarks.tools.model_forms import EAGER, FORMS, OURS, OURS_OPENVINO, MissingError
from tests.benchmarks.tools.report import Goal, Part, Table
from tests.benchmarks.tools.timing import Spread, Timing, fastest, ratio, turns
from training.recipes.shipped import RECIPES

BATCHES = (1, 8, 64, 512)
LARGE = (64, 512)  # of which the goals of large batches speak
THREADS = 1
FLOORS = {"NumPy": numpy_floor, "torch.mm": torch_floor}
FLOOR = "floor"
Samples = dict[str, list[float]]  # microseconds per image in every round, by form

HOW = (
    "Microseconds per image, {threads} thread; median (10th to 90th percentile) of {rounds} "
    "rounds, in each of which every form takes its turn; ratios are taken within a round. Ours is"
    " the shipped ONNX file in the service's backends, with OpenVINO in bfloat16 where the "
    "processor has it; the goals of large batches are of the faster of the two. TorchScript and "
    "OpenVINO run the shipped files too, eager torch and torch.compile networks of the same "
    "shapes. OpenVINO and torch.compile are set for exactly each batch size, OpenVINO in float32."
    " The floor is the matrix products alone, by NumPy or torch.mm, whichever is faster."
)


@dataclass(frozen=True)
class Budget:
    """How much is measured."""

    rounds: int = 15
    seconds: float = 0.02  # of each measurement, or one run where that takes longer
    cells: tuple[str, ...] = tuple(RECIPES)
    batches: tuple[int, ...] = BATCHES


def measure(budget: Budget) -> Part:
    """Time all forms."""
    # The libraries of NumPy and scikit-learn; torch and the others are told on their own.
    with threadpool_limits(limits=THREADS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, which is known
        before = torch.get_num_threads()
        torch.set_num_threads(THREADS)
        try:
            found = _measure(budget)
        finally:
            torch.set_num_threads(before)
    how = HOW.format(threads=THREADS, rounds=budget.rounds)
    samples = {f"{cell}, batch {batch}": forms for (cell, batch), (forms, _) in found.items()}
    return Part("model", how, table(found), {"microseconds": samples})


def _measure(budget: Budget) -> dict[tuple[str, int], tuple[Samples, dict[str, str]]]:
    found: dict[tuple[str, int], tuple[Samples, dict[str, str]]] = {}
    sizes = [(cell, batch) for cell in budget.cells for batch in budget.batches]
    for cell, batch in tqdm(sizes, desc="model", unit="size", leave=False):
        timings, missing = _open(cell, batch, budget.seconds)
        for timing in turns(budget.rounds, list(timings.values())):
            timing.sample()
        scale = 1e6 / batch
        samples = {form: [scale * s for s in t.samples] for form, t in timings.items()}
        floors = {form: samples.pop(form) for form in FLOORS}
        found[cell, batch] = {**samples, FLOOR: fastest(floors)}, missing
    return found


def _open(cell: str, batch: int, seconds: float) -> tuple[dict[str, Timing], dict[str, str]]:
    """What can be timed, and why the rest cannot."""
    calls: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for form, opened in FORMS.items():
        try:
            calls[form] = opened(cell, batch)
        except MissingError as error:
            missing[form] = str(error)
    for form, floor in FLOORS.items():
        calls[form] = floor(RECIPES[cell], batch)
    timings = {form: Timing(call, seconds) for form, call in calls.items()}
    for timing in timings.values():
        timing.calibrate()
    return timings, missing


def table(found: dict[tuple[str, int], tuple[Samples, dict[str, str]]]) -> Table:
    """One row a cell and batch size; a form that is missing is named with the reason."""
    shown = [*FORMS, FLOOR]
    rows = Table(("cell", "images", *shown), names=2)
    for (cell, batch), (samples, missing) in found.items():
        cells = [
            str(Spread.of(samples[form])) if form in samples else missing[form] for form in shown
        ]
        rows.add(cell, f"batch {batch}", *cells, goals=goals(batch, samples, missing))
    return rows


def goals(batch: int, samples: Samples, missing: dict[str, str]) -> list[Goal]:
    """What is wished for at batch 1 and at large ones."""
    mine = samples[OURS]
    if batch == BATCHES[0]:
        allowed = [1.5 * floor + 20 for floor in samples[FLOOR]]
        return [
            Goal(f"speed over {EAGER}", "at least", 3, ratio(samples[EAGER], mine)),
            Goal("time over 1.5 x floor + 20 µs", "at most", 1, ratio(mine, allowed)),
        ]
    if batch in LARGE:
        others = [form for form in FORMS if form not in (OURS, OURS_OPENVINO)]
        both = {form: samples[form] for form in (OURS, OURS_OPENVINO) if form in samples}
        return [
            Goal(
                f"speed over {form}",
                "above",
                1,
                ratio(samples[form], fastest(both)) if form in samples else None,
                note=missing.get(form, ""),
            )
            for form in others
        ]
    return []
