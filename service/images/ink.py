"""Which of the things that stand out of the ground are the digit's strokes."""

import statistics
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images import background, components, ruling
from service.images.ruling import Lines

Bytes = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Finding = Literal["blank", "several_digits", "not_a_digit"]

_LOW = 0.05  # of the picture; the lowest may be anything
_GROUND = 0.3  # of it are ground at least, as frames and tables can cover half of it
_LEFT, _FILLED = 0.15, 0.4  # of it are ground at least, and ink, where a digit fills it
_NORMAL = statistics.NormalDist()
_FAINTEST = 13.0  # 255ths of the ground's light; fainter is what paper and cameras do
_NOISE = 6.0  # standard deviations of the ground's noise; fainter may be noise
_CLEAR = 1.3  # times the floor; a digit is not just above it
_SURE, _MAYBE, _FAINT = 0.5, 0.3, 0.15  # of the ink's level: ink, ink beside ink, print
_EDGE = 0.2  # of the ink's level; what rises more slowly is light, not ink
_DARKER = 1.25  # times the contrast of other things; what is darker is another ink
_EVEN = 0.65  # of the ink's level; a stroke that does not fade has more along its middle
_FAINTER = 0.5  # of the ink's level; what begins fainter beside a stroke is no part of it
_THICK = 7  # pixels; no crease is so thick
_BROAD = 0.1  # of the ink; as much is the middle of strokes of three pixels and more
_BRANCHES = 0.03  # of the ink; less does no harm
_SOLID = 0.97  # of a row of pixels; a frame fills so much of it


@dataclass(frozen=True)
class Ink:
    """The digit's strokes: `mask` (h, w) is 1 on them; `level`: full ink's contrast in 255ths."""

    mask: Mask
    level: float
    finding: Finding | None = None


def find_ink(contrast: Bytes) -> Ink | None:
    """The digit's strokes in (h, w) `contrast`, in 255ths, or None where all is ground."""
    noise, floor = _noise(contrast, _GROUND)
    if _CLEAR * floor <= 255:
        return _find_above(contrast, noise, floor)
    found = _find_above(contrast, *_noise(contrast, _LEFT))
    fills = found is not None and cv2.countNonZero(found.mask) > _FILLED * contrast.size
    return found if fills else None


def _find_above(contrast: Bytes, noise: float, floor: float) -> Ink | None:
    """The digit's strokes, if what is below `floor` is of no account, and about `noise`."""
    rise = _rise(contrast)
    level = _level(contrast, rise, _above(contrast, floor))
    if level is None:
        return None
    faint = max(noise + _MAYBE * (floor - noise), _FAINT * level)
    print_ = ruling.find_lines(_above(contrast, faint))
    if print_ is not None:  # it has edges too, and the pen's are those that matter
        beside = cv2.subtract(_above(contrast, floor), print_.mask)
        level = _level(contrast, rise, np.asarray(beside, dtype=np.uint8)) or level
    found = _find(contrast, rise, floor, level, print_)
    # Stains have edges too; the digit's own ink may be far darker than they.
    if found is not None and found.level > _DARKER * level:
        found = _find(contrast, rise, floor, found.level, print_) or found
    return found


def without_ink(contrast: Bytes) -> Finding:
    """What to say of a picture in whose (h, w) `contrast`, in 255ths, no ink is found.

    Only where ink would have been seen is there none. A crowded picture has no even ground, and
    what looks like the noise of it leaves no room for ink that is clear of it.
    """
    _, floor = _noise(contrast, _GROUND)
    return "blank" if _CLEAR * floor <= 255 else "not_a_digit"


def _find(
    contrast: Bytes, rise: Bytes, floor: float, level: float, print_: Lines | None
) -> Ink | None:
    """The digit's strokes, if `level` is about the contrast of full ink, beside lines `print_`."""
    mask = _above(contrast, max(floor * _MAYBE / _SURE, _MAYBE * level))
    # Soft shadows and stains have no edge.
    sure = _above(contrast, max(floor, _SURE * level)) & _above(rise, _EDGE * level)
    if print_ is not None:
        mask = _without_lines(contrast, mask, sure, print_, floor)
    window = _inside_frame(mask)
    strokes = components.choose(mask[window], sure[window])
    if strokes is None:
        return None
    digit = np.zeros_like(mask)
    digit[window] = strokes.mask
    own = _quantile(contrast[digit > 0], 0.85)
    if own < _CLEAR * floor:
        return None
    if max(mask.shape) >= ruling.LEAST_SIDE:
        digit = _without_branches(contrast, digit, own)
    return Ink(digit, own, "several_digits" if strokes.several else None)


