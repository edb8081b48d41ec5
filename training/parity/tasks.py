"""Parity tasks: what every form of a model must do, and how it is compared with eager torch.

classify     read every image; the decisions and the accuracy must be the same
reconstruct  code or decode every image; the reconstruction error must be the same
regress      follow a sequence over 1,000 windows, handing the state on; the error must be the same,
             and the difference to eager torch must not grow on the way
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.arrays import Arrays, Floats
from models.manifest import State
from training.data.datasets import Split, as_rows
from training.parity.structure import Check

BATCH_SIZES = (1, 2, 7, 256)
REFERENCE_BATCH = max(BATCH_SIZES)  # of the eager outputs that all others are compared with
ERROR_RTOL = 1e-5  # of a mean squared error; another order of its sum alone changes it by 1e-6
MAX_GROWTH = 3.0  # of the largest difference, from the first tenth of the windows to the last
RESOLUTION = 1e-6  # of the difference of two float32 values near 1; smaller ones are noise

Run = Callable[[Arrays], dict[str, Floats]]
OnProgress = Callable[[int], object]
Integers = NDArray[np.int64]


@dataclass(kw_only=True)
class Verdict:
    """How the outputs of one form compare with eager torch's; see `models.manifest.Parity`."""

    n: int
    agreed: int | None = None
    accuracy: float | None = None
    error: float | None = None
    growth: float | None = None
    by_row: tuple[float, ...] | None = None
    problems: list[tuple[Check, str]] = field(default_factory=list)


class ParityTask(ABC):
    """A task that every form of a model does at every batch size."""

    @abstractmethod
    def __len__(self) -> int:
        """How far `on_progress` counts at each batch size: calls at batch size 1, or images."""

    @abstractmethod
    def outputs(self, run: Run, batch_size: int, on_progress: OnProgress) -> dict[str, Floats]:
        """All outputs of `run` at this batch size, by name.

        `on_progress(n)` is called after each batch; the n add up to `len(self)`.
        """

    @abstractmethod
    def judge(self, outputs: Arrays, reference: Arrays) -> Verdict:
        """Compare the outputs of a form with those of eager torch."""

    def comparable(self, reference: Arrays, batch_size: int) -> Arrays:
        """The part of `reference`, made at the largest batch size, to compare this one with."""
        return reference


class _SampleTask(ParityTask):
    """A task on independent samples."""

    def __init__(self, inputs: Arrays) -> None:
        self._inputs = inputs
        self._count = len(next(iter(inputs.values())))

    def __len__(self) -> int:
        return self._count

    def outputs(self, run: Run, batch_size: int, on_progress: OnProgress) -> dict[str, Floats]:
        """See `ParityTask.outputs`; (n, ...) each."""
        parts: list[dict[str, Floats]] = []
        for batch in self._batches(batch_size):
            parts.append(run(batch))
            on_progress(len(next(iter(batch.values()))))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _batches(self, size: int) -> Iterator[dict[str, Floats]]:
        for start in range(0, len(self), size):
            yield {name: array[start : start + size] for name, array in self._inputs.items()}


class ClassificationParity(_SampleTask):
    """Tell digits apart by the output `logits`."""

    def __init__(self, images: Split) -> None:
        super().__init__({"rows": as_rows(images.images.cpu()).numpy()})
        self._labels = images.labels.cpu().numpy()

    def judge(self, outputs: Arrays, reference: Arrays) -> Verdict:
        """See `ParityTask.judge`: every decision, and the accuracy, must be the same."""
        expected = reference["logits"].argmax(1)
        return compare_decisions([outputs["logits"].argmax(1)], expected, self._labels)


class ReconstructionParity(_SampleTask):
    """Give pictures back, by a whole autoencoder or by one of its halves."""

    def __init__(
        self, inputs: Arrays, rows: Floats, to_pictures: Callable[[Arrays], Floats]
    ) -> None:
        """Make the task.

        Args:
            inputs: of the graph, (n, ...) each.
            rows: the pictures that are to be given back, (n, 28, 28).
            to_pictures: makes pictures (n, 28, 28) of the graph's outputs.

        """
        super().__init__(inputs)
        self._rows, self._to_pictures = rows, to_pictures

    def judge(self, outputs: Arrays, reference: Arrays) -> Verdict:
        """See `ParityTask.judge`: the mean squared error of a pixel must be the same."""
        error, expected = self._error(outputs), self._error(reference)
        return Verdict(n=len(self), error=error, problems=_compare_errors(error, expected))

    def _error(self, outputs: Arrays) -> float:
        return _mean_square(self._to_pictures(outputs) - self._rows)


