"""A published classifier of digits: rows in, predictions out."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.arrays import Floats
from models.manifest import Manifest
from service.errors import WrongTaskError
from service.images.read_image import SIDE, Finding
from service.inference.model import Model, Run
from service.paths import NUMBER

Reason = Literal["blank", "several_digits", "not_a_digit", "low_confidence"]


class Prediction(BaseModel):
    """What a model reads in one picture."""

    digit: int = Field(ge=0, le=9, description="The most probable digit.")
    confidence: float = Field(ge=0, le=1, description="The probability of that digit.")
    probabilities: list[float] = Field(
        min_length=10, max_length=10, description="The probability of each digit, 0 to 9."
    )
    accepted: bool = Field(description="Whether it is one digit, read with enough confidence.")
    reason: Reason | None = Field(
        description="Why it is not accepted: blank, there is no ink; several_digits, the picture "
        "holds more than one; not_a_digit, nothing in it stands out of an even background but a "
        "finger or a pen, or no digit and no two together are probable enough; "
        "low_confidence, the model hesitates between two."
    )
    see: str | None = Field(
        description="The route that reads what this one does not: /predict_number, where the "
        "picture holds several digits."
    )
    model: str = Field(description="The model that answered.")
    provider: str = Field(description="What really ran it, for example CPUExecutionProvider.")


class PreviewedPrediction(Prediction):
    """A prediction, and the picture that the model saw."""

    preview: str = Field(description="What the model saw: 28 x 28, a greyscale PNG in base64.")


class Classifier:
    """A loaded model of task `classify` that reads 28 x 28 pictures row by row."""

    def __init__(self, model: Model) -> None:
        """Serve `model`.

        Raises:
            WrongTaskError: the model does not tell digits from one 28 x 28 input.

        """
        manifest = model.manifest
        if problem := classifier_problem(manifest):
            raise WrongTaskError(f"model {manifest.name!r} cannot predict digits: {problem}")
        self._model = model
        self._input, self._output = manifest.inputs[0].name, manifest.outputs[0].name
        self._digits = [int(label) for label in manifest.labels]
        calibration = manifest.calibration
        self._temperature = calibration.temperature if calibration else 1.0
        self._threshold = calibration.threshold if calibration else 0.0

    @property
    def name(self) -> str:
        """The model's."""
        return self._model.name

    def prepare(
        self, rows: Floats, findings: Sequence[Finding | None] = ()
    ) -> Run[list[Prediction]]:
        """Prepare the run of the model that gives one prediction for each picture.

        Args:
            rows: (n, 28, 28) in [0, 1], light ink on dark.
            findings: n, what each picture itself says against being one digit; if none are given,
                a picture without any light is blank.

        """
        known = findings or [None if picture.any() else "blank" for picture in rows]
        return Run(
            self._model,
            {self._input: rows},
            lambda outputs: self._predict(outputs[self._output], known),
        )

    def predict(self, probabilities: list[float], finding: Finding | None) -> Prediction:
        """The prediction by ten `probabilities`, and by what the picture itself says."""
        return self._make_prediction(int(np.argmax(probabilities)), probabilities, finding, 1)

    def _predict(self, logits: Floats, findings: Sequence[Finding | None]) -> list[Prediction]:
        """Make predictions of (n, 10) logits."""
        probabilities = softmax(logits / self._temperature)  # (n, 10)
        return [
            self._make_prediction(best, row, finding, len(logits))
            for best, row, finding in zip(
                logits.argmax(axis=1), probabilities.tolist(), findings, strict=True
            )
        ]

    def _make_prediction(
        self, best: int, probabilities: list[float], finding: Finding | None, count: int
    ) -> Prediction:
        reason = finding or self._rejection_reason(probabilities)
        return Prediction(
            digit=self._digits[best],
            confidence=probabilities[best],
            probabilities=probabilities,
            accepted=reason is None,
            reason=reason,
            see=NUMBER if reason == "several_digits" else None,
            model=self._model.name,
            provider=self._model.backend_for(count).provider,
        )

    def _rejection_reason(self, probabilities: list[float]) -> Reason | None:
        """Why the model is not confident enough, or None when it is."""
        runner_up, best = sorted(probabilities)[-2:]
        if best >= self._threshold:
            return None
        return "not_a_digit" if best + runner_up < self._threshold else "low_confidence"


def classifier_problem(manifest: Manifest) -> str | None:
    """Why a model is no classifier of digits, or None when it is one."""
    if manifest.task != "classify":
        return f"its task is {manifest.task}"
    if [tensor.dims[1:] for tensor in manifest.inputs] != [(SIDE, SIDE)]:
        return f"it does not read just one input of {SIDE} x {SIDE}"
    if sorted(manifest.labels) != list("0123456789"):
        return "its labels are not ten digits"
    return None


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities of `logits`, (n, 10) each, in float64 so that they add up to 1 closely."""
    scores = logits.astype(np.float64)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
