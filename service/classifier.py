"""A published classifier: rows in, predictions out."""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.manifest import Manifest
from service.backends import Backend
from service.errors import WrongTaskError
from service.preprocess import SIDE


class Prediction(BaseModel):
    """What a model reads in one picture."""

    digit: int = Field(ge=0, le=9, description="The most probable digit.")
    confidence: float = Field(ge=0, le=1, description="The probability of that digit.")
    probabilities: list[float] = Field(
        min_length=10, max_length=10, description="The probability of each digit, 0 to 9."
    )
    model: str = Field(description="The model that answered.")
    provider: str = Field(description="What really ran it, for example CPUExecutionProvider.")


class Classifier:
    """A loaded model of task `classify` that reads 28 x 28 pictures row by row."""

    def __init__(self, manifest: Manifest, backend: Backend) -> None:
        """Serve `manifest` by `backend`.

        Raises:
            WrongTaskError: the model does not tell digits from one 28 x 28 input.

        """
        if reason := _unfit(manifest):
            raise WrongTaskError(f"model {manifest.name!r} cannot predict digits: {reason}")
        self._name, self._backend = manifest.name, backend
        self._input, self._output = manifest.inputs[0].name, manifest.outputs[0].name
        self._digits = [int(label) for label in manifest.labels]

    def predict(self, rows: NDArray[np.float32]) -> list[Prediction]:
        """One prediction per picture; `rows` is (n, 28, 28) in [0, 1], light ink on dark."""
        logits = self._backend.run({self._input: rows})[self._output]  # (n, 10)
        probabilities = _softmax(logits)
        provider = self._backend.provider
        return [
            Prediction(
                digit=self._digits[best],
                confidence=row[best],
                probabilities=row,
                model=self._name,
                provider=provider,
            )
            for best, row in zip(logits.argmax(axis=1), probabilities.tolist(), strict=True)
        ]


def _unfit(manifest: Manifest) -> str | None:
    """Why a model is no classifier of digits, or None when it is one."""
    if manifest.task != "classify":
        return f"its task is {manifest.task}"
    if [tensor.dims[1:] for tensor in manifest.inputs] != [(SIDE, SIDE)]:
        return f"it does not read just one input of {SIDE} x {SIDE}"
    if sorted(manifest.labels) != list("0123456789"):
        return "its labels are not ten digits"
    return None


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities along the last axis, in float64 so that they add up to 1 closely."""
    scores = logits.astype(np.float64)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
