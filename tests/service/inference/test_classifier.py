"""Classifiers: the right digit, probabilities that add up, and only models that classify."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models import manifest
from models.arrays import Arrays
from models.manifest import Calibration, Manifest
from service.errors import WrongTaskError
from service.inference.backends import open_backend
from service.inference.classifier import Classifier
from service.inference.model import Model
from service.settings import Kind
from tests.support.published import ROWS, finished, picture, publish_stateful


class Constant:
    """A backend that always gives the same logits."""

    name: Kind = "onnxruntime"
    provider = "TestProvider"

    def __init__(self, logits: list[float]) -> None:
        self.logits = logits

    def run(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        return {"logits": np.array([self.logits], np.float32)}


def described(models_dir: Path, **changes: object) -> Manifest:
    return Manifest(**{**vars(manifest.read(models_dir / "lstm")), **changes})


def test_reads_every_digit(models_dir: Path) -> None:
    folder = models_dir / "lstm"
    backend = open_backend("onnxruntime", folder, manifest.read(folder), device="cpu")
    rows = np.stack([picture(digit) for digit in range(10)]).astype(np.float32) / np.float32(255)
    predictions = finished(Classifier(Model(manifest.read(folder), backend)).prepare(rows))
    assert [prediction.digit for prediction in predictions] == list(range(10))
    assert {prediction.model for prediction in predictions} == {"lstm"}
    for prediction in predictions:
        assert prediction.provider == "CPUExecutionProvider"
        assert prediction.confidence == prediction.probabilities[prediction.digit] > 0.99
        assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e4, -1e30])
def test_no_logit_is_too_large_for_the_softmax(models_dir: Path, scale: float) -> None:
    backend = Constant([scale * digit for digit in range(10)])
    classifier = Classifier(Model(described(models_dir), backend))
    [prediction] = finished(classifier.prepare(np.zeros((1, 28, 28), np.float32)))
    assert prediction.digit == (9 if scale > 0 else 0)
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-12)


def calibrated(models_dir: Path, **changes: float) -> Manifest:
    fields: dict[str, float] = {
        "temperature": 1.0,
        "threshold": 0.9,
        "rejected": 0.01,
        "calibration_error": 0.0,
        "uncalibrated_error": 0.0,
    }
    calibration = Calibration(**{**fields, **changes}, bins=15, n=5000)
    return described(models_dir, calibration=calibration)


def logits_of(*probabilities: float) -> list[float]:
    rest = (1 - sum(probabilities)) / (10 - len(probabilities))
    return [float(np.log(p)) for p in (*probabilities, *[rest] * (10 - len(probabilities)))]


@pytest.mark.parametrize(
    ("probabilities", "reason"),
    [
        ((0.95,), None),
        ((0.6, 0.35), "low_confidence"),
        ((0.4, 0.2, 0.2), "not_a_digit"),
        ((0.1,), "not_a_digit"),
    ],
)
def test_what_is_not_sure_enough_is_not_accepted(
    models_dir: Path, probabilities: tuple[float, ...], reason: str | None
) -> None:
    backend = Constant(logits_of(*probabilities))
    classifier = Classifier(Model(calibrated(models_dir), backend))
    [prediction] = finished(classifier.prepare(np.ones((1, 28, 28), np.float32)))
    assert (prediction.accepted, prediction.reason) == (reason is None, reason)
    assert prediction.digit == 0
    assert prediction.confidence == pytest.approx(probabilities[0], abs=1e-6)


def test_what_the_picture_says_comes_before_what_the_model_says(models_dir: Path) -> None:
    classifier = Classifier(Model(calibrated(models_dir), Constant(logits_of(0.4))))
    rows = np.ones((1, 28, 28), np.float32)
    [prediction] = finished(classifier.prepare(rows, ["several_digits"]))
    assert (prediction.accepted, prediction.reason) == (False, "several_digits")
    assert finished(classifier.prepare(0 * rows))[0].reason == "blank"


def test_the_temperature_softens_probabilities_and_leaves_the_digit(models_dir: Path) -> None:
    backend = Constant(logits_of(0.99))
    hot = Classifier(Model(calibrated(models_dir, temperature=3.0), backend))
    [prediction] = finished(hot.prepare(np.ones((1, 28, 28), np.float32)))
    assert prediction.digit == 0
    assert 0.4 < prediction.confidence < 0.9


def test_the_labels_of_the_manifest_decide(models_dir: Path) -> None:
    reversed_labels = described(models_dir, labels=tuple("9876543210"))
    classifier = Classifier(Model(reversed_labels, Constant([9, *[0] * 9])))
    assert finished(classifier.prepare(np.zeros((1, 28, 28), np.float32)))[0].digit == 9


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": "reconstruct"}, "its task is reconstruct"),
        ({"labels": tuple("abcdefghij")}, "its labels are not ten digits"),
        ({"labels": ("0", "1")}, "its labels are not ten digits"),
        ({"inputs": (ROWS, ROWS)}, "it does not read just one input of 28 x 28"),
    ],
)
def test_another_model_is_refused_with_the_reason(
    models_dir: Path, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(WrongTaskError, match=f"model 'lstm' cannot predict digits: {reason}"):
        Classifier(Model(described(models_dir, **changes), Constant([])))


def test_a_stateful_model_is_refused(tmp_path: Path) -> None:
    folder, stateful = publish_stateful(tmp_path)
    backend = open_backend("onnxruntime", folder, stateful, device="cpu")
    with pytest.raises(WrongTaskError, match="its task is regress"):
        Classifier(Model(stateful, backend))
