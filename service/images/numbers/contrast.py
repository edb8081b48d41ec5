"""The contrast of writing: how much it differs from the paper, whose grain is smoothed away."""

import cv2
import numpy as np

from models.arrays import Floats
from service.images.arrays import Bytes, Mask
from service.images.normalising import levels
from service.images.normalising.background import measure_contrast, square
from service.images.normalising.levels import above
from service.images.normalising.resize import shrink

# Share of a view that is background at least.
BACKGROUND = 0.3
# Noise, as a share of full ink's contrast, from which on a view is blurred. Larger: grain is ink;
# smaller: thin strokes are blurred on good paper.
_MOST_NOISE = 0.4
# Standard deviations of the blur that is tried, in pixels of a view of 300 on the short side.
_BLURS = 1.0, 2.0


def measure_writing(grey: Bytes, *, dark: bool, widest: float | None = None) -> Bytes:
    """Measure the contrast of writing in (h, w) `grey`, in 255ths of the background's light.

    Args:
        grey: a view.
        dark: whether ink is darker than the background.
        widest: pixels that no stroke exceeds, where they are known: then the view is a line.

    """
    long, short = max(grey.shape), min(grey.shape)
    if widest is not None:
        return measure_contrast(grey, dark=dark, widest=min(_WIDEST * short, widest) / long)
    share = _estimate_stroke_width(grey, dark=dark)
    contrast = measure_contrast(grey, dark=dark, widest=share)
    for blur in _BLURS:
        _, floor, level = measure_levels(contrast)
        if level is None or floor <= _MOST_NOISE * level:
            break
        sigma = blur * max(1.0, short / 300)
        smooth = np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.uint8)
        contrast = measure_contrast(smooth, dark=dark, widest=share)
    return contrast


def measure_levels(contrast: Bytes) -> tuple[float, float, float | None]:
    """Measure (h, w) `contrast`: mean and limit of the noise, and the level of full ink if any."""
    noise, floor = levels.estimate_noise(contrast, BACKGROUND)
    steepness = levels.measure_steepness(contrast)
    return noise, floor, levels.measure_ink_level(contrast, steepness, above(contrast, floor))


# Pixels on the long side of the view in which edges are measured. Larger: blurred photographs are
# soft; smaller: small writing has no edges left, and shades get some.
_EDGE_VIEW = 300
# Share of full ink's contrast that half of its outline rises by there, within five pixels. Larger:
# blurred writing is light and shade; smaller: the ends of a gradient are strokes.
_SHARP = 0.35


def is_soft(contrast: Bytes, mask: Mask, level: float) -> bool:
    """Whether what was taken for ink is light and shade, which have no edges.

    Args:
        contrast: (h, w), in 255ths.
        mask: (h, w), 1 on the ink.
        level: the contrast of full ink.

    """
    steepness = levels.measure_steepness(shrink(contrast, _EDGE_VIEW))
    ink = (shrink(mask * np.uint8(255), _EDGE_VIEW) > 127).view(np.uint8)
    # What goes on beyond the border has no outline there.
    inside = cv2.erode(ink, square(3), borderType=cv2.BORDER_CONSTANT, borderValue=(1, 0, 0, 0))
    outline = steepness[ink > inside]
    return len(outline) > 0 and levels.quantile(outline, 0.5) < _SHARP * level


# Pixels on the long side of the view in which strokes are measured.
_STROKE_VIEW = 300
# Widths that are tried, as shares of the long side, and the widest as a share of the short side.
# Larger ones follow uneven light worse; smaller ones hollow the strokes of fat pens.
_WIDTHS, _WIDEST = (0.05, 0.1, 0.2), 0.45
# Share of the ink's edges that a narrower width has to keep, and times that it is taken then.
_EDGES_KEPT, _SPARE_WIDTH = 0.93, 1.5


def _estimate_stroke_width(grey: Bytes, *, dark: bool) -> float:
    """Find a width, as a share of the long side, that hardly any stroke in (h, w) exceeds."""
    view = shrink(grey if dark else np.asarray(cv2.bitwise_not(grey), np.uint8), _STROKE_VIEW)
    widest = _WIDEST * min(view.shape) / max(view.shape)
    steep = _gradient(view)
    weights = steep * steep * steep  # so that few sharp edges outweigh much soft shadow
    whole = _sharpness_of_ink(view, widest, weights)
    for width in _WIDTHS:
        if width * max(view.shape) < 5 or width >= widest:
            continue
        if _sharpness_of_ink(view, width, weights) >= _EDGES_KEPT * whole:
            return float(min(widest, width * _SPARE_WIDTH))
    return float(widest)


def _sharpness_of_ink(paper: Bytes, width: float, weights: Floats) -> float:
    """Sum the gradient of ink narrower than `width`, times `weights` (h, w)."""
    side = max(3, int(max(paper.shape) * width) | 1)
    closed = cv2.morphologyEx(paper, cv2.MORPH_CLOSE, square(side))
    ink = np.asarray(cv2.subtract(closed, paper), dtype=np.uint8)
    return float(np.vdot(weights, _gradient(ink)))


def _gradient(pixels: Bytes) -> Floats:
    edges = cv2.morphologyEx(pixels, cv2.MORPH_GRADIENT, square(3))
    return np.asarray(edges, dtype=np.float32)
