"""What a classifier is worth after each row: accuracy, calibrated confidence, early decisions."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from models.manifest import Calibration, EarlyDecision, RowReading
from training.data.datasets import DataSet, Split, as_rows
from training.networks.row_streams import RowStream, zero_states
from training.trainers.calibration import calibrate, calibration_error
from training.trainers.tasks import EVALUATION_BATCH

STOP_AT: Final = (0.9, 0.99, 0.999)


@dataclass(frozen=True, kw_only=True)
class RowScores:
    """The scores of `models.manifest.RowReading`, which says what each is."""

    temperatures: tuple[float, ...]
    accuracies: tuple[float, ...]
    confidences: tuple[float, ...]
    calibration_errors: tuple[float, ...]
    early_decisions: tuple[EarlyDecision, ...]
    n: int

    def reading(self, whole: str, whole_sha256: str) -> RowReading:
        """What the manifest says, of the model `whole` whose ONNX file has the digest `sha256`."""
        return RowReading(whole=whole, whole_sha256=whole_sha256, **vars(self))


def score_rows(stream: RowStream, data: DataSet, calibration: Calibration) -> RowScores:
    """Fit a temperature for each row on the validation digits, and score it on the test digits.

    Args:
        stream: on the CPU, in eval mode.
        data: its validation digits are those of `calibration`.
        calibration: of the whole graph; after the last row its temperature holds.

    """
    labels = data.validation.labels.cpu()
    logits = _logits(stream, data.validation)  # (n, 28, 10)
    *early, _ = logits.unbind(1)
    temperatures = [calibrate(row, labels).temperature for row in early]
    temperatures.append(calibration.temperature)
    labels = data.test.labels.cpu()
    calibrated = _logits(stream, data.test).double() / torch.tensor(temperatures)[:, None]
    confidence, decisions = calibrated.softmax(2).max(2)  # (n, 28) each
    right = (decisions == labels[:, None]).double()
    return RowScores(
        temperatures=tuple(temperatures),
        accuracies=tuple(right.mean(0).tolist()),
        confidences=tuple(confidence.mean(0).tolist()),
        calibration_errors=tuple(calibration_error(row, labels) for row in calibrated.unbind(1)),
        early_decisions=tuple(_decide_early(confidence, right, stop) for stop in STOP_AT),
        n=len(labels),
    )


def _decide_early(confidence: Tensor, right: Tensor, stop_at: float) -> EarlyDecision:
    """End each reading at the first row that is confident enough, or at the last; (n, 28) each."""
    enough = confidence >= stop_at
    enough[:, -1] = True
    last = enough.double().argmax(1)  # (n,): the first of the largest
    return EarlyDecision(
        stop_at=stop_at,
        rows=(last + 1).double().mean().item(),
        accuracy=right.gather(1, last[:, None]).mean().item(),
    )


def _logits(stream: RowStream, split: Split) -> Tensor:
    """The logits (n, 28, 10) after every row."""
    with torch.inference_mode():
        parts = [
            stream(as_rows(images.cpu()), *zero_states(stream, len(images)))[0]
            for images, _ in split.batches(EVALUATION_BATCH)
        ]
    return torch.cat(parts)
