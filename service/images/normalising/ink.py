"""Segmentation: which of the things that stand out of the background are the digit's strokes."""

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from service.images.arrays import Bytes, Mask
from service.images.normalising import components, levels, ruling
from service.images.normalising.background import square
from service.images.normalising.creases import remove_creases
from service.images.normalising.levels import above, quantile
from service.images.normalising.redraw import mean_stroke_width
from service.images.normalising.ruling import Ruling

Finding = Literal["blank", "several_digits", "not_a_digit"]

# Share of full ink's contrast that ink beside ink has. Larger: strokes get thin and break where
# they are faint; smaller: they get the shade around them.
_FAINT_INK = 0.3
# Times the floor of the noise that a digit's contrast is. Larger: faint digits are blank; smaller:
# grain of paper is a digit.
_CLEAR_OF_NOISE = 1.3
# Times the contrast of other things from which on darker things are another ink. Larger: stains and
# ruling are kept beside a pen a little darker; smaller: a pen's own darker parts are another ink.
_ANOTHER_INK = 1.25


@dataclass(frozen=True)
class Ink:
    """A digit's strokes: `mask` (h, w) is 1 on them, `level` is full ink's contrast in 255ths."""

    mask: Mask
    level: float
    finding: Finding | None = None

    def measure_stroke_width(self) -> float:
        """Measure the mean width of the strokes, in pixels."""
        left, top, width, height = cv2.boundingRect(self.mask)
        strokes = self.mask[top : top + height, left : left + width]
        rimmed = np.asarray(cv2.copyMakeBorder(strokes, 1, 1, 1, 1, cv2.BORDER_CONSTANT), np.uint8)
        inside = cv2.distanceTransform(rimmed, cv2.DIST_L2, 3)
        return mean_stroke_width(np.asarray(inside, dtype=np.float32), rimmed)


# Share of a picture that is background at least. Larger: in front of frames and tables, which cover
# half of it, noise is overrated and ink is lost; smaller: there are few pixels to measure noise by.
_BACKGROUND = 0.3
# The same where a digit fills the picture, and the share that its ink then covers at least. A
# larger first misses such digits, a smaller second takes the noise of a crowded picture for one.
_BACKGROUND_OF_FILLED, _FILLED = 0.15, 0.4


def find_ink(contrast: Bytes, *, has_print: bool) -> Ink | None:
    """Find a digit's strokes in a picture; None where all is background.

    Args:
        contrast: (h, w), in 255ths.
        has_print: whether there may be printed lines, and creases.

    """
    noise, floor = levels.estimate_noise(contrast, _BACKGROUND)
    if _leaves_room(floor):
        return _segment_above(contrast, noise, floor, has_print)
    noise, floor = levels.estimate_noise(contrast, _BACKGROUND_OF_FILLED)
    found = _segment_above(contrast, noise, floor, has_print)
    fills = found is not None and cv2.countNonZero(found.mask) > _FILLED * contrast.size
    return found if fills else None


def explain_no_ink(contrast: Bytes) -> Finding:
    """Say why `find_ink` finds nothing in (h, w) `contrast`: there is nothing, or it cannot tell.

    A crowded picture has no even background, and what seems to be its noise leaves no room for ink
    that is clear of it.
    """
    _, floor = levels.estimate_noise(contrast, _BACKGROUND)
    return "blank" if _leaves_room(floor) else "not_a_digit"


def _leaves_room(floor: float) -> bool:
    """Whether there can be contrast that is clear of the noise."""
    return _CLEAR_OF_NOISE * floor <= 255


def _segment_above(contrast: Bytes, noise: float, floor: float, has_print: bool) -> Ink | None:
    """Find a digit's strokes; if there are none, by how far contrast is above that of bare paper.

    Contrast is to the lightest paper around, so that bare rough paper has much of it.

    Args:
        contrast: (h, w), in 255ths.
        noise: the mean of the background's.
        floor: the contrast below which all may be noise.
        has_print: whether there may be printed lines, and creases.

    """
    found, bare = _segment_twice(contrast, noise, floor, has_print), round(noise)
    if found is not None or bare == 0:
        return found
    above_bare: Bytes = np.maximum(contrast, np.uint8(bare)) - np.uint8(bare)
    found = _segment_twice(above_bare, noise - bare, floor - bare, has_print)
    return None if found is None else replace(found, level=found.level + bare)


# Share of full ink's contrast that print has at least. Larger: faint ruling is not found, and joins
# the digit; smaller: the noise of the paper joins up to lines.
_FAINT_PRINT = 0.15


def _segment_twice(contrast: Bytes, noise: float, floor: float, has_print: bool) -> Ink | None:
    """Find a digit's strokes, again at their own level if that is far from the first guess.

    Args:
        contrast: (h, w), in 255ths.
        noise: the mean of the background's.
        floor: the contrast below which all may be noise.
        has_print: whether there may be printed lines, and creases.

    """
    steepness = levels.measure_steepness(contrast)
    level = levels.measure_ink_level(contrast, steepness, above(contrast, floor))
    if level is None:
        return None
    faint = max(noise + _FAINT_INK * (floor - noise), _FAINT_PRINT * level)
    printed = ruling.find_ruling(above(contrast, faint)) if has_print else None
    if printed is not None:  # it has edges too, and the pen's are those that matter
        beside = np.asarray(cv2.subtract(above(contrast, floor), printed.mask), dtype=np.uint8)
        level = levels.measure_ink_level(contrast, steepness, beside) or level
    found = _segment(contrast, steepness, floor, level, printed)
    # Stains have edges too; the digit's own ink may be far darker than they.
    if found is not None and found.level > _ANOTHER_INK * level:
        found = _segment(contrast, steepness, floor, found.level, printed) or found
    if found is not None and has_print:
        found = replace(found, mask=remove_creases(contrast, found.mask, found.level))
    # In few pixels grain is as steep as edges are.
    grain = quantile(steepness[::4, ::4].ravel(), 0.5) if has_print else 0.0
    return None if found is None or _is_soft(steepness, grain, found) else found


