"""A view of a picture, and what in it is ink: its background and all that is printed taken away."""

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import Floats
from service.images.arrays import Bytes, Mask
from service.images.normalising import colour, levels, margins, ruling
from service.images.normalising.background import square
from service.images.normalising.levels import above, quantile
from service.images.normalising.resize import shrink
from service.images.normalising.ruling import Ruling
from service.images.numbers.contrast import is_soft, measure_levels, measure_writing
from service.images.numbers.polarity import is_dark_writing
from service.images.numbers.printed_form import (
    has_print,
    remove_border_lines,
    remove_cells,
    remove_lines,
)

# Pixels on the long side of the view in which lines are sought. Larger: all steps take longer;
# smaller: small writing fades.
VIEW = 900
# Pixels on the short side of a picture below which it is enlarged, and times that at most. Larger:
# pictures that are large enough cost more time; smaller: strokes of a pixel have no edges.
_FEW_PIXELS, _MOST_TIMES = 100, 4


@dataclass(frozen=True)
class View:
    """Ink: `mask` (h, w) is 1 on it, `level` is its full contrast in 255ths of the light.

    `contrast` (h, w) is that of every pixel. A pixel of the view is `scale` pixels of the picture,
    from `origin` (x, y) on. Red, green and blue were mixed by `weights`, and `dark` says whether
    ink is darker than the paper.
    """

    contrast: Bytes
    mask: Mask
    level: float
    scale: float
    origin: tuple[float, float]
    weights: Floats | None = None
    dark: bool = True


def view_ink(pixels: Bytes) -> View | None:
    """View the ink in `pixels` (h, w) or (h, w, 3); None where all is background."""
    small = shrink(pixels, VIEW)
    weights = colour.find_ink_colour(small)
    grey = colour.to_grey(small, weights)
    scale = max(pixels.shape[:2]) / max(grey.shape)
    rows, columns = margins.find_content(grey)
    content = np.ascontiguousarray(grey[rows, columns])
    origin = (columns.start or 0) * scale, (rows.start or 0) * scale
    dark = is_dark_writing(content)
    enlarged, times = _enlarge(content)
    contrast = measure_writing(enlarged, dark=dark)
    found = _segment(contrast)
    if found is None or is_soft(contrast, *found):
        return None
    return View(contrast, *found, scale / times, origin, weights, dark)


def _enlarge(grey: Bytes) -> tuple[Bytes, int]:
    """Enlarge (h, w) `grey` if it has few pixels; how many times, too."""
    times = min(_MOST_TIMES, -(-_FEW_PIXELS // min(grey.shape)))
    if times < 2 or times * max(grey.shape) > 2 * VIEW:
        return grey, 1
    size = grey.shape[1] * times, grey.shape[0] * times
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC), np.uint8), times


# Times the floor of the noise that ink's contrast is. Larger: faint ink is blank; smaller: grain of
# paper is ink.
_CLEAR_OF_NOISE = 1.3
# Times the contrast of other things from which on darker things are another ink.
_ANOTHER_INK = 1.25
# Share of full ink's contrast that print has at least.
_FAINT_PRINT = 0.15


def _segment(contrast: Bytes) -> tuple[Mask, float] | None:
    """Find the ink in (h, w) `contrast`, and its level; None where all may be noise."""
    noise, floor, level = measure_levels(contrast)
    if level is None or floor * _CLEAR_OF_NOISE > 255:
        return None
    steepness = levels.measure_steepness(contrast)
    faint = max(noise + FAINT_INK * (floor - noise), _FAINT_PRINT * level)
    shown, has_cells = remove_cells(above(contrast, faint))
    printed = None if has_cells else ruling.find_ruling(shown)
    if printed is not None:  # it has edges too, and the pen's are those that matter
        beside = np.asarray(cv2.subtract(above(contrast, floor), printed.mask), dtype=np.uint8)
        level = levels.measure_ink_level(contrast, steepness, beside) or level
    if level < _CLEAR_OF_NOISE * floor:
        return None
    clean = shown if has_cells else None
    mask = _find_mask(contrast, steepness, floor, level, printed=printed, clean=clean)
    if mask.any() and (own := quantile(contrast[mask > 0], 0.85)) > _ANOTHER_INK * level:
        return _find_mask(contrast, steepness, floor, own, printed=printed, clean=clean), own
    return mask, level


