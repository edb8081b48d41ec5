"""Polarity: whether ink is darker or lighter than its background.

Ink is the smaller part of a picture, so the grey values' departures from their local mean are
skewed towards it. That fails for a picture that is cut to a thick digit, where ink may be the
larger part; there the corners tell.
"""

import functools
import itertools

import cv2
import numpy as np

from models.arrays import Floats
from service.images.arrays import Bytes
from service.images.normalising.resize import shrink

# Pixels on the long side of the view in which polarity is judged. A larger one costs time; in a
# smaller one thin strokes fade.
_VIEW = 75
# Widths of the local mean, as shares of the long side; their skews are added. A narrower one
# follows uneven light better, but takes the inside of a broad stroke for its own surroundings; a
# wider one the other way round.
_SURROUNDINGS = 0.25, 0.5
# Added skew, of at most 2, from which on it decides alone. Larger: more whole pictures are judged
# by their corners, and framed ones wrongly; smaller: fewer pictures that are cut to a digit are.
_DECISIVE_SKEW = 0.9


def is_dark_on_light(grey: Bytes) -> bool:
    """Whether ink is darker than its background in (h, w) `grey`."""
    view = shrink(grey, _VIEW)
    levels = view.astype(np.float32)
    skew = sum(_skew(levels, surroundings) for surroundings in _SURROUNDINGS)
    light = _has_light_corners(view) if abs(skew) < _DECISIVE_SKEW else None
    return skew <= 0 if light is None else light


# Side of a corner, as a share of the picture's shorter side. Larger: a digit's own strokes reach
# into it; smaller: a speck fills it.
_CORNER = 1 / 8


def _has_light_corners(grey: Bytes) -> bool | None:
    """Whether the background of a digit that (h, w) `grey` is cut to is light; None if it is not.

    A digit that a picture is cut to meets its sides, but no corner; if it meets all four sides, it
    may meet one corner too.
    """
    _, bright = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    side = max(1, int(min(grey.shape) * _CORNER))
    ends = slice(None, side), slice(-side, None)
    light = sum(bool(bright[corner].mean() > 0.5) for corner in itertools.product(ends, ends))
    background = light > 2
    edges = bright[0], bright[-1], bright[:, 0], bright[:, -1]
    met = sum(bool((edge != background).any()) for edge in edges)
    free = light if background else 4 - light
    return background if (free == 4 and met >= 2) or (free == 3 and met == 4) else None


def _skew(pixels: Floats, surroundings: float) -> float:
    """Measure in which direction (h, w) `pixels` leave their local mean, weighed by the cube.

    Args:
        pixels: grey values.
        surroundings: width of the local mean, as a share of the long side.

    Returns:
        From -1 to 1; above 0, what is lighter than its surroundings is the smaller part.

    """
    reach = max(3, int(max(pixels.shape) * surroundings))
    away = pixels - cv2.blur(pixels, (reach, reach))
    cubes = away * away * away  # so that a few large departures outweigh many small ones
    # Frames and tables lie at the rim, and count less.
    weights = _central_weights(pixels.shape)
    return float(np.vdot(cubes, weights)) / max(float(np.vdot(np.abs(cubes), weights)), 1e-6)


@functools.lru_cache
def _central_weights(shape: tuple[int, int]) -> Floats:
    """Weights (h, w): 1 in the middle, falling to 0.1 at the middle of each side."""
    y, x = (1 - np.linspace(-0.95, 0.95, side, dtype=np.float32) ** 2 for side in shape)
    return np.outer(y, x)
