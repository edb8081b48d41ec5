"""What the forms of a model are made to do in its proof, and how they are judged, task by task.

classify       read every image; the decisions and the accuracy must be the same
reconstruct    code or decode every image; the reconstruction error must be the same
regress        follow a sequence for 1,000 windows by the state handed on; the error must be the
               same, and the difference to eager torch must not grow on the way
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.manifest import State
from training.data.datasets import Split, as_rows
from training.parity.structure import Check

BATCH_SIZES = (1, 2, 7, 256)
ERROR_RTOL = 1e-5  # of a mean squared error; the sum's order alone costs 1e-6
MAX_GROWTH = 3.0  # of the largest difference from the first tenth of a roll-out to the last
_RESOLUTION = 1e-6  # of a difference of float32 values near 1; growth below it means nothing

Floats = NDArray[np.float32]
Arrays = Mapping[str, Floats]
Run = Callable[[Arrays], dict[str, Floats]]


@dataclass(kw_only=True)
class Verdict:
    """What a form came to, beside eager torch; see `models.manifest.Parity` for the figures."""

    n: int
    agreed: int | None = None
    accuracy: float | None = None
    error: float | None = None
    growth: float | None = None
    complaints: list[tuple[Check, str]] = field(default_factory=list)


class Trial(ABC):
    """One task for all forms of a model, at any batch size."""

    @abstractmethod
    def __len__(self) -> int:
        """Calls of batch 1 in one pass, for the progress bar."""

    @abstractmethod
    def outputs(self, run: Run, size: int, heard: Callable[[int], object]) -> dict[str, Floats]:
        """Every output by name, from `run` at batch `size`; `heard` is told of the progress."""

    @abstractmethod
    def judge(self, outputs: Arrays, reference: Arrays) -> Verdict:
        """Compare what a form gave with what eager torch did."""

    def share(self, reference: Arrays, size: int) -> Arrays:
        """The part of the outputs at the largest batch that those at batch `size` answer to."""
        return reference


class _Samples(Trial):
    """Independent samples, read in batches."""

    def __init__(self, inputs: Arrays) -> None:
        self._inputs = inputs
        self._count = len(next(iter(inputs.values())))

    def __len__(self) -> int:
        return self._count

    def outputs(self, run: Run, size: int, heard: Callable[[int], object]) -> dict[str, Floats]:
        """See `Trial.outputs`; (n, ...) each."""
        parts: list[dict[str, Floats]] = []
        for batch in self._batches(size):
            parts.append(run(batch))
            heard(len(next(iter(batch.values()))))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _batches(self, size: int) -> Iterator[dict[str, Floats]]:
        for start in range(0, len(self), size):
            yield {name: array[start : start + size] for name, array in self._inputs.items()}


class Decisions(_Samples):
    """Digits to be told apart by their `logits`."""

    def __init__(self, images: Split) -> None:
        super().__init__({"rows": as_rows(images.images.cpu()).numpy()})
        self._labels = images.labels.cpu().numpy()

    def judge(self, outputs: Arrays, reference: Arrays) -> Verdict:
        """See `Trial.judge`: every decision, and the accuracy, must be the same."""
        decisions, expected = outputs["logits"].argmax(1), reference["logits"].argmax(1)
        verdict = Verdict(
            n=len(expected),
            agreed=int((decisions == expected).sum()),
            accuracy=float((decisions == self._labels).mean()),
        )
        if verdict.agreed != verdict.n:
            image = int((decisions != expected).argmax())
            message = f"{(decisions != expected).sum()} of {verdict.n} decisions differ (first: "
            message += f"image {image}, {decisions[image]} instead of {expected[image]})"
            verdict.complaints.append(("decisions", message))
        accuracy = float((expected == self._labels).mean())
        if verdict.accuracy != accuracy:
            message = f"accuracy is {verdict.accuracy:.2%}, eager's is {accuracy:.2%}"
            verdict.complaints.append(("accuracy", message))
        return verdict


class Reconstructions(_Samples):
    """Pictures to be given back; half of an autoencoder is completed by `picture`."""

    def __init__(self, inputs: Arrays, rows: Floats, picture: Callable[[Arrays], Floats]) -> None:
        """Feed `inputs` (n, ...), and compare what `picture` makes of the outputs with `rows`."""
        super().__init__(inputs)
        self._rows, self._picture = rows, picture

    def judge(self, outputs: Arrays, reference: Arrays) -> Verdict:
        """See `Trial.judge`: the mean squared error of a pixel must be the same."""
        error, expected = self._error(outputs), self._error(reference)
        return Verdict(n=len(self), error=error, complaints=_compare_errors(error, expected))

    def _error(self, outputs: Arrays) -> float:
        return _mean_square(self._picture(outputs) - self._rows)


class Rollout(Trial):
    """Sequences followed window by window, each beginning with a state of zeros.

    At batch B the first B sequences are followed side by side.
    """

    def __init__(self, values: Floats, targets: Floats, state: State, size: int) -> None:
        """Follow `values`, compare with `targets`, both (windows, sequences, steps, 1) float32.

        `state` names the tensors that carry it, `size` is how many numbers it has.
        """
        self._values, self._targets, self._state, self._size = values, targets, state, size

    def __len__(self) -> int:
        return len(self._values)

    def outputs(self, run: Run, size: int, heard: Callable[[int], object]) -> dict[str, Floats]:
        """See `Trial.outputs`; (windows, B, ...) each."""
        state = np.zeros((size, self._size), np.float32)
        parts: list[dict[str, Floats]] = []
        for window in self._values:
            parts.append(run({"values": window[:size], self._state.input: state}))
            state = parts[-1][self._state.output]
            heard(1)
        return {name: np.stack([part[name] for part in parts]) for name in parts[0]}

    def share(self, reference: Arrays, size: int) -> Arrays:
        """See `Trial.share`: the sequences that a batch of `size` follows."""
        return {name: array[:, :size] for name, array in reference.items()}

    def judge(self, outputs: Arrays, reference: Arrays) -> Verdict:
        """See `Trial.judge`: the error must be the same, the difference must not grow."""
        error, expected = self._error(outputs), self._error(reference)
        complaints = _compare_errors(error, expected)
        growth = self._growth(outputs["predictions"] - reference["predictions"])
        if not growth <= MAX_GROWTH:
            message = f"the difference grows {growth:.1f} times over {len(self):,} windows"
            complaints.append(("growth", f"{message}, allowed is {MAX_GROWTH:.0f}"))
        return Verdict(n=len(self), error=error, growth=growth, complaints=complaints)

    def _error(self, outputs: Arrays) -> float:
        predictions = outputs["predictions"]
        return _mean_square(predictions - self._targets[:, : predictions.shape[1]])

    @staticmethod
    def _growth(difference: Floats) -> float:
        """The largest difference of the last tenth over that of the first, 1 where both are 0."""
        largest = np.abs(difference).reshape(len(difference), -1).max(1)  # of each window
        tenth = max(1, len(largest) // 10)
        early, late = largest[:tenth].max(), largest[-tenth:].max()
        return float((late + _RESOLUTION) / (early + _RESOLUTION))


def _compare_errors(error: float, expected: float) -> list[tuple[Check, str]]:
    if abs(error - expected) <= ERROR_RTOL * expected:  # false for a NaN
        return []
    return [("error", f"the mean squared error is {error:.8f}, eager's is {expected:.8f}")]


def _mean_square(difference: Floats) -> float:
    return float(np.square(difference, dtype=np.float64).mean())
