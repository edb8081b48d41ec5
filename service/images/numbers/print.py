"""What is printed on a form: lines to write on, and cells for each digit."""

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.arrays import Mask

Box = tuple[int, int, int, int]  # left, top, width, height


def remove_lines(mask: Mask) -> Mask:
    """`mask` (h, w), 1 on ink, without the lines of a form."""
    level = _find_lines(mask)
    if level is not None:
        walls = _find_walls(mask, level)
        mask = _remove(mask, np.asarray(cv2.bitwise_or(level, walls), dtype=np.uint8))
    return _break_net(mask)


_LEAST_CELL = 10  # pixels on both sides
_MOST_CELLS = 200


def remove_cells(mask: Mask) -> tuple[Mask, bool]:
    """Take away the outlines of cells, closed ones and those like them that a digit touches.

    Returns:
        The rest of `mask` (h, w), and whether there were cells.

    """
    contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if tree is None:
        return mask, False
    cells: list[Box] = []
    parents: set[int] = set()
    for contour, (_, _, _, parent) in zip(contours, tree[0].tolist(), strict=True):
        if parent >= 0 and len(cells) < _MOST_CELLS and _is_cell(np.asarray(contour, np.int32)):
            left, top, width, height = cv2.boundingRect(contour)
            cells.append((left, top, width, height))
            parents.add(parent)
    if not cells:
        return mask, False
    if len(cells) == 1:
        left, top, width, height = cells[0]
        inner = mask[top + 3 : top + height - 3, left + 3 : left + width - 3]
        if not inner.any():
            return mask, False  # a 0 in capitals
    wide, tall = (float(np.median([cell[side] for cell in cells])) for side in (2, 3))
    rest = mask.copy()
    for index, contour in enumerate(contours):
        if tree[0][index][3] >= 0:
            continue
        left, top, width, height = cv2.boundingRect(contour)
        like = 0.95 * wide <= width <= 1.35 * wide and 0.95 * tall <= height <= 1.35 * tall
        if index not in parents and not like:
            continue
        own = np.zeros((height, width), np.uint8)
        cv2.drawContours(own, [contour], -1, 1, cv2.FILLED, offset=(-left, -top))
        part = cv2.bitwise_and(own, mask[top : top + height, left : left + width])
        lines = _straight_lines(np.asarray(part, np.uint8), 0.85 * wide, 0.85 * tall)
        if not lines.any():
            continue
        window = rest[top : top + height, left : left + width]
        cleaned = _remove(np.asarray(part, np.uint8), lines)
        window[part > 0] = cleaned[part > 0]
    return rest, True


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


def _straight_lines(mask: Mask, across: float, down: float) -> Mask:
    """What in `mask` (h, w) is on straight lines so long, level or upright, and a little aslant."""
    thickest = max(4, int(0.2 * min(across, down)))
    level = _runs(mask, int(across), thickest)
    upright = _runs(np.asarray(cv2.transpose(mask), np.uint8), int(down), thickest)
    both = cv2.bitwise_or(level, cv2.transpose(upright))
    return np.asarray(cv2.bitwise_and(both, mask), np.uint8)


def _runs(mask: Mask, length: int, thickest: int) -> Mask:
    """Level runs of so many pixels in `mask` (h, w), none of them thicker than `thickest`."""
    taller = np.asarray(cv2.dilate(mask, np.ones((3, 1), np.uint8)), np.uint8)
    runs = _open(taller, (1, max(7, length | 1)))
    return np.asarray(cv2.subtract(runs, _open(runs, (thickest + 2 | 1, 1))), np.uint8)


def _open(mask: Mask, kernel: tuple[int, int]) -> Mask:
    """The morphological opening of `mask` by a rectangle (h, w); nothing is beyond its border."""
    shape = np.ones(kernel, np.uint8)
    eroded = cv2.erode(mask, shape, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(cv2.dilate(eroded, shape), np.uint8)


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
    values = inside[inside > 0]
    thickness = 2 * float(np.median(values)) if len(values) else 1.0
    reach = int(thickness + 5) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    bridged = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_CONSTANT)
    mended = np.asarray(cv2.bitwise_or(rest, cv2.bitwise_and(bridged, mask)), np.uint8)
    return _without_crumbs(mended, printed, 2 * thickness + 2)


def _without_crumbs(mask: Mask, printed: Mask, thickness: float) -> Mask:
    """`mask` without flat components beside what was `printed`: rests of it."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask, connectivity=8, ltype=cv2.CV_32S
    )
    beside = cv2.dilate(printed, np.ones((5, 5), np.uint8))
    is_beside = np.zeros(count, np.bool_)
    is_beside[labels[beside > 0]] = True
    flat = np.minimum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) <= thickness
    kept = np.asarray(~(is_beside & flat)).astype(np.uint8)
    kept[0] = 0
    return np.asarray(kept[labels], np.uint8)


# Share of the side within which a line at the border of a crop is sought.
_BORDER = 0.2
_COVERED = 0.85


def remove_border_lines(mask: Mask) -> Mask:
    """`mask` (h, w) without lines of a table along the border of the part of it that was cut out."""
    height, width = mask.shape
    if width < 1.15 * height or width < 30:
        return mask
    pen = _stroke_width(mask)
    rest = mask.copy()
    for turned in (False, True):
        side = rest.T if turned else rest
        outer = max(2, int(_BORDER * side.shape[0] if not turned else 0.12 * side.shape[0]))
        thickest = 0.65 * pen if turned else 1.2 * pen
        for lines in (side[:outer], side[::-1][:outer]):
            covered = cv2.dilate(np.ascontiguousarray(lines), np.ones((3, 1), np.uint8)).mean(axis=1)
            full = np.flatnonzero(covered > (0.95 if turned else _COVERED))
            if not len(full):
                continue
            groups = np.split(full, np.flatnonzero(np.diff(full) > 1) + 1)
            if max(len(group) for group in groups) - 2 <= thickest or groups[0][0] == 0 and len(groups) == 1 and not turned and len(full) < 0.6 * outer:
                lines[: full[-1] + 1] = 0
    return rest


def _stroke_width(mask: Mask) -> float:
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    values = inside[mask > 0]
    return 4 * float(values.mean()) - 2 if len(values) else 0.0


def _break_net(mask: Mask) -> Mask:
    """Take away a net of lines that are thinner than the pen, if ink hangs in one."""
    if not _has_net(mask):
        return mask
    total = cv2.countNonZero(mask)
    before = total
    for side in (3, 5, 7, 9, 11):
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        opened = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), np.uint8)
        area = cv2.countNonZero(opened)
        if area < 0.05 * total:
            break
        if area > 0.75 * before and not _has_net(opened):
            # The pen's strokes remain, and lose their ends only with the next kernels.
            return np.asarray(
                cv2.bitwise_and(cv2.dilate(opened, np.ones((3, 3), np.uint8)), mask), np.uint8
            )
        before = area
    return mask


def _has_net(mask: Mask) -> bool:
    """Whether a component of thin lines spans the picture."""
    height, width = mask.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    for _, _, wide, tall, area in stats[1:].tolist():
        spans = wide >= 0.7 * width and (tall >= 0.6 * height or tall < 0.1 * wide)
        if spans and area < 0.3 * wide * tall and max(width, height) > 100:
            return True
    return False
