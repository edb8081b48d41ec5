"""The printed lines of ruled and squared paper, and how to take them away from under ink."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]

_LEAST_SIDE = 64  # no smaller picture shows a sheet's lines
_THICKEST = 0.03  # of the long side; a line is at most so thick
_RUN = 0.1  # of the side; a line is straight for at least so long
_SPAN = 0.6  # of the side; several lines go at least so far
_PIECE = 0.2  # of the side; so long are the pieces of a line that ink divides
_LONE_SPAN = 0.9  # a lone one goes nearly from edge to edge, or it may be a stroke


def find_lines(mask: Mask) -> Mask | None:
    """The lines in `mask` (h, w), 1 for what may be ink; None where there are none."""
    if max(mask.shape) < _LEAST_SIDE:
        return None
    across = _level_lines(mask)
    down = _level_lines(np.ascontiguousarray(mask.T))
    lines = cv2.bitwise_or(across, np.ascontiguousarray(down.T))
    return np.asarray(lines, dtype=np.uint8) if lines.any() else None


def _level_lines(mask: Mask) -> Mask:
    """Thin things in `mask` that run from left to right."""
    thickest = max(3, int(max(mask.shape) * _THICKEST))
    lines, count = _long_runs(mask, thickest, _SPAN)
    if count == 1:
        lines, _ = _long_runs(mask, thickest, _LONE_SPAN)
    elif count >= 3:  # a ruled sheet: the pieces of lines that ink divides are lines too
        lines, _ = _long_runs(mask, _thickness(lines) + 2, _PIECE)
    return lines


def _long_runs(mask: Mask, thickest: int, span: float) -> tuple[Mask, int]:
    """What in `mask` is at most `thickest` tall and at least a share of `span` wide."""
    width = mask.shape[1]
    none = np.zeros_like(mask), 0
    if cv2.boundingRect(mask)[2] < span * width:
        return none
    run = max(8, int(width * _RUN))
    # A line a little aslant is a stair of short runs; a taller picture of it has longer ones.
    taller = cv2.dilate(mask, np.ones((3, 1), np.uint8))
    runs = cv2.morphologyEx(taller, cv2.MORPH_OPEN, np.ones((1, run), np.uint8))
    thick = cv2.morphologyEx(runs, cv2.MORPH_OPEN, np.ones((thickest + 2, 1), np.uint8))
    runs = cv2.subtract(runs, thick)
    if cv2.boundingRect(runs)[2] < span * width:
        return none
    linked = cv2.dilate(runs, np.ones((1, run | 1), np.uint8))
    # Every fourth column is enough to tell what hangs together, and four times as fast.
    sparse = np.ascontiguousarray(linked[:, ::4])
    _, labels, stats, _ = cv2.connectedComponentsWithStats(sparse, connectivity=8)
    keep = (4 * stats[:, cv2.CC_STAT_WIDTH] >= span * width + run // 2).astype(np.uint8)
    keep[0] = 0
    if not keep.any():
        return none
    kept = np.repeat(np.take(keep, np.asarray(labels, dtype=np.int32)), 4, axis=1)[:, :width]
    lines = cv2.bitwise_and(cv2.bitwise_and(kept, runs), mask)
    return np.asarray(lines, dtype=np.uint8), int(keep.sum())


def remove(mask: Mask, lines: Mask) -> Mask:
    """`mask` without `lines`, the strokes that crossed them mended."""
    thickness = _thickness(lines)
    rest = cv2.subtract(mask, cv2.dilate(lines, np.ones((3, 3), np.uint8)))
    reach = thickness + 5
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    bridged = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_CONSTANT)
    mended = cv2.bitwise_or(rest, cv2.bitwise_and(bridged, mask))
    return np.asarray(mended, dtype=np.uint8)


def _thickness(lines: Mask) -> int:
    """How many pixels thick most of the lines are."""
    distance = cv2.distanceTransform(lines, cv2.DIST_L2, 3)
    return int(2 * np.quantile(distance[lines > 0], 0.8) + 1)
