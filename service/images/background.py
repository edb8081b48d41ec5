"""What of a picture is ground and what stands out of it: uneven light, colour and polarity undone.

Light falls on paper slowly varying or with the edge of a shadow, ink is narrow: a morphological
closing wider than any stroke erases dark ink and keeps both. What it changed is the ink.
"""

import functools
import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_GLANCE = 75  # pixels on the long side when only the broad view counts
_COARSE = 50  # pixels on the long side where only colour and light count
_SURROUNDINGS = 0.25, 0.5  # of the long side: the narrower for uneven light, the wider for fat pens
_UNDECIDED = 0.9  # of 2; with a lesser skew, the corners of a picture say more of its ground
_CORNER = 1 / 8  # of the short side
_WIDEST = 0.33  # no stroke is wider than this share of the long side
_NARROWER = 0.1, 0.2  # widths tried instead: the narrower, the better uneven light is followed
_FEWEST = 5  # pixels; where strokes meet, a narrower closing would take ink for ground
_KEPT = 0.93  # of the ink's edges; a width that keeps so much of it is enough
_SPARE = 1.5  # times that width, for where strokes meet
_UNSLOPED = 0.15  # of the ground's variance; if a slope leaves more, a shadow's edge made it
_FLAT = 0.02  # of the mean light; a lesser slope is none
_PAPER = 200.0  # what even light makes of the mean ground, with room for what is lighter
_DARKEST = 24.0  # below it the ratio of ink to ground is all noise


def shrink(pixels: Bytes, side: int) -> Bytes:
    """`pixels`, (h, w) or (h, w, 3), with a long side of at most `side`, hardly any left out."""
    while max(pixels.shape[:2]) >= 2 * side:
        pixels = _halve(pixels)
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Less than half remains to go, so every pixel is beside one of those that are sampled.
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def crop(pixels: Bytes, window: tuple[slice, slice], scale: float) -> Bytes:
    """What `window`, found in a view `scale` times smaller, shows of `pixels`."""
    rows, columns = (slice(round(s.start * scale), round(s.stop * scale)) for s in window)
    return pixels[rows, columns]


