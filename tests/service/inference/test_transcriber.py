"""A reader of lines: its text, digits with places, a confidence, and why a line is no number."""

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models import manifest
from models.arrays import Arrays, Floats
from models.manifest import Manifest
from models.transcription import BLANK, CLASSES, OTHER, SEPARATOR
from service.errors import ModelNotFoundError, WrongTaskError
from service.inference.backends import BackendError, open_backend, probe
from service.inference.model import Model
from service.inference.registry import load
from service.inference.transcriber import Transcriber, Transcription
from service.settings import Kind, Settings
from tests.support.pictures.strips import written
from tests.support.project import ROOT
from tests.support.published import finished

NUMBERS = ROOT / "models" / "numbers"


class Steps:
    """A backend that gives the same steps for every strip, whatever it shows."""

    name: Kind = "onnxruntime"
    provider = "none"

    def __init__(self, *path: int, sure: float = 12.0) -> None:
        scores = np.zeros((len(path), CLASSES))
        scores[np.arange(len(path)), path] = sure
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        self._steps = np.exp(scores).astype(np.float32)

    def run(self, inputs: Arrays) -> dict[str, Floats]:
        count = len(inputs["strips"])
        return {"probabilities": np.repeat(self._steps[np.newaxis], count, axis=0)}


@pytest.fixture(scope="module")
def described() -> Manifest:
    return manifest.read(NUMBERS)


@pytest.fixture(scope="module")
def published(described: Manifest) -> Transcriber:
    backend = open_backend("onnxruntime", NUMBERS, described, device="cpu", threads=1)
    return Transcriber(Model(described, backend))


def read(described: Manifest, steps: Steps) -> Transcription:
    strip = np.zeros((32, 24), np.float32)
    strip[3:29, 8:16] = 1
    return finished(Transcriber(Model(described, steps)).prepare(strip))


@pytest.mark.parametrize("text", ["7", "42", "1066", "90210", "331177", "555000222"])
def test_digits_are_read_from_left_to_right_each_in_its_place(
    published: Transcriber, text: str
) -> None:
    strip = written(text)
    found = finished(published.prepare(strip))
    assert found.text == text
    assert [character.digit for character in found.digits] == [int(digit) for digit in text]
    assert 0.5 < found.confidence <= 1
    ends = [(character.left, character.right) for character in found.digits]
    assert ends == sorted(ends)
    assert all(left < right for left, right in ends)
    assert all(before <= after for (_, before), (after, _) in pairwise(ends))
    assert ends[0][0] <= 9
    assert ends[-1][1] >= strip.shape[1] - 9
    for character in found.digits:
        assert sum(character.probabilities) == pytest.approx(1)
        assert character.confidence == max(character.probabilities)
        assert strip[:, character.left : character.right].max() > 0.5


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ((BLANK, 4, 4, BLANK, 2, BLANK), "42", None),
        ((BLANK, BLANK, BLANK), "", "blank"),
        ((4, SEPARATOR, 2, BLANK), "42", "separator"),
        ((4, OTHER, 2, SEPARATOR), "42", "not_a_number"),
        ((OTHER, BLANK, OTHER), "", "not_a_number"),
    ],
)
def test_what_is_no_number_has_a_reason(
    described: Manifest, path: tuple[int, ...], text: str, reason: str | None
) -> None:
    found = read(described, Steps(*path))
    assert (found.text, found.reason) == (text, reason)
    assert len(found.characters) >= len(text)
    for character in found.characters:
        assert (character.digit is None) == (not character.probabilities)


def test_a_text_that_is_not_sure_enough_says_so(described: Manifest) -> None:
    sure, unsure = (read(described, Steps(4, BLANK, 2, sure=s)) for s in (12.0, 3.0))
    assert sure.reason is None
    assert unsure.reason == "low_confidence"
    assert unsure.text == "42"
    assert unsure.confidence < Transcriber(Model(described, Steps(4))).threshold < sure.confidence


def test_only_a_model_of_its_task_reads_numbers(described: Manifest) -> None:
    for other in (
        dataclasses.replace(described, task="regress"),
        dataclasses.replace(
            described, inputs=(dataclasses.replace(described.inputs[0], dims=("batch", 28, 28)),)
        ),
    ):
        with pytest.raises(WrongTaskError, match="'numbers' cannot read numbers"):
            Transcriber(Model(other, Steps(4)))


def test_the_registry_gives_the_reader_of_lines_by_name_or_the_first(models_dir: Path) -> None:
    with_numbers = load(Settings.from_environment(models_dir=ROOT / "models", device="cpu"))
    assert with_numbers.transcriber(None) is with_numbers.transcriber("numbers")
    with pytest.raises(WrongTaskError, match=r"'lstm' cannot read numbers: its task is classify"):
        with_numbers.transcriber("lstm")
    with pytest.raises(ModelNotFoundError, match=r"no model 'nope' that reads numbers"):
        with_numbers.transcriber("nope")
    without = load(Settings.from_environment(models_dir=models_dir, device="cpu"))
    with pytest.raises(ModelNotFoundError, match="no model is published that reads numbers"):
        without.transcriber(None)


def test_an_output_of_steps_may_be_of_any_length_but_no_other_axis(described: Manifest) -> None:
    backend = open_backend("onnxruntime", NUMBERS, described, device="cpu", threads=1)
    probe(backend, described, 1)
    probe(backend, described, 32)
    with pytest.raises(BackendError, match=r"of shape \(3, 13\) for batch 2"):
        probe(_Flat(), described, 2)


class _Flat(Steps):
    """A backend whose output lacks the batch."""

    def __init__(self) -> None:
        super().__init__(4, 4, 4)

    def run(self, inputs: Arrays) -> dict[str, Floats]:
        return {"probabilities": super().run(inputs)["probabilities"][0]}
