"""A confidence that means what it says, and a threshold that refuses one digit in a hundred."""

import pytest
import torch

from training.trainers.calibration import calibrate, calibration_error


def judged(count: int, accuracy: float, confidence: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Decisions of one `confidence` between two digits, of which a share is right."""
    logits = torch.full((count, 10), -30.0)
    logits[:, 3] = torch.logit(torch.tensor(confidence))
    logits[:, 5] = 0.0
    labels = torch.full((count,), 5)
    labels[: round(count * accuracy)] = 3
    return logits, labels


def test_an_honest_confidence_has_no_error() -> None:
    assert calibration_error(*judged(1000, 0.8, 0.8)) == pytest.approx(0, abs=1e-3)


def test_the_error_is_the_distance_of_confidence_and_accuracy() -> None:
    assert calibration_error(*judged(1000, 0.7, 0.95)) == pytest.approx(0.25, abs=1e-3)


def test_bins_are_weighed_by_what_falls_into_them() -> None:
    sure, doubtful = judged(900, 1.0, 0.99), judged(100, 0.5, 0.7)
    logits, labels = (torch.cat(pair) for pair in zip(sure, doubtful, strict=True))
    expected = 0.9 * 0.01 + 0.1 * 0.2
    assert calibration_error(logits, labels) == pytest.approx(expected, abs=1e-3)


def test_overconfidence_is_cured_by_a_temperature_above_one() -> None:
    found = calibrate(*judged(1000, 0.7, 0.95))
    assert found.temperature > 2
    assert found.uncalibrated_error == pytest.approx(0.25, abs=1e-3)
    assert found.calibration_error == pytest.approx(0, abs=1e-2)
    assert (found.n, found.bins) == (1000, 15)


def test_two_in_a_hundred_fall_below_the_threshold() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5000, 10, generator=generator) * 4
    found = calibrate(logits, logits.argmax(dim=1))
    assert found.rejected == pytest.approx(0.02, abs=2e-4)
    confidence = (logits / found.temperature).softmax(dim=1).amax(dim=1)
    assert (confidence.double() < found.threshold).double().mean() == pytest.approx(0.02, abs=4e-4)
