"""Background estimation: how much darker than the paper around it each pixel is.

Light falls on paper slowly varying, or with the edge of a shadow, while ink is narrow. A
morphological closing that is wider than any stroke erases dark ink and keeps both, so that what it
changed is the ink.
"""

import functools

import cv2
import numpy as np

from models.arrays import Floats
from service.images.arrays import Bytes
from service.images.normalising.resize import shrink

# Grey level of a background below which it counts as so dark. Larger: ink in deep shadow looks
# fainter than it is; smaller: there the noise of the camera, divided by next to nothing, is ink.
_DARKEST = 24.0
# Width of a closing that no stroke exceeds, as a share of the long side. Larger: it follows uneven
# light worse, and the margins of a small sheet are taken for ink; smaller: the middle of a fat
# pen's strokes is taken for background.
_WIDEST_STROKE = 0.33


def measure_contrast(grey: Bytes, *, dark: bool, widest: float | None = None) -> Bytes:
    """Measure how much each pixel differs from the background that it lies on.

    Args:
        grey: (h, w).
        dark: whether ink is darker than the background.
        widest: a width that no stroke exceeds, as a share of the long side, where that is known.

    Returns:
        (h, w) uint8: the share of the background's light that is missing, in 255ths; about 0 on the
        background.

    """
    return measure_contrast_to(find_background(grey, dark=dark, widest=widest), grey, dark=dark)


def find_background(grey: Bytes, *, dark: bool, widest: float | None = None) -> Bytes:
    """Find the background of each pixel.

    Args:
        grey: (h, w).
        dark: whether ink is darker than the background.
        widest: a width that no stroke exceeds, as a share of the long side, where that is known.

    Returns:
        (h, w) uint8: grey levels as of dark ink; where ink is light, 255 less them.

    """
    paper = _as_paper(grey, dark=dark)
    slope = _find_slope(paper)
    if slope is not None:
        paper = np.asarray(cv2.divide(paper, slope, scale=_LEVELLED), dtype=np.uint8)
    background = _estimate_background(paper, widest or _estimate_stroke_width(paper))
    if slope is not None:
        background = np.asarray(cv2.multiply(background, slope, scale=1 / _LEVELLED), np.uint8)
    return background


def measure_contrast_to(background: Bytes, grey: Bytes, *, dark: bool) -> Bytes:
    """Measure contrast as `measure_contrast` does, to a known (h, w) `background`."""
    missing = cv2.subtract(background, _as_paper(grey, dark=dark))
    light = np.maximum(background, np.uint8(_DARKEST))
    return np.asarray(cv2.divide(missing, light, scale=255), dtype=np.uint8)


def _as_paper(grey: Bytes, *, dark: bool) -> Bytes:
    """(h, w) `grey` in which ink is dark."""
    return grey if dark else np.asarray(cv2.bitwise_not(grey), dtype=np.uint8)


# Pixels on the long side of the view in which the slope of the light is measured. A larger one
# takes longer and gives the same slope; a smaller one has strokes too narrow to be erased.
_SLOPE_VIEW = 50
# Share of the background's variance that a plane may leave. Larger: the edge of a shadow is taken
# for a slope and doubled by the division; smaller: real slopes, which are never quite even, stay.
_LEFT_BY_SLOPE = 0.15
# Slope across half the picture, as a share of the mean light, below which there is none. Larger:
# slight slopes stay; smaller: every picture pays for a division.
_LEAST_SLOPE = 0.02
# Grey level that the mean background is brought to. Larger: what is lighter than the mean is cut
# off at 255; smaller: ink has fewer levels.
_LEVELLED = 200.0


