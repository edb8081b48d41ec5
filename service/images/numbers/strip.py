"""Strips: a line of digits drawn level, 32 pixels tall, with strokes as wide as MNIST's."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats
from models.transcription import HEIGHT, INK, MARGIN, NARROWEST, THICKEST, THINNEST, WIDEST
from service.images.arrays import Bytes, Mask
from service.images.normalising.background import square
from service.images.normalising.levels import quantile
from service.images.normalising.redraw import mean_stroke_width

# Times as many pixels in which strokes are drawn. Larger: drawing takes longer; smaller: their
# edges are stairs.
_FINE = 4

Placement = NDArray[np.float64]


@dataclass(frozen=True)
class Strip:
    """A line of digits: `ink` float32 (32, w) in [0, 1], light ink on dark.

    `placement` (2, 3) takes a place (x, y, 1) in the strip to one in the picture.
    """

    ink: Floats
    placement: Placement


def draw_strip(contrast: Bytes, mask: Mask, level: float, slope: float) -> Strip | None:
    """Draw the ink of one line.

    Args:
        contrast: (h, w), in 255ths.
        mask: (h, w), 1 on the ink of the line.
        level: the contrast of full ink.
        slope: how many pixels the line falls for each to the right.

    Returns:
        Its placement is in `contrast`; None where the line is empty, or too long for a strip.

    """
    left, top, width, _ = cv2.boundingRect(mask)
    if width == 0:
        return None
    drawn = _draw_fine(contrast, mask, max(level, quantile(contrast[mask > 0], 0.85)), slope)
    if drawn is None:
        return None
    fine, from_box = drawn
    shape = _adjust_stroke_widths(fine)
    x, y, wide, tall = cv2.boundingRect(shape)
    columns = max(1, round(wide * INK / tall)) if tall else WIDEST
    if columns > WIDEST - 2 * MARGIN:
        return None
    cut = shape[y : y + tall, x : x + wide].astype(np.float32)
    small = cv2.resize(cut, (columns, INK), interpolation=cv2.INTER_AREA)
    rim, spare = (HEIGHT - INK) // 2, max(0, NARROWEST - 2 * MARGIN - columns)
    ink = cv2.copyMakeBorder(small, rim, rim, MARGIN, MARGIN + spare, cv2.BORDER_CONSTANT)
    each = tall / INK
    to_fine = np.array([[each, 0, x - MARGIN * each], [0, each, y - rim * each], [0, 0, 1]])
    placement = np.linalg.inv(from_box) @ to_fine
    placement[:2, 2] += left, top
    return Strip(np.ascontiguousarray(ink, dtype=np.float32), placement[:2])


def _draw_fine(
    contrast: Bytes, mask: Mask, level: float, slope: float
) -> tuple[Mask, Placement] | None:
    """Draw the ink level and large.

    Args:
        contrast: (h, w), in 255ths.
        mask: (h, w), 1 on the ink.
        level: the contrast of full ink.
        slope: of the line.

    Returns:
        The drawing, and what (3, 3) takes a place in the box of `mask` to it; None where it would
        be too long.

    """
    left, top, width, height = cv2.boundingRect(mask)
    ys, xs = np.nonzero(mask[top : top + height, left : left + width])
    length = float(np.hypot(1, slope))
    cos, sin = 1 / length, slope / length
    across, down = cos * xs + sin * ys, cos * ys - sin * xs
    low = np.array([across.min(), down.min()])
    wide, tall = np.array([across.max(), down.max()]) - low + 1
    scale = _FINE * INK / tall
    if wide * scale > _FINE * (WIDEST - 2 * MARGIN):
        return None
    turn = scale * np.array([[cos, sin], [-sin, cos]])
    spare = 4 * _FINE
    from_box = np.vstack([np.column_stack([turn, spare - scale * low]), [0, 0, 1]])
    soft = _normalise_pressure(contrast, mask, level)
    times = max(1, int(1 / scale))  # so that every pixel counts
    if times > 1:
        smaller = max(1, soft.shape[1] // times), max(1, soft.shape[0] // times)
        soft = np.asarray(cv2.resize(soft, smaller, interpolation=cv2.INTER_AREA), np.uint8)
    from_soft = from_box @ np.array([[times, 0, -_RIM], [0, times, -_RIM], [0, 0, 1]])
    size = int(wide * scale) + 2 * spare, int(tall * scale) + 2 * spare
    fine = cv2.warpAffine(soft, from_soft[:2], size, flags=cv2.INTER_LINEAR)
    return (np.asarray(fine) > 127).view(np.uint8), from_box


# Pixels around the box of ink in which its edges fade.
_RIM = 2
# 255ths of full ink: what is fainter all around is no stroke. Larger: faint ends are lost; smaller:
# they get as broad as the blur around them.
_FAINTEST_STROKE = np.uint8(0.3 * 255)
# Share of the line's height over which ink is compared with the darkest around it.
_NEAR = 1 / 6


def _normalise_pressure(contrast: Bytes, mask: Mask, level: float) -> Bytes:
    """The ink in the box of `mask` and a rim around it, in 255ths of what is full ink around it."""
    left, top, width, height = cv2.boundingRect(mask)
    rim = (_RIM, _RIM, _RIM, _RIM)
    own = cv2.copyMakeBorder(
        mask[top : top + height, left : left + width], *rim, cv2.BORDER_CONSTANT
    )
    padded = cv2.copyMakeBorder(contrast, *rim, cv2.BORDER_REPLICATE)
    window = padded[top : top + height + 2 * _RIM, left : left + width + 2 * _RIM]
    soft = cv2.multiply(cv2.convertScaleAbs(window, alpha=255 / level), cv2.dilate(own, square(3)))
    # Ink fades along a stroke: half of what it is around here is its edge.
    peak = cv2.dilate(soft, square(max(3, int(height * _NEAR)) | 1))
    return np.asarray(cv2.divide(soft, np.maximum(peak, _FAINTEST_STROKE), scale=255), np.uint8)


# Components whose strokes are adjusted each by itself: beside a fat pen's, thin strokes would
# vanish. Of more components there is none that is a digit.
_MOST_COMPONENTS = 100


def _adjust_stroke_widths(shape: Mask) -> Mask:
    """Thicken or thin the strokes of `shape` (h, w), drawn `_FINE` times as large as a strip."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        shape, connectivity=8, ltype=cv2.CV_32S
    )
    if count > _MOST_COMPONENTS:
        return shape
    adjusted = np.zeros_like(shape)
    margin = 2 * _FINE
    for label in range(1, count):
        left, top, width, height = stats[label, :4].tolist()
        rows = slice(max(0, top - margin), top + height + margin)
        columns = slice(max(0, left - margin), left + width + margin)
        own = (labels[rows, columns] == label).view(np.uint8)
        window = adjusted[rows, columns]
        np.maximum(window, _adjust_stroke_width(own), out=window)
    return adjusted


def _adjust_stroke_width(shape: Mask) -> Mask:
    """Thicken or thin the strokes of one component of `shape` (h, w)."""
    inside = np.asarray(cv2.distanceTransform(shape, cv2.DIST_L2, 3), dtype=np.float32)
    width = mean_stroke_width(inside, shape)
    wanted = min(max(width, THINNEST * _FINE), THICKEST * _FINE)
    change = (wanted - width) / 2
    if change < -0.5:
        # Thin strokes that touch fat ones would vanish: no stroke loses a greater share of itself.
        half = np.asarray(cv2.dilate(inside, square(int(width) | 1)), np.float32)
        return np.asarray(inside > np.minimum(-change, (1 - wanted / width) * half)).view(np.uint8)
    if change > 0.5:
        outside = np.asarray(cv2.distanceTransform(1 - shape, cv2.DIST_L2, 3))
        return (outside <= change).view(np.uint8)
    return shape