# Share of full ink's contrast that ink has: all of it, and some pixel of each of its components. A
# larger first breaks faint strokes, a smaller one joins neighbours; a larger second loses faint
# digits, a smaller one takes shades for ink.
FAINT_INK, _SURE_INK = 0.35, 0.5
# Share of full ink's contrast that a component's edge rises by somewhere, within five pixels.
_EDGE = 0.2


def _find_mask(
    contrast: Bytes,
    steepness: Bytes,
    floor: float,
    level: float,
    *,
    printed: Ruling | None,
    clean: Mask | None,
) -> Mask:
    """Find the ink.

    Args:
        contrast: (h, w), in 255ths.
        steepness: (h, w), of `contrast`.
        floor: the contrast below which all may be noise.
        level: about the contrast of full ink.
        printed: the ruling of the paper.
        clean: (h, w), 1 on faint ink without the cells of a form, if there are cells.

    """
    mask = above(contrast, FAINT_INK * max(floor / _SURE_INK, level))
    sure = above(contrast, max(floor, _SURE_INK * level)) & above(steepness, _EDGE * level)
    rest, has_cells = remove_cells(mask)
    if not has_cells and clean is not None:  # parts of its outline are too faint
        rest, has_cells = mask & clean, True
    if has_cells or printed is not None or has_print(mask):
        pen = _find_darker_ink(contrast, mask, floor)
        if pen is not None:
            # Without its cells, a form is clean: so thin strokes, which are fainter, are seen too.
            whole = _with_seeds(rest | pen, pen) if has_cells and not has_print(rest) else pen
            return _with_sure(whole, sure)
    if not has_cells:
        rest = remove_border_lines(rest)
    if printed is not None:
        rest = ruling.remove_ruling(rest, printed)
    return _with_sure(_remove_creases(contrast, remove_lines(rest), level), sure)


# Where a pen's contrast is between that of print, 0, and its own level, 1: in some pixel of each of
# its strokes, and all along them. Larger: thin strokes break; smaller: print is on them.
_PEN, _FAINT_PEN = 0.5, 0.2
# Share of what is ink or print that a pen, darker than the print, covers at least.
_LEAST_PEN = 0.1


def _find_darker_ink(contrast: Bytes, mask: Mask, floor: float) -> Mask | None:
    """Find the pen's strokes among print that is fainter than they.

    Args:
        contrast: (h, w), in 255ths.
        mask: (h, w), 1 on ink and print.
        floor: the contrast below which all may be noise.

    Returns:
        (h, w), 1 on the strokes; None where there are no two levels, or print is on both.

    """
    peaks = np.asarray(cv2.dilate(contrast, square(5)), np.uint8)[mask > 0]
    between, _ = cv2.threshold(peaks.reshape(1, -1), 0, 255, cv2.THRESH_OTSU)
    is_pen = peaks > between
    if not _LEAST_PEN < is_pen.mean() < 1:
        return None
    print_level, pen_level = float(peaks[~is_pen].mean()), float(peaks[is_pen].mean())
    if pen_level < _ANOTHER_INK * print_level:
        return None
    pen, faint = (
        above(contrast, max(floor, print_level + share * (pen_level - print_level)))
        for share in (_PEN, _FAINT_PEN)
    )
    if has_print(pen):
        return None
    whole = _with_seeds(faint, pen)
    return pen if has_print(whole) else whole


def _with_seeds(mask: Mask, seeds: Mask) -> Mask:
    """The components of `mask` (h, w) that hold some of the `seeds` (h, w)."""
    count, labels = cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)
    kept = np.zeros(count, np.uint8)
    kept[labels[seeds > 0]] = 1
    return np.asarray(kept[labels], dtype=np.uint8)


# Shares of full ink's contrast: along the middle of a stroke at least, and where a stroke that
# fades begins to. A larger first and a smaller second cut up strokes that fade; a smaller first and
# a larger second leave creases on digits.
_MIDDLE_OF_STROKE, _FADES = 0.65, 0.58
# Pixels: no crease is so thick. Larger: faint broad strokes are creases; smaller: creases with a
# shade beside them are strokes.
_THICK = 13
# Share of the ink that creases are, at least. Larger: short creases stay; smaller: the ends of
# strokes are cut off.
_LEAST_SHARE = 0.03


