"""What a classifier is worth after each row: measured on a network whose answers are known."""

import dataclasses

import pytest
import torch
from torch import Tensor

from models.manifest import Calibration
from training.data.datasets import DataSet, Split
from training.networks.row_streams import RowStream
from training.publication.row_scores import score_rows

CALIBRATION = Calibration(
    temperature=1.0,
    threshold=0.5,
    rejected=0.0,
    calibration_error=0.0,
    uncalibrated_error=0.0,
    bins=15,
    n=4,
)


class Knowing(RowStream):
    """Sees the label as soon as a row of its digit is lit, and is surer after the next."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.register_buffer("mean", torch.zeros(()))
        self.recurrent = torch.nn.RNN(28, 3)

    def forward(self, rows: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        seen = rows[:, :, :10].cumsum(1).clamp(max=2)  # (B, 28, 10)
        return seen * 4.0, hidden


def data(lit: list[int]) -> DataSet:
    """Four digits 0 to 3, each with its own column lit from the row in `lit` on."""
    images = torch.zeros(4, 28, 28, dtype=torch.uint8)
    for digit, row in enumerate(lit):
        images[digit, row:, digit] = 255
    split = Split(images, torch.arange(4))
    return DataSet("digits", split, split, split, {})


def test_accuracy_rises_as_the_digits_are_seen() -> None:
    scores = score_rows(Knowing(), data([0, 5, 5, 20]), CALIBRATION)
    assert scores.n == 4
    # Who has seen nothing says 0, which is right for the first digit alone.
    assert scores.accuracies == (0.25,) * 5 + (0.75,) * 15 + (1.0,) * 8
    assert len(scores.temperatures) == len(scores.confidences) == 28
    assert scores.confidences[0] < scores.confidences[6] < scores.confidences[-1]


def test_the_last_row_has_the_temperature_of_the_whole_graph() -> None:
    calibration = dataclasses.replace(CALIBRATION, temperature=1.75)
    assert score_rows(Knowing(), data([0, 1, 2, 3]), calibration).temperatures[-1] == 1.75


def test_a_reading_ends_at_the_first_row_that_is_sure_enough_or_at_the_last() -> None:
    scores = score_rows(Knowing(), data([0, 5, 5, 40]), CALIBRATION)
    by_stop = {early.stop_at: early for early in scores.early_decisions}
    assert list(by_stop) == [0.9, 0.99, 0.999]
    # The last digit is never seen, so it is read to its end and taken for a 0.
    assert by_stop[0.9].accuracy == 0.75
    assert by_stop[0.9].rows <= by_stop[0.99].rows <= by_stop[0.999].rows <= 28
    assert by_stop[0.9].rows >= (1 + 6 + 6 + 28) / 4


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_nobody_decides_early_who_never_knows(stop: int) -> None:
    scores = score_rows(Knowing(), data([40, 40, 40, 40]), CALIBRATION)
    assert scores.early_decisions[stop].rows == 28
    assert scores.early_decisions[stop].accuracy == 0.25
