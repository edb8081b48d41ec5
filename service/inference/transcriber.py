"""A published reader of lines: a strip of ink in, a text and its digits out."""

from dataclasses import dataclass
from typing import Literal

from models.arrays import Arrays, Floats
from models.manifest import Manifest
from models.transcription import (
    DIGITS,
    HEIGHT,
    SEPARATOR,
    average,
    calibrate,
    decode,
    digit_probabilities,
    place,
    text_log_probability,
    views,
)
from service.errors import WrongTaskError
from service.inference.model import Model, Run

LineReason = Literal["blank", "separator", "not_a_number", "low_confidence"]


@dataclass(frozen=True)
class Character:
    """One character of a line.

    `digit` is None for what is no digit, and `probabilities` is empty then; else it has one for
    each digit, and `confidence` is the largest of them. The character fills the columns of the
    strip from `left` to before `right`.
    """

    digit: int | None
    confidence: float
    probabilities: list[float]
    left: int
    right: int


@dataclass(frozen=True)
class Transcription:
    """What stands on a line.

    `text` holds the digits alone, so it is not all of the line where `reason` is `separator` (a
    point, a comma, a minus or the like is among the `characters`) or `not_a_number` (a letter or
    anything else is). `confidence` is the calibrated probability that all characters are right; in
    a text of `low_confidence` it is too low. `reason` is None for a number that is accepted.
    """

    text: str
    confidence: float
    reason: LineReason | None
    characters: list[Character]

    @property
    def digits(self) -> list[Character]:
        """The characters that are digits."""
        return [character for character in self.characters if character.digit is not None]


class Transcriber:
    """A loaded model of task `transcribe`."""

    def __init__(self, model: Model) -> None:
        """Serve `model`.

        Raises:
            WrongTaskError: the model does not read lines.

        """
        manifest = model.manifest
        if problem := transcriber_problem(manifest):
            raise WrongTaskError(f"model {manifest.name!r} cannot read numbers: {problem}")
        self._model = model
        self._input, self._output = manifest.inputs[0].name, manifest.outputs[0].name
        calibration = manifest.calibration
        self._temperature = calibration.temperature if calibration else 1.0
        self._threshold = calibration.threshold if calibration else 0.0

    @property
    def name(self) -> str:
        """The model's."""
        return self._model.name

    @property
    def provider(self) -> str:
        """What really runs the model, for example CPUExecutionProvider."""
        return self._model.backend.provider

    @property
    def threshold(self) -> float:
        """The confidence below which a text is not accepted."""
        return self._threshold

    def prepare(self, strip: Floats) -> Run[Transcription]:
        """Prepare the run of the model that reads one line, in several views at once.

        Args:
            strip: (32, W) in [0, 1], light ink on dark: the ink 26 pixels high, with eight empty
                columns on either side. Lines of other widths are runs of their own, for padding
                would be part of the picture.

        """
        return Run(
            self._model,
            {self._input: views(strip)},
            lambda outputs: self._transcribe(strip, outputs),
        )

    def _transcribe(self, strip: Floats, outputs: Arrays) -> Transcription:
        log_probabilities = average(outputs[self._output])  # (steps, 13)
        stretches = decode(log_probabilities)
        places = place(strip, stretches, len(log_probabilities))
        characters = []
        for stretch, (left, right) in zip(stretches, places, strict=True):
            if stretch.label < DIGITS:
                shares = digit_probabilities(log_probabilities, stretch)
                found = Character(stretch.label, shares[stretch.label], shares, left, right)
            else:
                found = Character(None, 0.0, [], left, right)
            characters.append(found)
        labels = [stretch.label for stretch in stretches]
        log_probability = text_log_probability(log_probabilities, labels)
        confidence = calibrate(log_probability, self._temperature)
        return Transcription(
            text="".join(str(label) for label in labels if label < DIGITS),
            confidence=confidence,
            reason=self._reason(labels, confidence),
            characters=characters,
        )

    def _reason(self, labels: list[int], confidence: float) -> LineReason | None:
        """Why a line is not accepted as a number, or None when it is."""
        if not labels:
            return "blank"
        if max(labels) > SEPARATOR:
            return "not_a_number"
        if max(labels) == SEPARATOR:
            return "separator"
        return "low_confidence" if confidence < self._threshold else None


def transcriber_problem(manifest: Manifest) -> str | None:
    """Why a model is no reader of lines, or None when it is one."""
    if manifest.task != "transcribe":
        return f"its task is {manifest.task}"
    if [tensor.dims[1:-1] for tensor in manifest.inputs] != [(HEIGHT,)]:
        return f"it does not read just one input that is {HEIGHT} pixels high"
    return None
