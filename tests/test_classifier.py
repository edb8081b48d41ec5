"""Classifiers: the right digit, probabilities that add up, and only models that classify."""

from pathlib import Path

import numpy as np
import pytest

from models import manifest
from models.manifest import Manifest
from service.backends import open_backend
from service.classifier import Classifier
from service.errors import WrongTaskError
from tests.published import ROWS, picture, publish_stateful


class Constant:
    """A backend that always gives the same logits."""

    name = "onnxruntime"
    provider = "TestProvider"

    def __init__(self, logits: list[float]) -> None:
        self.logits = logits

    def run(self, inputs: object) -> dict[str, object]:
        return {"logits": np.array([self.logits], np.float32)}


def described(models_dir: Path, **changes: object) -> Manifest:
    return Manifest(**{**vars(manifest.read(models_dir / "lstm")), **changes})


def test_reads_every_digit(models_dir: Path) -> None:
    folder = models_dir / "lstm"
    backend = open_backend("onnxruntime", folder, manifest.read(folder), device="cpu")
    rows = np.stack([picture(digit) for digit in range(10)]).astype(np.float32) / np.float32(255)
    predictions = Classifier(manifest.read(folder), backend).predict(rows)
    assert [prediction.digit for prediction in predictions] == list(range(10))
    assert {prediction.model for prediction in predictions} == {"lstm"}
    for prediction in predictions:
        assert prediction.provider == "CPUExecutionProvider"
        assert prediction.confidence == prediction.probabilities[prediction.digit] > 0.99
        assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e4, -1e30])
def test_no_logit_is_too_large_for_the_softmax(models_dir: Path, scale: float) -> None:
    backend = Constant([scale * digit for digit in range(10)])
    [prediction] = Classifier(described(models_dir), backend).predict(  # type: ignore[arg-type]
        np.zeros((1, 28, 28), np.float32)
    )
    assert prediction.digit == (9 if scale > 0 else 0)
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-12)


def test_the_labels_of_the_manifest_decide(models_dir: Path) -> None:
    reversed_labels = described(models_dir, labels=tuple("9876543210"))
    classifier = Classifier(reversed_labels, Constant([9, *[0] * 9]))  # type: ignore[arg-type]
    assert classifier.predict(np.zeros((1, 28, 28), np.float32))[0].digit == 9


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
        Classifier(described(models_dir, **changes), Constant([]))  # type: ignore[arg-type]


def test_a_stateful_model_is_refused(tmp_path: Path) -> None:
    folder, stateful = publish_stateful(tmp_path)
    backend = open_backend("onnxruntime", folder, stateful, device="cpu")
    with pytest.raises(WrongTaskError, match="its task is regress"):
        Classifier(stateful, backend)