def _halve(pixels: Bytes) -> Bytes:
    """The means of two by two pixels, which OpenCV takes ten times as fast as those of others."""
    height, width = pixels.shape[:2]
    even = pixels[: height & ~1 or 1, : width & ~1 or 1]
    size = (max(1, width // 2), max(1, height // 2))
    return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def ink_colour(pixels: Bytes) -> Floats | None:
    """The mix of red, green and blue in which ink stands out best in (h, w, 3) `pixels`.

    Black ink weighs all three alike; a yellow pen shows in blue only.

    Returns:
        (3,) weights that add up to 1; None where (h, w) `pixels` have no colour.

    """
    if pixels.ndim == 2:
        return None
    glance = shrink(pixels, _COARSE)
    reach = max(3, max(glance.shape[:2]) // 3)
    away = (glance.astype(np.float32) - cv2.blur(glance, (reach, reach))).reshape(-1, 3)
    # Along which direction do pixels leave their surroundings, those that go far most of all?
    strength = (away * away) @ np.ones((3, 1), np.float32)
    _, _, vectors = cv2.eigen((away * strength).T @ away)  # that of the largest value first
    main = vectors[0].tolist()
    total = sum(main)
    weights = [max(0.0, value if total > 0 else -value) for value in main]
    if not sum(weights) > 0:
        weights = [1.0, 1.0, 1.0]
    return np.array(weights, np.float32) / np.float32(sum(weights))


def to_grey(pixels: Bytes, colour: Floats | None) -> Bytes:
    """(h, w) of (h, w, 3) `pixels`, mixed as `ink_colour` says; (h, w) `pixels` as they are."""
    if colour is None:
        return pixels
    grey = cv2.transform(pixels, colour[np.newaxis])
    return np.asarray(grey, dtype=np.uint8).reshape(pixels.shape[:2])


def is_dark_on_light(grey: Bytes) -> bool:
    """Whether ink is darker than the ground in (h, w) `grey`.

    Ink is the lesser part of both, except in a picture that is cut to a thick digit.
    """
    small = shrink(grey, _GLANCE)
    levels = small.astype(np.float32)
    skew = sum(_skew(levels, surroundings) for surroundings in _SURROUNDINGS)
    light = _is_cut_from_light(small) if abs(skew) < _UNDECIDED else None
    return skew <= 0 if light is None else light


def _is_cut_from_light(grey: Bytes) -> bool | None:
    """Whether (h, w) `grey` is a digit cut from light ground; None if it does not seem to be cut.

    A digit that a picture is cut to meets the sides, but no corner; if it meets all sides, one may
    be met too.
    """
    _, bright = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    side = max(1, int(min(grey.shape) * _CORNER))
    ends = slice(None, side), slice(-side, None)
    corners = sum(bool(bright[place].mean() > 0.5) for place in itertools.product(ends, ends))
    ground = corners > 2
    edges = bright[0], bright[-1], bright[:, 0], bright[:, -1]
    met = sum(bool((edge != ground).any()) for edge in edges)
    free = corners if ground else 4 - corners
    return ground if (free == 4 and met >= 2) or (free == 3 and met == 4) else None


def _skew(pixels: Floats, surroundings: float) -> float:
    """In [-1, 1]: above 0, what is lighter than its surroundings is the lesser part of (h, w).

    Args:
        pixels: grey values.
        surroundings: how wide they are, as a share of the long side.

    """
    reach = max(3, int(max(pixels.shape) * surroundings))
    away = pixels - cv2.blur(pixels, (reach, reach))
    cubes = away * away * away  # so that few large departures outweigh many small ones
    # Frames and tables are at the rim, and count less.
    weights = _central(pixels.shape)
    return float(np.vdot(cubes, weights)) / max(float(np.vdot(np.abs(cubes), weights)), 1e-6)


@functools.lru_cache
def _central(shape: tuple[int, int]) -> Floats:
    """Weights (h, w): 1 in the middle, falling to 0.1 at the rim."""
    y, x = (1 - np.linspace(-0.95, 0.95, side, dtype=np.float32) ** 2 for side in shape)
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
    light = np.maximum(ground, np.uint8(_DARKEST))
    return np.asarray(cv2.divide(missing, light, scale=255), dtype=np.uint8)


def _level(paper: Bytes) -> Bytes:
    """`paper` (h, w) without the slope of its light, if that is what makes its ground uneven.

    At the dark end of a slope a closing, which sees nothing beyond, would take paper for ink.
    """
    small = _ground(shrink(paper, _COARSE), _WIDEST).astype(np.float32)
    (mean,), (spread,) = (found.ravel().tolist() for found in cv2.meanStdDev(small))
    height, width = small.shape
    across, down = _ramp(width), _ramp(height)
    # Least squares; both ramps have a mean of 0 and nothing in common.
    to_right = float((small @ across).sum()) / max(height * float(across @ across), 1e-6)
    to_bottom = float((down @ small).sum()) / max(width * float(down @ down), 1e-6)
    sloped = (
        to_right**2 * float(across @ across) / width + to_bottom**2 * float(down @ down) / height
    )
    if spread**2 - sloped > _UNSLOPED * spread**2 or abs(to_right) + abs(to_bottom) < _FLAT * mean:
        return paper
    height, width = paper.shape
    light = (mean + to_bottom * _ramp(height))[:, np.newaxis] + to_right * _ramp(width)
    light = np.clip(light, _DARKEST, 255).astype(np.uint8)
    return np.asarray(cv2.divide(paper, light, scale=_PAPER), dtype=np.uint8)


@functools.lru_cache
def _ramp(length: int) -> Floats:
    """(length,) from -1 to 1."""
    return np.linspace(-1, 1, length, dtype=np.float32)


def _stroke_width(paper: Bytes) -> float:
    """As a share of the long side, a width that hardly any stroke of dark ink exceeds."""
    steep = _edges(paper)
    weights = steep * steep * steep  # so that few sharp edges outweigh much soft shadow
    whole = _kept(paper, _WIDEST, weights)
    for width in _NARROWER:
        if width * max(paper.shape) < _FEWEST:
            continue
        if _kept(paper, width, weights) >= _KEPT * whole:
            return width * _SPARE
    return _WIDEST


def _kept(paper: Bytes, width: float, weights: Floats) -> float:
    """How sharp, where `weights` say that it matters, is the ink narrower than `width`."""
    ink = np.asarray(cv2.subtract(_closed(paper, width), paper), dtype=np.uint8)
    return float(weights.ravel() @ _edges(ink).ravel())


def _edges(pixels: Bytes) -> Floats:
    """How much pixels (h, w) differ from their neighbours."""
    edges = cv2.morphologyEx(pixels, cv2.MORPH_GRADIENT, square(3))
    return np.asarray(edges, dtype=np.float32)


def _ground(paper: Bytes, width: float) -> Bytes:
    """`paper` without dark strokes that are narrower than `width`, a share of the long side."""
    closed = _closed(paper, width)
    smooth = max(1, int(max(paper.shape) * width) // 4)
    # The lesser of both: a blur alone would leave a rim of false ink along a shadow's edge.
    return np.asarray(cv2.min(closed, cv2.blur(closed, (smooth, smooth))), dtype=np.uint8)


def _closed(paper: Bytes, width: float) -> Bytes:
    side = max(3, int(max(paper.shape) * width) | 1)
    return np.asarray(cv2.morphologyEx(paper, cv2.MORPH_CLOSE, square(side)), dtype=np.uint8)


@functools.lru_cache
def square(side: int) -> Bytes:
    """The structuring element (side, side) of ones."""
    return np.ones((side, side), np.uint8)
