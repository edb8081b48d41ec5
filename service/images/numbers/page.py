"""The page: what in a picture is ink, its background and all that is printed taken away."""

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import Floats
from service.images.arrays import Bytes, Mask
from service.images.normalising import colour, levels, margins, ruling
from service.images.normalising.background import measure_contrast
from service.images.normalising.levels import above, quantile
from service.images.normalising.polarity import is_dark_on_light
from service.images.normalising.resize import shrink
from service.images.normalising.ruling import Ruling
from service.images.numbers.print import remove_border_lines, remove_cells, remove_lines

# Pixels on the long side of the view in which lines are sought. Larger: all steps take longer;
# smaller: small writing fades.
VIEW = 900
# Pixels on the short side of a picture, below which it is enlarged by up to four times. Larger:
# pictures that are large enough cost more time; smaller: strokes of a pixel have no edges.
_FEW_PIXELS = 100


@dataclass(frozen=True)
class Page:
    """A view of a picture, and the ink on it.

    `contrast` (h, w) is in 255ths of the light, `mask` (h, w) 1 on ink, `level` the contrast of
    full ink. A pixel of the view is `scale` pixels of the picture, from `origin` (x, y) on.
    `closer` has what is needed to look at a part of it in more pixels.
    """

    contrast: Bytes
    mask: Mask
    level: float
    scale: float
    origin: tuple[float, float]
    weights: Floats | None
    dark: bool


def find_page(pixels: Bytes) -> Page | None:
    """Find the ink in `pixels` (h, w) or (h, w, 3); None where all is background."""
    view = shrink(pixels, VIEW)
    weights = colour.find_ink_colour(view)
    grey = colour.to_grey(view, weights)
    window = margins.find_content(grey)
    scale, origin = max(pixels.shape[:2]) / max(grey.shape), (0.0, 0.0)
    if grey[window].shape != grey.shape:
        origin = window[1].start * scale, window[0].start * scale
        grey = np.ascontiguousarray(grey[window])
    dark = is_dark(grey)
    if min(grey.shape) < _FEW_PIXELS:
        factor = min(4, -(-_FEW_PIXELS // min(grey.shape)))
        if factor > 1 and max(grey.shape) * factor <= 2 * VIEW:
            size = grey.shape[1] * factor, grey.shape[0] * factor
            grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC), np.uint8)
            scale /= factor
    contrast = _contrast_of(grey, dark=dark)
    found = _segment(contrast)
    if found is None:
        return None
    mask, level = found
    return Page(contrast, mask, level, scale, origin, weights, dark)


_HATS = 0.03, 0.06, 0.12, 0.24
_DECISIVE = 0.5


def is_dark(grey: Bytes) -> bool:
    """Whether ink is darker than its background in (h, w) `grey`: narrow things that are sharp."""
    view = cv2.GaussianBlur(shrink(grey, _VIEW_OF_WIDTHS), (0, 0), 0.7)
    short, long = sorted(view.shape)
    steep = _gradient(view)
    weights = steep * steep  # soft shadows have no edges
    balance = 0.0
    for width in _HATS:
        side = int(width * long) | 1
        if side < 5 or side > 0.5 * short:
            continue
        kernel = np.ones((side, side), np.uint8)
        dark, light = (
            float(np.vdot(weights, cv2.morphologyEx(view, kind, kernel).astype(np.float32)))
            for kind in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT)
        )
        balance += (dark - light) / max(dark + light, 1e-6)
    return balance > 0 if abs(balance) > _DECISIVE else is_dark_on_light(grey)


def _contrast_of(grey: Bytes, *, dark: bool) -> Bytes:
    """Measure the contrast in (h, w) `grey`, blurred as far as its noise demands."""
    widest = estimate_width(grey, dark=dark)
    contrast = measure_contrast(grey, dark=dark, widest=widest)
    for blur in _BLURS:
        _, floor, level = _measure(contrast)
        if level is None or floor <= _MOST_NOISE * level:
            break
        sigma = blur * max(1.0, min(grey.shape) / 300)
        smooth = np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.uint8)
        contrast = measure_contrast(smooth, dark=dark, widest=widest)
    return contrast


_WIDTHS = 0.05, 0.1, 0.2
_VIEW_OF_WIDTHS = 300


def estimate_width(grey: Bytes, *, dark: bool) -> float:
    """Find a width, as a share of the long side, that hardly any stroke in (h, w) exceeds."""
    paper = grey if dark else np.asarray(cv2.bitwise_not(grey), dtype=np.uint8)
    view = shrink(paper, _VIEW_OF_WIDTHS)
    limit = 0.45 * min(view.shape) / max(view.shape)
    steep = _gradient(view)
    weights = steep * steep * steep
    whole = _sharpness(view, min(0.33, limit), weights)
    for width in _WIDTHS:
        if width * max(view.shape) < 5 or width >= limit:
            continue
        if _sharpness(view, width, weights) >= 0.93 * whole:
            return min(limit, width * 1.5)
    return min(0.33, limit)