def _remove_creases(contrast: Bytes, mask: Mask, level: float) -> Mask:
    """Take what is thin and far fainter than ink off the digits that it touches.

    Args:
        contrast: (h, w), in 255ths.
        mask: (h, w), 1 on ink and on creases of the paper.
        level: the contrast of full ink.

    """
    dark = above(contrast, _MIDDLE_OF_STROKE * level) & mask
    digits = _with_seeds(mask, dark)
    faint = np.asarray(cv2.subtract(digits, cv2.dilate(dark, square(5))), np.uint8)
    if cv2.countNonZero(faint) <= _LEAST_SHARE * cv2.countNonZero(digits):
        return mask
    if quantile(contrast[faint > 0], 0.95) > _FADES * level:
        return mask
    return mask if cv2.erode(faint, square(_THICK)).any() else mask & ~faint


# Share of a component that is ink for sure, at least.
_LEAST_SURE = 0.1


def _with_sure(mask: Mask, sure: Mask) -> Mask:
    """The components of `mask` (h, w) that are in good part `sure` (h, w)."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask, connectivity=8, ltype=cv2.CV_32S
    )
    known = np.bincount(labels[sure > 0], minlength=count)
    kept = np.asarray(known > _LEAST_SURE * stats[:, cv2.CC_STAT_AREA]).astype(np.uint8)
    kept[0] = 0
    return np.asarray(kept[labels], dtype=np.uint8)


# Pixels of a digit's height in a view below which its line is looked at again in more pixels, and
# those that it has then, if there are so many.
_SMALL, _CLOSE = 40, 56
# Pixels of the picture for one of the view, from which on there is more to see.
_MORE_PIXELS = 1.3
# Margin around a line, and width that no stroke of it exceeds, in heights of its digits.
_MARGIN, _WIDEST_STROKE = 0.7, 0.8


def look_closer(view: View, pixels: Bytes, ink: Mask, tall: float) -> View:
    """Look at a line in more pixels of the picture, where it is small and there are more.

    Args:
        view: of `pixels`.
        pixels: (h, w) or (h, w, 3).
        ink: (h, w), 1 on the line's ink in the view.
        tall: height of its digits in the view, in pixels.

    Returns:
        A view of the line and of its ink alone.

    """
    own = View(view.contrast, ink, view.level, view.scale, view.origin)
    if tall >= _SMALL or view.scale < _MORE_PIXELS:
        return own
    rows, columns = _around(ink, int(tall * _MARGIN) + 2)
    x, y = (
        int(start + view.scale * part.start)
        for start, part in zip(view.origin, (columns, rows), strict=True)
    )
    wide, high = (int(view.scale * (part.stop - part.start)) for part in (columns, rows))
    part = pixels[y : y + high, x : x + wide]
    times = min(view.scale, _CLOSE / tall)
    grey = colour.to_grey(
        shrink(part, round(max(part.shape[:2]) * times / view.scale)), view.weights
    )
    grey = np.asarray(cv2.GaussianBlur(grey, (3, 3), 0.7), np.uint8)
    contrast = measure_writing(grey, dark=view.dark, widest=_WIDEST_STROKE * tall * times)
    near = cv2.dilate(ink[rows, columns], square(3))
    near = cv2.resize(near, contrast.shape[::-1], interpolation=cv2.INTER_NEAREST)
    around = np.asarray(near, np.uint8)
    level = levels.measure_ink_level(contrast, levels.measure_steepness(contrast), around)
    if level is None or level < levels.FAINTEST:
        return own
    mask = np.asarray(cv2.bitwise_and(above(contrast, FAINT_INK * level), around), np.uint8)
    if not mask.any():
        return own
    return View(contrast, mask, level, part.shape[1] / contrast.shape[1], (float(x), float(y)))


def _around(ink: Mask, margin: int) -> tuple[slice, slice]:
    """The rows and columns of (h, w) `ink` that are not empty, and a `margin` around them."""
    left, top, width, height = cv2.boundingRect(ink)
    rows = slice(max(0, top - margin), min(ink.shape[0], top + height + margin))
    return rows, slice(max(0, left - margin), min(ink.shape[1], left + width + margin))
