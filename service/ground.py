"""What of a picture is ground and what stands out of it: uneven light, colour and polarity undone.

Light falls on paper slowly varying or with the edge of a shadow, ink is narrow: a morphological
closing wider than any stroke erases dark ink and keeps both. What it changed is the ink.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_GLANCE = 100  # pixels on the long side when only the broad view counts
_WIDEST = 0.33  # no stroke is wider than this share of the long side
_NARROWER = (
    0.05,
    0.1,
    0.2,
)  # widths tried instead: the narrower, the better uneven light is followed
_FEWEST = 5  # pixels; where strokes meet, a narrower closing would take ink for ground
_KEPT = 0.93  # of the ink's edges; a width that keeps so much of it is enough
_SPARE = 1.5  # times that width, for where strokes meet
_UNSLOPED = 0.15  # of the ground's variance; if a slope leaves more, a shadow's edge made it
_PAPER = 200.0  # what even light makes of the mean ground, with room for what is lighter
_DARKEST = 24.0  # below it the ratio of ink to ground is all noise


def shrink(pixels: Bytes, side: int) -> Bytes:
    """`pixels`, (h, w) or (h, w, 3), with a long side of at most `side`, every pixel weighed."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def to_grey(pixels: Bytes) -> Bytes:
    """The mix of red, green and blue in which ink stands out best, (h, w).

    Black ink weighs all three alike; a yellow pen shows in blue only.
    """
    if pixels.ndim == 2:
        return pixels
    weights = _ink_colour(shrink(pixels, _GLANCE // 2))
    return np.asarray(cv2.transform(pixels, weights[np.newaxis]), dtype=np.uint8).reshape(
        pixels.shape[:2]
    )


def _ink_colour(pixels: Bytes) -> Floats:
    """(3,) weights that add up to 1: along which channels the pixels leave their surroundings."""
    reach = max(3, max(pixels.shape[:2]) // 3)
    away = pixels.astype(np.float32) - cv2.blur(pixels, (reach, reach))
    away = away.reshape(-1, 3)
    strength = (away**2).sum(axis=1)
    most = away[strength >= np.quantile(strength, 0.95)]
    _, vectors = np.linalg.eigh(most.T @ most)
    main = vectors[:, -1]  # of the largest eigenvalue
    main = np.maximum(main * np.sign(main.sum()), 0)
    total = main.sum()
    if not total > 0:
        main, total = np.ones(3), 3.0
    return np.asarray(main / total, dtype=np.float32)


def is_dark_on_light(grey: Bytes) -> bool:
    """Whether ink is darker than the ground in (h, w) `grey`: ink is the lesser part of both."""
    small = shrink(grey, _GLANCE).astype(np.float32)
    reach = max(3, max(small.shape) // 3)
    away = small - cv2.blur(small, (reach, reach))
    # Skewed to where the lesser part lies; frames and tables are at the rim, and count less.
    return float((away**3 * _central(small)).sum()) <= 0


def _central(pixels: Floats) -> Floats:
    """Weights like `pixels` (h, w): 1 in the middle, falling to 0.1 at the rim."""
    y, x = (1 - np.linspace(-0.95, 0.95, side, dtype=np.float32) ** 2 for side in pixels.shape)
    return np.outer(y, x)


def contrast(grey: Bytes, *, dark: bool) -> Bytes:
    """How much each pixel of (h, w) `grey` differs from the ground that it lies on.

    Args:
        grey: any picture.
        dark: whether ink is darker than the ground.

    Returns:
        (h, w) uint8: the share of the ground's light that is missing, in 255ths; about 0 on the
        ground.

    """
    paper = grey if dark else np.asarray(cv2.bitwise_not(grey), dtype=np.uint8)
    paper = _level(paper)
    ground = _ground(paper, _stroke_width(shrink(paper, _GLANCE)))
    missing = cv2.subtract(ground, paper)
    light = cv2.max(ground, _DARKEST)  # type: ignore[call-overload]  # numbers are allowed
    return np.asarray(cv2.divide(missing, light, scale=255), dtype=np.uint8)


def _level(paper: Bytes) -> Bytes:
    """`paper` (h, w) without the slope of its light, if that is what makes its ground uneven.

    At the dark end of a slope a closing, which sees nothing beyond, would take paper for ink.
    """
    small = _ground(shrink(paper, _GLANCE // 2), _WIDEST).astype(np.float32)
    mean = float(small.mean())
    across, down = (np.linspace(-1, 1, side, dtype=np.float32) for side in small.shape[::-1])
    to_right = float(small.mean(axis=0) @ across) / max(float(across @ across), 1e-6)
    to_bottom = float(small.mean(axis=1) @ down) / max(float(down @ down), 1e-6)
    slope = to_right * across + to_bottom * down[:, np.newaxis]
    if float(np.var(small - slope)) > _UNSLOPED * float(np.var(small)):
        return paper
    height, width = paper.shape
    light = mean + to_right * np.linspace(-1, 1, width, dtype=np.float32)
    light = light + to_bottom * np.linspace(-1, 1, height, dtype=np.float32)[:, np.newaxis]
    even = paper * (_PAPER / np.maximum(light, _DARKEST))
    return np.asarray(np.minimum(even, 255), dtype=np.uint8)


def _stroke_width(paper: Bytes) -> float:
    """As a share of the long side, a width that hardly any stroke of dark ink exceeds."""
    edges = _edges(paper, _WIDEST)
    weights = edges**3  # so that few sharp edges outweigh much soft shadow
    whole = float(np.vdot(weights, edges))
    for width in _NARROWER:
        if width * max(paper.shape) < _FEWEST:
            continue
        kept = np.minimum(_edges(paper, width), edges)
        if float(np.vdot(weights, kept)) >= _KEPT * whole:
            return width * _SPARE
    return _WIDEST


def _edges(paper: Bytes, width: float) -> Floats:
    """How sharp the edges are (h, w) of what is dark and narrower than `width`."""
    ink = cv2.subtract(_ground(paper, width), paper)
    edges = cv2.morphologyEx(ink, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.asarray(edges, dtype=np.float32)


def _ground(paper: Bytes, width: float) -> Bytes:
    """`paper` without dark strokes that are narrower than `width`, a share of the long side."""
    side = max(3, int(max(paper.shape) * width) | 1)
    closed = cv2.morphologyEx(paper, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    smooth = max(1, side // 4)
    # The lesser of both: a blur alone would leave a rim of false ink along a shadow's edge.
    return np.asarray(cv2.min(closed, cv2.blur(closed, (smooth, smooth))), dtype=np.uint8)