def _sharpness(paper: Bytes, width: float, weights: Floats) -> float:
    side = max(3, int(max(paper.shape) * width) | 1)
    closed = cv2.morphologyEx(paper, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    ink = np.asarray(cv2.subtract(closed, paper), dtype=np.uint8)
    return float(weights.ravel() @ _gradient(ink).ravel())


def _gradient(pixels: Bytes) -> Floats:
    edges = cv2.morphologyEx(pixels, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.asarray(edges, dtype=np.float32)


_BACKGROUND = 0.3
_FAINT_INK = 0.35
_SURE_INK = 0.5
_EDGE = 0.2
_CLEAR_OF_NOISE = 1.3


_MOST_NOISE = 0.4
_BLURS = 1.0, 2.0


def _segment(contrast: Bytes) -> tuple[Mask, float] | None:
    """The mask of ink in (h, w) `contrast`, components without any sure pixel left out; its level."""
    noise, floor, level = _measure(contrast)
    if level is None or floor * _CLEAR_OF_NOISE > 255:
        return None
    steepness = levels.measure_steepness(contrast)
    faint = max(noise + 0.3 * (floor - noise), 0.15 * level)
    shown, has_cells = remove_cells(above(contrast, faint))
    printed = None if has_cells else ruling.find_ruling(shown)
    if printed is not None:
        beside = np.asarray(cv2.subtract(above(contrast, floor), printed.mask), dtype=np.uint8)
        level = levels.measure_ink_level(contrast, steepness, beside) or level
    if level < _CLEAR_OF_NOISE * floor:
        return None
    mask = _mask(contrast, steepness, floor, level, printed)
    if mask.any():
        own = quantile(contrast[mask > 0], 0.85)
        if own > _ANOTHER_INK * level:
            mask, level = _mask(contrast, steepness, floor, own, printed), own
    return mask, level


_ANOTHER_INK = 1.25


def _measure(contrast: Bytes) -> tuple[float, float, float | None]:
    noise, floor = levels.estimate_noise(contrast, _BACKGROUND)
    steepness = levels.measure_steepness(contrast)
    return noise, floor, levels.measure_ink_level(contrast, steepness, above(contrast, floor))


def _mask(
    contrast: Bytes, steepness: Bytes, floor: float, level: float, printed: Ruling | None
) -> Mask:
    limit = max(floor * _FAINT_INK / _SURE_INK, _FAINT_INK * level)
    mask, has_cells = remove_cells(above(contrast, limit))
    if not has_cells:
        mask = remove_border_lines(mask)
    sure = above(contrast, max(floor, _SURE_INK * level)) & above(steepness, _EDGE * level)
    if printed is not None:
        pen = contrast[sure > printed.mask]
        if len(pen) >= 8:
            pen_level = quantile(pen, 0.9)
            print_level = quantile(contrast[printed.mask > 0], 0.85)
            if pen_level > _ANOTHER_INK * print_level:
                mask = above(contrast, max(floor, (print_level + pen_level) / 2))
            else:
                mask = ruling.remove_ruling(mask, printed)
    return _with_sure(remove_lines(mask), sure)


def _with_sure(mask: Mask, sure: Mask) -> Mask:
    count, labels = cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)
    kept = np.zeros(count, np.uint8)
    kept[labels[(sure > 0) & (mask > 0)]] = 1
    kept[0] = 0
    return np.asarray(kept[labels], dtype=np.uint8)


# Pixels of a digit's height in the view below which a line is looked at again in more pixels, and
# those that it then has, if there are so many.
_SMALL, _CLOSE = 40, 56


@dataclass(frozen=True)
class Closer:
    """A part of a page in more pixels: contrast, mask and level, and what takes it to the page.

    A pixel of it is `scale` pixels of the page, from `origin` (x, y) on.
    """

    contrast: Bytes
    mask: Mask
    level: float
    scale: float
    origin: tuple[float, float]


def look_closer(page: Page, pixels: Bytes, mask: Mask, tall: float) -> Closer | None:
    """Look at the ink `mask` (h, w) of the `page` in more of the picture's `pixels`.

    Returns:
        None where the page shows it well, or there are no more pixels.

    """
    if tall >= _SMALL or page.scale < 1.3:
        return None
    left, top, width, height = cv2.boundingRect(mask)
    margin = int(tall * 0.7) + 2
    left, top = max(0, left - margin), max(0, top - margin)
    right = min(mask.shape[1], left + width + 2 * margin)
    bottom = min(mask.shape[0], top + height + 2 * margin)
    x, y = (int(o + page.scale * s) for o, s in zip(page.origin, (left, top), strict=True))
    part = pixels[
        y : y + int(page.scale * (bottom - top)), x : x + int(page.scale * (right - left))
    ]
    if min(part.shape[:2]) < 8:
        return None
    larger = min(page.scale, _CLOSE / tall)
    longest = max(8, round(larger * max(right - left, bottom - top)))
    grey = colour.to_grey(shrink(part, longest), page.weights)
    grey = np.asarray(cv2.GaussianBlur(grey, (3, 3), 0.7), np.uint8)
    widest = min(0.45 * min(grey.shape), 0.8 * tall * larger) / max(grey.shape)
    contrast = measure_contrast(grey, dark=page.dark, widest=widest)
    near = cv2.dilate(mask[top:bottom, left:right], np.ones((3, 3), np.uint8))
    near = np.asarray(
        cv2.resize(near, contrast.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8
    )
    level = levels.measure_ink_level(contrast, levels.measure_steepness(contrast), near)
    if level is None or level < levels.FAINTEST:
        return None
    ink = np.asarray(cv2.bitwise_and(above(contrast, _FAINT_INK * level), near), np.uint8)
    if not ink.any():
        return None
    scale = (right - left) / contrast.shape[1]
    return Closer(contrast, ink, level, scale, (float(left), float(top)))