def _without_branches(contrast: Bytes, mask: Mask, level: float) -> Mask:
    """`mask` without thin things that are far fainter than ink of that `level` all along.

    So are creases that touch a digit; a stroke that fades is nearly as dark where it begins to.
    """
    full = np.asarray(cv2.bitwise_and(_above(contrast, _EVEN * level), mask), dtype=np.uint8)
    strokes = cv2.bitwise_and(cv2.dilate(full, background.square(5)), mask)
    branches = cv2.subtract(mask, strokes)
    if cv2.countNonZero(branches) < _BRANCHES * cv2.countNonZero(mask) or not _is_broad(full):
        return mask
    fades = _quantile(contrast[branches > 0], 0.95) > _FAINTER * level
    if fades or cv2.hasNonZero(cv2.erode(branches, background.square(_THICK))):
        return mask
    return np.asarray(strokes, dtype=np.uint8)


def _is_broad(ink: Bytes) -> bool:
    """Whether strokes are so broad that their contrast is the pen's all along.

    That of a line of a pixel or two depends on how it lies among the pixels.
    """
    middle = cv2.erode(ink, background.square(3))
    return cv2.countNonZero(middle) > _BROAD * cv2.countNonZero(ink)


def _inside_frame(mask: Mask) -> tuple[slice, slice]:
    """Where in `mask` (h, w) a solid frame along its border ends; all of it without a frame."""
    border = mask[0], mask[:, 0], mask[-1], mask[:, -1]
    if sum(int(line.sum()) > _SOLID * len(line) for line in border) < 3:
        return np.s_[:, :]  # a stroke along one side, or a picture cut to its ink
    height, width = mask.shape
    filled = mask.sum(axis=1) > _SOLID * width, mask.sum(axis=0) > _SOLID * height
    top, left = (int(np.argmin(lines)) for lines in filled)
    bottom, right = (len(lines) - int(np.argmin(lines[::-1])) for lines in filled)
    return np.s_[top:bottom, left:right]


def trace(contrast: Bytes, near: Mask) -> Ink | None:
    """The strokes in (h, w) `contrast` where `near` is 1, or None where none stand out."""
    level = _level(contrast, _rise(contrast), near)
    if level is None or level < _FAINTEST:
        return None
    mask = cv2.bitwise_and(_above(contrast, _MAYBE * level), near)
    return Ink(np.asarray(mask, dtype=np.uint8), level) if mask.any() else None


def _above(contrast: Bytes, limit: float) -> Mask:
    """1 where `contrast` is more than `limit`."""
    return (contrast > min(int(limit), 255)).view(np.uint8)


def _quantile(values: Bytes, share: float) -> float:
    """The value in (n,) `values`, n at least 1, than which that share of them is not larger."""
    place = int(share * (len(values) - 1))
    return float(np.partition(values, place)[place])


def _noise(contrast: Bytes, share: float) -> tuple[float, float]:
    """The mean of the noise of a ground of that `share`, and the contrast below which all is."""
    counts = cv2.calcHist([contrast], [0], None, [256], [0, 256]).ravel().cumsum()
    low, high = np.searchsorted(counts, np.array((_LOW, share)) * contrast.size).tolist()
    below = _NORMAL.inv_cdf(share)  # in standard deviations from the mean
    spread = (high - low) / (below - _NORMAL.inv_cdf(_LOW))
    mean = high - below * spread
    return mean, mean + max(_FAINTEST, _NOISE * spread)


def _rise(contrast: Bytes) -> Bytes:
    """How steep edges are; five pixels climb most of even a blurred one."""
    smooth = cv2.blur(contrast, (3, 3))
    rise = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
    return np.asarray(rise, dtype=np.uint8)


def _level(contrast: Bytes, rise: Bytes, mask: Mask) -> float | None:
    """The contrast of full ink within `mask`: what lies beside its sharpest edges.

    Ink has sharper edges than a shadow, and thin strokes reach their level along the middle only.
    """
    if not mask.any():
        return None
    sharp = cv2.multiply(rise, mask).astype(np.float32)
    peak = cv2.dilate(contrast, np.ones((5, 5), np.uint8)).astype(np.float32)
    return float(np.vdot(sharp * sharp, peak)) / max(float(np.vdot(sharp, sharp)), 1e-9)


def _without_lines(contrast: Bytes, mask: Mask, sure: Mask, found: Lines, floor: float) -> Mask:
    """`mask` without the lines `found`, unless nothing remains then."""
    rest = contrast[sure > found.mask]
    if len(rest) < 8:
        return mask
    pen, print_ = _quantile(rest, 0.9), _quantile(contrast[found.mask > 0], 0.85)
    if pen > _DARKER * print_:
        bare = _above(contrast, max(floor, (print_ + pen) / 2))
    else:
        bare = ruling.remove(mask, found)
    return bare if cv2.countNonZero(bare) >= 8 else mask
