"""Levels of contrast: what the noise of the background reaches, and what full ink has."""

import statistics

import cv2
import numpy as np

from service.images.arrays import Bytes, Mask

# Contrast, in 255ths of the background's light, that ink has at least. Larger: faint pencil is
# lost; smaller: the grain of paper and what cameras add are ink.
FAINTEST = 13.0
# Share of the picture that the lowest contrasts are, which may be anything. Larger: fewer are left
# to measure noise by; smaller: a few odd pixels set it.
_LOWEST = 0.05
# Standard deviations of the background's noise that ink is above. Larger: faint ink on rough paper
# is lost; smaller: some of the noise is ink.
_ABOVE_NOISE = 6.0
_NORMAL = statistics.NormalDist()


def estimate_noise(contrast: Bytes, background: float) -> tuple[float, float]:
    """Estimate the noise of the background, taken as normal, by its lower quantiles.

    Args:
        contrast: (h, w), in 255ths.
        background: the share of the picture that is background at least.

    Returns:
        The mean of the noise, and the contrast below which all may be noise.

    """
    counts = cv2.calcHist([contrast], [0], None, [256], [0, 256]).ravel().cumsum()
    shares = np.array((_LOWEST, background)) * contrast.size
    low, high = np.searchsorted(counts, shares).tolist()
    deviations = _NORMAL.inv_cdf(background)
    spread = (high - low) / (deviations - _NORMAL.inv_cdf(_LOWEST))
    mean = high - deviations * spread
    return mean, mean + max(FAINTEST, _ABOVE_NOISE * spread)


def measure_steepness(contrast: Bytes) -> Bytes:
    """Measure how steep (h, w) `contrast` is: its range over five pixels, which most edges fill."""
    smooth = cv2.blur(contrast, (3, 3))
    steepness = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
    return np.asarray(steepness, dtype=np.uint8)


def measure_ink_level(contrast: Bytes, steepness: Bytes, mask: Mask) -> float | None:
    """Measure the contrast of full ink within `mask`: that beside its sharpest edges.

    Ink has sharper edges than a shadow, and thin strokes reach their level along the middle only.

    Args:
        contrast: (h, w), in 255ths.
        steepness: (h, w), of `contrast`.
        mask: (h, w), 1 on what may be ink.

    Returns:
        In 255ths; None where `mask` is empty.

    """
    if not mask.any():
        return None
    sharp = cv2.multiply(steepness, mask).astype(np.float32)
    peak = cv2.dilate(contrast, np.ones((5, 5), np.uint8)).astype(np.float32)
    return float(np.vdot(sharp * sharp, peak)) / max(float(np.vdot(sharp, sharp)), 1e-9)


def above(contrast: Bytes, limit: float) -> Mask:
    """The mask of what in (h, w) `contrast` exceeds `limit`."""
    return (contrast > min(int(limit), 255)).view(np.uint8)


def quantile(values: Bytes, share: float) -> float:
    """The value that `share` of the (n,) `values`, n at least 1, do not exceed."""
    place = int(share * (len(values) - 1))
    return float(np.partition(values, place)[place])
