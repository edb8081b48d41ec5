"""The ruling of paper, lines or squares in print: where it is, and how it is taken away."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.arrays import Mask


@dataclass(frozen=True)
class Ruling:
    """Printed lines: `mask` (h, w) is 1 on them, `thickness` is that of one, in pixels."""

    mask: Mask
    thickness: int


def find_ruling(mask: Mask) -> Ruling | None:
    """Find the printed lines in `mask` (h, w), 1 on what may be ink; None where there are none."""
    level = _find_level_lines(mask)
    upright = _find_level_lines(_transpose(mask))
    if upright is not None:
        upright = Ruling(_transpose(upright.mask), upright.thickness)
    if level is None or upright is None:
        return level or upright
    both = cv2.bitwise_or(level.mask, upright.mask)
    return Ruling(np.asarray(both, dtype=np.uint8), max(level.thickness, upright.thickness))


def _transpose(mask: Mask) -> Mask:
    """`mask` (h, w) as (w, h)."""
    return np.asarray(cv2.transpose(mask), dtype=np.uint8)


# Thickness of a line at most, as a share of the long side. Larger: strokes of a pen are lines;
# smaller: lines near the camera are ink.
_THICKEST = 0.03
# Length for which a line is straight, as a share of the picture's width. Larger: lines that are
# aslant or curved break up and are lost; smaller: straight parts of strokes are lines.
_STRAIGHT = 0.1
# Length of a line, as a share of the picture's width, where there are several. Larger: lines that
# end in the picture are ink; smaller: long strokes are lines.
_SPAN = 0.6


def _find_level_lines(mask: Mask) -> Ruling | None:
    """Find thin, straight things in `mask` (h, w) that run from left to right."""
    width = mask.shape[1]
    run = max(8, int(width * _STRAIGHT))
    # A line a little aslant is a stair of short runs; a taller picture of it has longer ones.
    taller = cv2.dilate(mask, np.ones((3, 1), np.uint8))
    straight = np.ones((1, run), np.uint8)
    cores = cv2.erode(taller, straight, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    if cv2.boundingRect(cores)[2] + run < _SPAN * width:
        return None
    thickest = max(3, int(max(mask.shape) * _THICKEST))
    runs = cv2.dilate(cores, straight)
    thick = cv2.morphologyEx(runs, cv2.MORPH_OPEN, np.ones((thickest + 2, 1), np.uint8))
    runs = cv2.subtract(runs, thick)
    if cv2.boundingRect(runs)[2] < _SPAN * width:
        return None
    linked = cv2.dilate(runs, np.ones((1, run | 1), np.uint8))
    # Every fourth column is enough to tell what is connected, and four times as fast.
    sparse = np.ascontiguousarray(linked[:, ::4])
    _, labels, stats, _ = cv2.connectedComponentsWithStats(sparse, connectivity=8, ltype=cv2.CV_16U)
    is_line, thickness = _select_lines(np.asarray(stats, dtype=np.int32), width, run)
    if not is_line.any():
        return None
    lines = np.take(is_line, np.asarray(labels, dtype=np.uint16))
    lines = np.repeat(lines, 4, axis=1)[:, :width]
    lines = np.asarray(cv2.bitwise_and(cv2.bitwise_and(lines, runs), mask), dtype=np.uint8)
    return Ruling(lines, thickness) if lines.any() else None


# Distance from the picture's border within which a line begins or ends, as a share of its width.
# Larger: a stroke between wide margins is a line; smaller: lines on a sheet with a margin are ink.
_NEAR_BORDER = 0.1
# Lines that a ruling has at least. Larger: wide ruling is ink; smaller: the base of a 2, or the
# bars of a digit as clocks show it, are lines.
_LEAST_LINES = 4
# Length of the pieces that ink divides a line into, as a share of the width. Larger: short pieces
# beside the digit are ink; smaller: level strokes on ruled paper are lines.
_PIECE = 0.2


def _select_lines(stats: NDArray[np.int32], width: int, run: int) -> tuple[Mask, int]:
    """Select the connected components that are lines.

    Args:
        stats: (n, 5), OpenCV's of every fourth column, each component `run` too wide.
        width: of the picture, in pixels.
        run: in pixels.

    Returns:
        (n,), 1 for a line, and the thickness of a line in pixels.

    """
    spans = (4 * stats[:, cv2.CC_STAT_WIDTH] - run // 2) / width
    thick = stats[:, cv2.CC_STAT_AREA] / stats[:, cv2.CC_STAT_WIDTH] - 2
    spans[0] = 0  # the background
    left, wide = 4 * stats[:, cv2.CC_STAT_LEFT], 4 * stats[:, cv2.CC_STAT_WIDTH]
    near = _NEAR_BORDER * width - run // 2
    is_line = (spans >= _SPAN) & ((left <= near) | (left + wide >= width - near))
    count = np.count_nonzero(is_line)
    if count < _LEAST_LINES:
        return np.zeros(len(stats), np.uint8), 0
    thickness = max(1, round(float(thick @ is_line) / count))
    # On a ruled sheet pieces of lines are lines too.
    is_line = (spans >= _PIECE) & (thick <= thickness + 2)
    return is_line.view(np.uint8), thickness


def remove_ruling(mask: Mask, ruling: Ruling) -> Mask:
    """Take `ruling` out of `mask` (h, w), and close the gaps in strokes that cross it."""
    rest = cv2.subtract(mask, cv2.dilate(ruling.mask, np.ones((3, 3), np.uint8)))
    reach = ruling.thickness + 6
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    bridged = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_CONSTANT)
    mended = cv2.bitwise_or(rest, cv2.bitwise_and(bridged, mask))
    return np.asarray(mended, dtype=np.uint8)
