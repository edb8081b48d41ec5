"""The printed lines of ruled and squared paper, and how to take them away from under ink."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]

LEAST_SIDE = 64  # no smaller picture shows a sheet's lines or creases
_THICKEST = 0.03  # of the long side; a line is at most so thick
_RUN = 0.1  # of the side; a line is straight for at least so long
_SPAN = 0.6  # of the side; several lines go at least so far
_PIECE = 0.2  # of the side; so long are the pieces of a line that ink divides
_OUTER = 0.1  # of the side; a line begins or ends as near to the picture's border
_LONE_SPAN = 0.9  # a lone one goes nearly from edge to edge, or it may be a stroke


@dataclass(frozen=True)
class Lines:
    """Printed lines: `mask` (h, w) is 1 on them, and so many pixels thick they are."""

    mask: Mask
    thickness: int


def find_lines(mask: Mask) -> Lines | None:
    """The lines in `mask` (h, w), 1 for what may be ink; None where there are none."""
    if max(mask.shape) < LEAST_SIDE:
        return None
    across = _level_lines(mask)
    down = _level_lines(_turned(mask))
    if down is not None:
        down = Lines(_turned(down.mask), down.thickness)
    if across is None or down is None:
        return across or down
    both = cv2.bitwise_or(across.mask, down.mask)
    return Lines(np.asarray(both, dtype=np.uint8), max(across.thickness, down.thickness))


def _turned(mask: Mask) -> Mask:
    """`mask` (h, w) as (w, h)."""
    return np.asarray(cv2.transpose(mask), dtype=np.uint8)


def _level_lines(mask: Mask) -> Lines | None:
    """Thin things in `mask` that run from left to right."""
    width = mask.shape[1]
    run = max(8, int(width * _RUN))
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
    # Every fourth column is enough to tell what hangs together, and four times as fast.
    sparse = np.ascontiguousarray(linked[:, ::4])
    _, labels, stats, _ = cv2.connectedComponentsWithStats(sparse, connectivity=8, ltype=cv2.CV_16U)
    keep, thickness = _which(np.asarray(stats, dtype=np.int32), width, run)
    if not keep.any():
        return None
    kept = np.repeat(np.take(keep, np.asarray(labels, dtype=np.uint16)), 4, axis=1)[:, :width]
    lines = cv2.bitwise_and(cv2.bitwise_and(kept, runs), mask)
    return Lines(np.asarray(lines, dtype=np.uint8), thickness) if lines.any() else None


def _which(stats: NDArray[np.int32], width: int, run: int) -> tuple[Mask, int]:
    """Which components, seen in every fourth column and `run` too wide, are lines; how thick."""
    spans = (4 * stats[:, cv2.CC_STAT_WIDTH] - run // 2) / width
    tall = stats[:, cv2.CC_STAT_AREA] / stats[:, cv2.CC_STAT_WIDTH] - 2
    spans[0] = 0
    left, wide = 4 * stats[:, cv2.CC_STAT_LEFT], 4 * stats[:, cv2.CC_STAT_WIDTH]
    outer = _OUTER * width - run // 2
    keep = (spans >= _SPAN) & ((left <= outer) | (left + wide >= width - outer))
    count = np.count_nonzero(keep)
    if count == 0:
        return keep.view(np.uint8), 0
    thickness = max(1, round(float(tall @ keep) / count))
    if count == 1:
        keep = spans >= _LONE_SPAN
    elif count >= 3:  # a ruled sheet: the pieces of lines that ink divides are lines too
        keep = (spans >= _PIECE) & (tall <= thickness + 2)
    return keep.view(np.uint8), thickness


def remove(mask: Mask, lines: Lines) -> Mask:
    """`mask` without `lines`, the strokes that crossed them mended."""
    rest = cv2.subtract(mask, cv2.dilate(lines.mask, np.ones((3, 3), np.uint8)))
    reach = lines.thickness + 6
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    bridged = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_CONSTANT)
    mended = cv2.bitwise_or(rest, cv2.bitwise_and(bridged, mask))
    return np.asarray(mended, dtype=np.uint8)
