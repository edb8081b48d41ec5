"""Make a classifier's confidence mean what it says, and choose when it is too low to accept.

Temperature scaling (Guo, Pleiss, Sun and Weinberger 2017, arXiv:1706.04599): one number that all
logits are divided by, fitted on validation digits. It changes no decision.
"""

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional

from models.manifest import Calibration

BINS = 15  # as in the paper
REJECTED = 0.01  # of the validation digits, the price of refusing what is not a digit
_LOG_RANGE = (-3.0, 3.0)  # of the temperature's natural logarithm


def calibrate(logits: Tensor, labels: Tensor) -> Calibration:
    """Fit temperature and threshold on validation digits.

    Args:
        logits: (n, 10) float32, finite.
        labels: (n,) int64.

    """
    logits = logits.double()
    temperature = _temperature(logits, labels)
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
    """The expected calibration error, in [0, 1].

    The mean distance of confidence and accuracy over equal bins of confidence, weighed by how many
    of the (n, 10) logits fall into each.
    """
    confidence, decisions = logits.softmax(dim=1).max(dim=1)
    right = (decisions == labels).double()
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    gap = torch.zeros(BINS, dtype=torch.double).index_add(0, bins, right - confidence)
    return gap.abs().sum().item() / len(labels)


def _temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature of the least cross-entropy."""

    def loss(log_temperature: float) -> float:
        scale = torch.tensor(log_temperature).exp()
        return functional.cross_entropy(logits / scale, labels).item()

    found = minimize_scalar(loss, bounds=_LOG_RANGE, method="bounded")
    return torch.tensor(found.x).exp().item()
