"""Calibrate a classifier's confidence, and choose the threshold below which it is not accepted.

Temperature scaling (Guo, Pleiss, Sun and Weinberger 2017, arXiv:1706.04599) divides all logits by
one number, which is fitted on validation digits; it changes no decision.
"""

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional

from models.manifest import Calibration

BINS = 15  # as in the paper
REJECTED = 0.02  # of the validation digits fall below the threshold, so that non-digits do, too
_LOG_RANGE = (-3.0, 3.0)  # of the temperature's natural logarithm


def calibrate(logits: Tensor, labels: Tensor) -> Calibration:
    """Fit temperature and threshold, and measure the calibration error with and without them.

    Args:
        logits: (n, 10) float32 of the validation digits, finite.
        labels: (n,) int64.

    """
    logits = logits.double()
    temperature = fit_temperature(logits, labels)
    confidence = (logits / temperature).softmax(dim=1).amax(dim=1)
    threshold = torch.quantile(confidence, REJECTED).item()
    return Calibration(
        temperature=temperature,
        threshold=threshold,
        rejected=(confidence < threshold).double().mean().item(),
        calibration_error=calibration_error(logits / temperature, labels),
        uncalibrated_error=calibration_error(logits, labels),
        bins=BINS,
        n=len(labels),
    )


def calibration_error(logits: Tensor, labels: Tensor) -> float:
    """The expected calibration error of logits (n, 10) with labels (n,), in [0, 1].

    It is the mean distance between confidence and accuracy over 15 equal bins of confidence,
    weighted by the number of samples in each.
    """
    confidence, decisions = logits.softmax(dim=1).max(dim=1)
    right = (decisions == labels).double()
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    gap = torch.zeros(BINS, dtype=torch.double).index_add(0, bins, right - confidence)
    return gap.abs().sum().item() / len(labels)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature of logits (n, classes) with the least cross-entropy."""

    def loss(log_temperature: float) -> float:
        scale = torch.tensor(log_temperature).exp()
        return functional.cross_entropy(logits / scale, labels).item()

    found = minimize_scalar(loss, bounds=_LOG_RANGE, method="bounded")
    return torch.tensor(found.x).exp().item()
