"""What is printed on a form: lines to write on, and cells for each digit."""

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.arrays import Mask


def remove_print(mask: Mask) -> Mask:
    """`mask` (h, w), 1 on ink, without the lines and the cells of a form."""
    mask = _open_cells(mask)
    level = _find_lines(mask)
    if level is None:
        return mask
    walls = _find_walls(mask, level)
    return _remove(mask, np.asarray(cv2.bitwise_or(level, walls), dtype=np.uint8))


_LEAST_CELL = 10  # pixels on both sides


def _open_cells(mask: Mask) -> Mask:
    """Take away closed cells: outlines of a quadrangle with nothing but lines on their own."""
    contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if tree is None:
        return mask
    holes: dict[int, list[NDArray[np.int32]]] = {}
    for contour, (_, _, _, parent) in zip(contours, tree[0].tolist(), strict=True):
        if parent >= 0 and _is_cell(np.asarray(contour, np.int32)):
            holes.setdefault(parent, []).append(np.asarray(contour, np.int32))
    cells = [cell for own in holes.values() for cell in own]
    if not cells:
        return mask
    rest = mask.copy()
    for parent, own in holes.items():
        inside = np.zeros_like(mask)
        cv2.drawContours(inside, own, -1, 1, cv2.FILLED)
        has_ink = cv2.countNonZero(cv2.bitwise_and(cv2.erode(inside, np.ones((5, 5), np.uint8)), mask))
        if len(cells) < 2 and not has_ink:
            continue  # a 0 in capitals
        outline = np.zeros_like(mask)
        cv2.drawContours(outline, contours, parent, 1, cv2.FILLED)
        whole = cv2.erode(inside, np.ones((3, 3), np.uint8))
        rest[(outline > 0) & (whole == 0)] = 0
    return rest


def _is_cell(hole: NDArray[np.int32]) -> bool:
    _, _, width, height = cv2.boundingRect(hole)
    if min(width, height) < _LEAST_CELL:
        return False
    hull = cv2.convexHull(hole)
    area = cv2.contourArea(hull)
    corners = cv2.approxPolyDP(hull, 0.04 * cv2.arcLength(hull, True), True)
    return (
        len(corners) == 4
        and cv2.contourArea(hole) > 0.9 * area
        and cv2.contourArea(corners) > 0.94 * area
    )


_RUN = 0.06
_THICKEST = 0.03


def _find_lines(mask: Mask) -> Mask | None:
    """Level lines, (h, w) 1 on them; None where there are none."""
    height, width = mask.shape
    run = max(8, int(width * _RUN))
    taller = cv2.dilate(mask, np.ones((3, 1), np.uint8))
    straight = np.ones((1, run), np.uint8)
    cores = cv2.erode(taller, straight, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    runs = cv2.dilate(cores, straight)
    thickest = max(4, int(max(mask.shape) * _THICKEST))
    thick = cv2.morphologyEx(runs, cv2.MORPH_OPEN, np.ones((thickest + 2, 1), np.uint8))
    runs = cv2.subtract(runs, thick)
    linked = cv2.morphologyEx(runs, cv2.MORPH_CLOSE, np.ones((3, max(3, run // 3 | 1)), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.asarray(linked, np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    if count < 2:
        return None
    _, whole, sizes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    is_line = np.zeros(count, np.uint8)
    for label in range(1, min(count, 400)):
        left, top, span, tall = stats[label, :4].tolist()
        if span < 0.25 * width or tall > 0.2 * span + thickest:
            continue
        window = np.s_[top : top + tall, left : left + span]
        own = whole[window][(labels[window] == label) & (mask[window] > 0)]
        if not len(own):
            continue
        component = int(np.bincount(own).argmax())
        if span >= 0.75 * width or span >= 1.5 * sizes[component, cv2.CC_STAT_HEIGHT]:
            is_line[label] = 1
    if not is_line.any():
        return None
    return np.asarray(cv2.bitwise_and(is_line[labels], mask), dtype=np.uint8)


def _find_walls(mask: Mask, level: Mask) -> Mask:
    """Upright lines (h, w) between two level ones."""
    walls = np.zeros_like(mask)
    rows = np.flatnonzero(level.any(axis=1))
    if not len(rows):
        return walls
    groups = np.split(rows, np.flatnonzero(np.diff(rows) > 3) + 1)
    if len(groups) < 2:
        return walls
    gap = int(min(b[0] - a[-1] for a, b in zip(groups, groups[1:], strict=False)))
    run = max(8, int(0.5 * gap))
    wider = cv2.dilate(mask, np.ones((1, 3), np.uint8))
    upright = np.ones((run, 1), np.uint8)
    runs = cv2.dilate(cv2.erode(wider, upright, borderType=cv2.BORDER_CONSTANT), upright)
    thickest = max(4, int(max(mask.shape) * _THICKEST))
    thick = cv2.morphologyEx(runs, cv2.MORPH_OPEN, np.ones((1, thickest + 2), np.uint8))
    runs = np.asarray(cv2.subtract(runs, thick), np.uint8)
    near = cv2.dilate(level, np.ones((7, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    is_wall = np.zeros(count, np.uint8)
    for label in range(1, min(count, 400)):
        left, top, span, tall = stats[label, :4].tolist()
        ends = near[max(0, top - 2) : top + 4, left : left + span].any() and near[
            max(0, top + tall - 4) : top + tall + 2, left : left + span
        ].any()
        if ends and tall >= 0.8 * gap and span < 0.3 * tall:
            is_wall[label] = 1
    return np.asarray(cv2.bitwise_and(is_wall[labels], mask), dtype=np.uint8)


def _remove(mask: Mask, printed: Mask) -> Mask:
    """Take `printed` out of `mask`, and close the gaps in strokes that cross it."""
    rest = cv2.subtract(mask, cv2.dilate(printed, np.ones((3, 3), np.uint8)))
    inside = cv2.distanceTransform(printed, cv2.DIST_L2, 3)
    thickness = 2 * float(inside.max())
    reach = int(thickness + 5) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    bridged = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_CONSTANT)
    mended = cv2.bitwise_or(rest, cv2.bitwise_and(bridged, mask))
    return np.asarray(mended, dtype=np.uint8)