class RolloutParity(ParityTask):
    """Follow sequences window by window from a state of zeros, handing the state on.

    At batch size B the first B sequences are followed side by side.
    """

    def __init__(self, values: Floats, targets: Floats, state: State, state_size: int) -> None:
        """Make the task.

        Args:
            values: the input `values`, (windows, sequences, steps, 1).
            targets: what the output `predictions` should be, of the same shape.
            state: the input and the output that carry the state, (B, state_size) each.
            state_size: how many numbers the state of a sequence has.

        """
        self._values, self._targets = values, targets
        self._state, self._state_size = state, state_size

    def __len__(self) -> int:
        return len(self._values)

    def outputs(self, run: Run, batch_size: int, on_progress: OnProgress) -> dict[str, Floats]:
        """See `ParityTask.outputs`; (windows, B, ...) each."""
        state = np.zeros((batch_size, self._state_size), np.float32)
        parts: list[dict[str, Floats]] = []
        for window in self._values:
            parts.append(run({"values": window[:batch_size], self._state.input: state}))
            state = parts[-1][self._state.output]
            on_progress(1)
        return {name: np.stack([part[name] for part in parts]) for name in parts[0]}

    def comparable(self, reference: Arrays, batch_size: int) -> Arrays:
        """See `ParityTask.comparable`: the first `batch_size` sequences."""
        return {name: array[:, :batch_size] for name, array in reference.items()}

    def judge(self, outputs: Arrays, reference: Arrays) -> Verdict:
        """See `ParityTask.judge`: the error must be the same, the difference must not grow."""
        error, expected = self._error(outputs), self._error(reference)
        problems = _compare_errors(error, expected)
        growth = _growth(outputs["predictions"] - reference["predictions"])
        if not growth <= MAX_GROWTH:
            message = f"the difference grows {growth:.1f} times over {len(self):,} windows"
            problems.append(("growth", f"{message}, allowed is {MAX_GROWTH:.0f}"))
        return Verdict(n=len(self), error=error, growth=growth, problems=problems)

    def _error(self, outputs: Arrays) -> float:
        predictions = outputs["predictions"]
        return _mean_square(predictions - self._targets[:, : predictions.shape[1]])


def compare_decisions(
    readings: Sequence[Integers], expected: Integers, labels: Integers
) -> Verdict:
    """Compare decisions (n,), of one or of several readings of n images, with those expected.

    An image counts as agreed if it is in every reading; the accuracy is that of the worst one.
    """
    accuracies = [float((decisions == labels).mean()) for decisions in readings]
    differ = np.any([decisions != expected for decisions in readings], axis=0)
    verdict = Verdict(n=len(expected), agreed=int((~differ).sum()), accuracy=min(accuracies))
    if differ.any():
        image = int(differ.argmax())
        found = next(d[image] for d in readings if d[image] != expected[image])
        message = f"{differ.sum()} of {verdict.n} decisions differ (first: image {image}, "
        verdict.problems.append(("decisions", f"{message}{found} instead of {expected[image]})"))
    accuracy = float((expected == labels).mean())
    for found in accuracies:
        if found != accuracy:
            message = f"accuracy is {found:.2%}, eager's is {accuracy:.2%}"
            verdict.problems.append(("accuracy", message))
    return verdict


def _growth(difference: Floats) -> float:
    """How many times the largest difference of the last tenth of windows is that of the first."""
    largest = np.abs(difference).reshape(len(difference), -1).max(1)  # of each window
    tenth = max(1, len(largest) // 10)
    early, late = largest[:tenth].max(), largest[-tenth:].max()
    return float((late + RESOLUTION) / (early + RESOLUTION))


def _compare_errors(error: float, expected: float) -> list[tuple[Check, str]]:
    if abs(error - expected) <= ERROR_RTOL * expected:  # false for a NaN
        return []
    return [("error", f"the mean squared error is {error:.8f}, eager's is {expected:.8f}")]


def _mean_square(difference: Floats) -> float:
    return float(np.square(difference, dtype=np.float64).mean())