# Share of full ink's contrast that is ink for sure. Larger: digits of uneven ink have none;
# smaller: shades are ink.
_SURE_INK = 0.5
# Share of full ink's contrast that an edge rises by, within five pixels. Larger: blurred digits
# have no edges; smaller: soft shadows do.
_EDGE = 0.2


def _segment(
    contrast: Bytes, steepness: Bytes, floor: float, level: float, printed: Ruling | None
) -> Ink | None:
    """Find a digit's strokes.

    Args:
        contrast: (h, w), in 255ths.
        steepness: (h, w), of `contrast`.
        floor: the contrast below which all may be noise.
        level: about the contrast of full ink.
        printed: the ruling of the paper.

    """
    mask = above(contrast, max(floor * _FAINT_INK / _SURE_INK, _FAINT_INK * level))
    # Soft shadows and stains have no edge.
    sure = above(contrast, max(floor, _SURE_INK * level)) & above(steepness, _EDGE * level)
    if printed is not None:
        mask = _without_ruling(contrast, mask, sure, printed, floor)
    window = _inside_frame(mask)
    found = components.find_digit(mask[window], sure[window])
    if found is None:
        return None
    digit = np.zeros_like(mask)
    digit[window] = found.mask
    own = quantile(contrast[digit > 0], 0.85)
    if own < _CLEAR_OF_NOISE * floor:
        return None
    finding: Finding | None = "several_digits" if found.has_rivals else None
    return Ink(digit, own, "not_a_digit" if found.reaches_in else finding)


# Share of full ink's contrast that half of a digit's outline rises by, within five pixels. Larger:
# blurred digits are light and shade; smaller: dark corners and gradients are digits.
_SHARP = 0.4
# Pixels across light and shade at least. Larger: the ends of a gradient are digits; smaller: lines
# of a pixel, which have no inside, are no digits.
_BROAD = 2.0


def _is_soft(steepness: Bytes, grain: float, ink: Ink) -> bool:
    """Whether `ink` is light and shade: broad, and of a `steepness` (h, w) as no edge has.

    An edge is steeper than the `grain` of the paper.
    """
    inside = cv2.erode(
        ink.mask, square(3), borderType=cv2.BORDER_CONSTANT, borderValue=(1, 0, 0, 0)
    )
    outline = steepness[ink.mask > inside]
    has_edge = len(outline) > 0 and quantile(outline, 0.5) >= _SHARP * ink.level + grain
    return not has_edge and ink.measure_stroke_width() >= _BROAD


def _without_ruling(contrast: Bytes, mask: Mask, sure: Mask, printed: Ruling, floor: float) -> Mask:
    """`mask` (h, w) without the ruling `printed`, unless nothing would remain."""
    pen = contrast[sure > printed.mask]
    if len(pen) < 8:
        return mask
    pen_level, print_level = quantile(pen, 0.9), quantile(contrast[printed.mask > 0], 0.85)
    if pen_level > _ANOTHER_INK * print_level:
        rest = above(contrast, max(floor, (print_level + pen_level) / 2))
    else:
        rest = ruling.remove_ruling(mask, printed)
    return rest if cv2.countNonZero(rest) >= 8 else mask


# Share of a row of pixels that a frame fills. Larger: frames with a nick are ink; smaller: a digit
# that fills the picture is cut.
_SOLID = 0.97


def _inside_frame(mask: Mask) -> tuple[slice, slice]:
    """Find where in `mask` (h, w) a solid frame along its border ends; all of it without one."""
    border = mask[0], mask[:, 0], mask[-1], mask[:, -1]
    if sum(int(line.sum()) > _SOLID * len(line) for line in border) < 3:
        return np.s_[:, :]  # a stroke along one side, or a picture cut to its ink
    height, width = mask.shape
    filled = mask.sum(axis=1) > _SOLID * width, mask.sum(axis=0) > _SOLID * height
    top, left = (int(np.argmin(lines)) for lines in filled)
    bottom, right = (len(lines) - int(np.argmin(lines[::-1])) for lines in filled)
    return np.s_[top:bottom, left:right]


def segment_near(contrast: Bytes, near: Mask) -> Ink | None:
    """Find strokes in (h, w) `contrast` where `near` is 1; None where none stand out."""
    level = levels.measure_ink_level(contrast, levels.measure_steepness(contrast), near)
    if level is None or level < levels.FAINTEST:
        return None
    mask = cv2.bitwise_and(above(contrast, _FAINT_INK * level), near)
    return Ink(np.asarray(mask, dtype=np.uint8), level) if mask.any() else None
