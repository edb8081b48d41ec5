"""What a reader of lines is worth: texts right by kind, and how far its confidence can be trusted.

Lines are read one by one, each in several views, as the service reads them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import torch
from torch import nn

from models.manifest import Calibration, Metric
from models.transcription import DIGITS, average, decode, text_log_probability, views
from training.data.datasets import DataSet
from training.data.lines.composition import Line
from training.data.lines.kinds import Kind, draw, draw_cells, draw_clean
from training.data.lines.parts import Digits
from training.trainers.calibration import BINS, fit_temperature

CALIBRATION_LINES: Final = 2_000  # of the validation digits
LINES_OF_A_KIND: Final = 100  # of the test digits
# The share of the validation lines that is accepted and wrong at most. In whole pictures, whose
# lines have to be found first, it is twice as much.
MOST_WRONG: Final = 0.0075
_TEST_SEED = 2_000_003
_CLEAN: Final[tuple[Kind, ...]] = ("single", "apart", "touching", "long")
_DAMAGED: Final[tuple[Kind, ...]] = ("single", "apart", "touching", "long", "marks", "other")


@dataclass(frozen=True)
class Reading:
    """A line that was read: whether it is a number by its reading, and whether that is right.

    `log_probability` is that of the text, uncalibrated.
    """

    is_number: bool
    right: bool
    log_probability: float


def test_lines(data: DataSet) -> list[tuple[str, Line]]:
    """Lines of the test digits, each with the name of its kind; always the same.

    Clean lines are of one even hand on good paper; the others are damaged as those that train.
    """
    digits = Digits(data.test)
    makers: dict[str, Callable[[np.random.Generator], Line]] = {
        f"clean_{kind}": partial(draw_clean, digits, kind=kind) for kind in _CLEAN
    }
    makers |= {kind: partial(draw, digits, kind=kind) for kind in _DAMAGED}
    makers["cells"] = partial(draw_cells, digits)
    return [
        (name, make(np.random.default_rng([_TEST_SEED, number, i])))
        for number, (name, make) in enumerate(makers.items())
        for i in range(LINES_OF_A_KIND)
    ]


def read_lines(
    network: nn.Module, lines: Sequence[Line], on_progress: Callable[[int], object]
) -> list[Reading]:
    """Read `lines`, one by one, by a network on the CPU in eval mode."""
    readings = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one line is too little to share
    for line in lines:
        with torch.inference_mode():
            strips = torch.from_numpy(views(np.asarray(line.strip / 255, np.float32)))
            log_probabilities = average(network(strips).numpy())
        labels = [stretch.label for stretch in decode(log_probabilities)]
        readings.append(
            Reading(
                is_number=bool(labels) and max(labels) < DIGITS,
                right=tuple(labels) == line.labels,
                log_probability=text_log_probability(log_probabilities, labels),
            )
        )
        on_progress(1)
    torch.set_num_threads(threads)
    return readings


def scores_by_kind(kinds: Sequence[str], readings: Sequence[Reading]) -> list[Metric]:
    """The share of the lines of each kind that are read without a fault."""
    right: dict[str, list[bool]] = {}
    for kind, reading in zip(kinds, readings, strict=True):
        right.setdefault(kind, []).append(reading.right)
    return [
        Metric(split="test", name=f"accuracy_{kind}", value=sum(of) / len(of), n=len(of))
        for kind, of in right.items()
    ]


def calibrate_lines(readings: Sequence[Reading]) -> Calibration:
    """Fit the temperature of the numbers among `readings`, and the threshold of acceptance.

    The threshold is the least with which at most `MOST_WRONG` of them are accepted and wrong.
    """
    numbers = [reading for reading in readings if reading.is_number]
    sure = torch.tensor([r.log_probability for r in numbers]).double().clamp(max=-1e-12)
    logits = torch.stack([sure, torch.log(-torch.expm1(sure))], dim=1)
    right = torch.tensor([reading.right for reading in numbers])
    temperature = fit_temperature(logits, (~right).long())
    confidence = (logits / temperature).softmax(dim=1)[:, 0]
    threshold = _threshold(confidence, right, MOST_WRONG * len(readings))
    return Calibration(
        temperature=temperature,
        threshold=threshold,
        rejected=(confidence < threshold).double().mean().item(),
        calibration_error=_calibration_error(confidence, right),
        uncalibrated_error=_calibration_error(logits.exp()[:, 0], right),
        bins=BINS,
        n=len(numbers),
    )


def _threshold(confidence: torch.Tensor, right: torch.Tensor, most: float) -> float:
    """The least confidence from which on at most so many are wrong; 1 where the surest one is."""
    in_order, order = confidence.sort(descending=True)
    few = int(((~right[order]).double().cumsum(0) <= most).sum())
    return in_order[few - 1].item() if few else 1.0


def _calibration_error(confidence: torch.Tensor, right: torch.Tensor) -> float:
    """The expected calibration error of confidences (n,) in equal bins."""
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    gap = torch.zeros(BINS, dtype=torch.double).index_add(0, bins, right.double() - confidence)
    return gap.abs().sum().item() / len(right)