def _find_slope(paper: Bytes) -> Bytes | None:
    """Find the plane (h, w) that fits the light on (h, w) `paper`, if that makes it uneven.

    At the dark end of a slope a closing, which sees nothing beyond, would take paper for ink; so
    paper is divided by it first.
    """
    view = _estimate_background(shrink(paper, _SLOPE_VIEW), _WIDEST_STROKE).astype(np.float32)
    (mean,), (spread,) = (found.ravel().tolist() for found in cv2.meanStdDev(view))
    height, width = view.shape
    across, down = _ramp(width), _ramp(height)
    # Least squares; both ramps have a mean of 0 and are orthogonal to each other.
    to_right = float((view @ across).sum()) / max(height * float(across @ across), 1e-6)
    to_bottom = float((down @ view).sum()) / max(width * float(down @ down), 1e-6)
    explained = (
        to_right**2 * float(across @ across) / width + to_bottom**2 * float(down @ down) / height
    )
    is_slope = spread**2 - explained <= _LEFT_BY_SLOPE * spread**2
    if not is_slope or abs(to_right) + abs(to_bottom) < _LEAST_SLOPE * mean:
        return None
    height, width = paper.shape
    light = (mean + to_bottom * _ramp(height))[:, np.newaxis] + to_right * _ramp(width)
    slope: Bytes = np.clip(light, _DARKEST, 255).astype(np.uint8)
    return slope


@functools.lru_cache
def _ramp(length: int) -> Floats:
    """(length,) from -1 to 1."""
    return np.linspace(-1, 1, length, dtype=np.float32)


# Pixels on the long side of the view in which strokes are measured. A larger one costs time; a
# smaller one has hardly any edges left of thin strokes.
_STROKE_VIEW = 75
# Widths of a closing that are tried, as shares of the long side, narrow first: the narrower, the
# better it follows uneven light. Smaller ones would erase thin pens only; between 0.2 and the
# widest there is little to gain.
_NARROWER_STROKES = 0.1, 0.2
# Pixels of a closing at least. Larger: small pictures are always closed at the widest; smaller:
# where strokes meet, ink is taken for background.
_NARROWEST_CLOSING = 5
# Share of the ink's edges that a narrower closing has to keep. Larger: the widest is taken too
# often, and shadows become ink; smaller: broad strokes become hollow.
_EDGES_KEPT = 0.93
# Times the width that was enough, as room for where strokes meet. Larger: light is followed worse;
# smaller: crossings become hollow.
_SPARE_WIDTH = 1.5


def _estimate_stroke_width(paper: Bytes) -> float:
    """Find a width, as a share of the long side, that hardly any stroke on (h, w) paper exceeds."""
    view = shrink(paper, _STROKE_VIEW)
    steep = _gradient(view)
    weights = steep * steep * steep  # so that few sharp edges outweigh much soft shadow
    whole = _sharpness_of_ink(view, _WIDEST_STROKE, weights)
    for width in _NARROWER_STROKES:
        if width * max(view.shape) < _NARROWEST_CLOSING:
            continue
        if _sharpness_of_ink(view, width, weights) >= _EDGES_KEPT * whole:
            return width * _SPARE_WIDTH
    return _WIDEST_STROKE


def _sharpness_of_ink(paper: Bytes, width: float, weights: Floats) -> float:
    """Sum the gradient of ink narrower than `width`, times `weights` (h, w)."""
    ink = np.asarray(cv2.subtract(_close(paper, width), paper), dtype=np.uint8)
    return float(weights.ravel() @ _gradient(ink).ravel())


def _gradient(pixels: Bytes) -> Floats:
    """The morphological gradient of (h, w) `pixels`: the range of each pixel's neighbourhood."""
    edges = cv2.morphologyEx(pixels, cv2.MORPH_GRADIENT, square(3))
    return np.asarray(edges, dtype=np.float32)


def _estimate_background(paper: Bytes, width: float) -> Bytes:
    """(h, w) `paper` without dark strokes narrower than `width`, a share of the long side."""
    closed = _close(paper, width)
    reach = max(1, int(max(paper.shape) * width) // 4)
    # The darker of both: a blur alone would leave a rim of false ink along a shadow's edge.
    return np.asarray(cv2.min(closed, cv2.blur(closed, (reach, reach))), dtype=np.uint8)


def _close(paper: Bytes, width: float) -> Bytes:
    """The morphological closing of (h, w) `paper`, `width` being a share of the long side."""
    side = max(3, int(max(paper.shape) * width) | 1)
    return np.asarray(cv2.morphologyEx(paper, cv2.MORPH_CLOSE, square(side)), dtype=np.uint8)


@functools.lru_cache
def square(side: int) -> Bytes:
    """The structuring element (side, side) of ones."""
    return np.ones((side, side), np.uint8)
