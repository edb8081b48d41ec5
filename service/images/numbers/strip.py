"""Strips: a line of digits drawn level, 32 pixels tall, with strokes as wide as MNIST's."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats
from service.images.arrays import Bytes, Mask
from service.images.normalising.levels import quantile
from service.images.normalising.redraw import mean_stroke_width

TALL = 32  # pixels
INK = 26  # pixels that the ink of a line is tall
SIDE = 8  # empty pixels at the left and right
WIDEST = 1024  # pixels
_FINE = 4  # times as many pixels while strokes are drawn
_THINNEST, _THICKEST = 2.0, 3.6  # pixels of a strip


@dataclass(frozen=True)
class Strip:
    """A line of digits: `ink` float32 (32, w) in [0, 1], light ink on dark.

    `placement` (2, 3) takes a place (x, y, 1) in the strip to one in the picture.
    """

    ink: Floats
    placement: NDArray[np.float64]


def draw_strip(contrast: Bytes, mask: Mask, level: float, slope: float) -> Strip | None:
    """Draw the ink of one line.

    Args:
        contrast: (h, w), in 255ths.
        mask: (h, w), 1 on the ink of the line.
        level: the contrast of full ink.
        slope: of the line, downwards for each pixel to the right.

    Returns:
        Its placement is in `contrast`; None where the line is too long for a strip, or empty.

    """
    left, top, width, height = cv2.boundingRect(mask)
    if width == 0:
        return None
    level = max(level, quantile(contrast[mask > 0], 0.85))
    soft = _normalise_pressure(contrast, mask, level, (left, top, width, height))
    margin = 2
    x0, y0 = left - margin, top - margin
    # Turned level, and so large that the strokes' edges can be drawn well.
    ys, xs = np.nonzero(mask[top : top + height, left : left + width])
    length = float(np.hypot(1, slope))
    cos, sin = 1 / length, slope / length
    down = cos * ys - sin * xs
    across = cos * xs + sin * ys
    scale = _FINE * INK / max(1.0, float(down.max() - down.min()) + 1)
    if (across.max() - across.min()) * scale > _FINE * (WIDEST - 2 * SIDE):
        return None
    if scale < 0.5:  # so that every pixel counts
        factor = int(1 / scale)
        soft = np.asarray(cv2.resize(soft, None, fx=1 / factor, fy=1 / factor,
                                     interpolation=cv2.INTER_AREA), np.uint8)  # fmt: skip
    else:
        factor = 1
    spare = _FINE * 4
    turn = np.array(
        [
            [cos * scale, sin * scale, spare - scale * float(across.min())],
            [-sin * scale, cos * scale, spare - scale * float(down.min())],
        ]
    )  # from pixels of the mask's box to the fine drawing
    from_soft = turn @ np.array([[factor, 0, -margin], [0, factor, -margin], [0, 0, 1]])
    size = (
        int((across.max() - across.min() + 1) * scale) + 2 * spare,
        int((down.max() - down.min() + 1) * scale) + 2 * spare,
    )
    fine = cv2.warpAffine(soft, from_soft, size, flags=cv2.INTER_LINEAR)
    shape = _adjust_stroke_width((fine > 127).view(np.uint8))
    left2, top2, width2, height2 = cv2.boundingRect(shape)
    if width2 == 0:
        return None
    shrink = INK / height2
    wide = max(1, round(width2 * shrink))
    if wide > WIDEST - 2 * SIDE:
        return None
    cut = shape[top2 : top2 + height2, left2 : left2 + width2].astype(np.float32)
    small = cv2.resize(cut, (wide, INK), interpolation=cv2.INTER_AREA)
    rim = (TALL - INK) // 2
    ink = cv2.copyMakeBorder(small, rim, rim, SIDE, SIDE, cv2.BORDER_CONSTANT)
    to_fine = np.array([[1 / shrink, 0, left2 - SIDE / shrink], [0, 1 / shrink, top2 - rim / shrink],
                        [0, 0, 1]])  # fmt: skip
    back = np.linalg.inv(np.vstack([turn, [0, 0, 1]])) @ to_fine
    back[:2, 2] += left, top
    return Strip(np.ascontiguousarray(ink, dtype=np.float32), back[:2])


_FAINTEST = np.uint8(0.3 * 255)


def _normalise_pressure(
    contrast: Bytes, mask: Mask, level: float, box: tuple[int, int, int, int]
) -> Bytes:
    """The ink in `box` of `mask`, and 2 pixels around it, in 255ths of what is full around it."""
    left, top, width, height = box
    rimmed_mask = cv2.copyMakeBorder(
        mask[top : top + height, left : left + width], 2, 2, 2, 2, cv2.BORDER_CONSTANT
    )
    padded = cv2.copyMakeBorder(contrast, 2, 2, 2, 2, cv2.BORDER_REPLICATE)
    window = padded[top : top + height + 4, left : left + width + 4]
    near = cv2.dilate(rimmed_mask, np.ones((3, 3), np.uint8))
    soft = cv2.multiply(cv2.convertScaleAbs(window, alpha=255 / level), near)
    reach = max(3, height // 6) | 1
    peak = cv2.dilate(soft, np.ones((reach, reach), np.uint8))
    return np.asarray(cv2.divide(soft, np.maximum(peak, _FAINTEST), scale=255), dtype=np.uint8)


def _adjust_stroke_width(shape: Mask) -> Mask:
    """Thicken or thin the strokes of `shape` (h, w), drawn `_FINE` times as large as a strip."""
    if not shape.any():
        return shape
    inside = np.asarray(cv2.distanceTransform(shape, cv2.DIST_L2, 3), dtype=np.float32)
    width = mean_stroke_width(inside, shape)
    change = (min(max(width, _THINNEST * _FINE), _THICKEST * _FINE) - width) / 2
    if change < -0.5:
        return (inside > -change).view(np.uint8)
    if change > 0.5:
        outside = cv2.distanceTransform(1 - shape, cv2.DIST_L2, 3)
        return (outside <= change).view(np.uint8)
    return shape
