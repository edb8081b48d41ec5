"""What is printed on a form: lines to write on, cells for each digit, and the rim of a table."""

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.arrays import Mask
from service.images.normalising.background import square
from service.images.normalising.redraw import mean_stroke_width

Contour = NDArray[np.int32]

# Contours that are looked at. More cost time in pictures of a texture.
_MOST_CONTOURS = 2_000
# Side of a closed cell that its lines span; a digit that touches the outline is part of it.
_SPANNED = 0.85
# Sides of other cells like one: at least, and at most, as it is measured with its outline.
_LIKE = 0.95, 1.35


def remove_cells(mask: Mask) -> tuple[Mask, bool]:
    """Take away the outlines of cells, closed ones and those like them that a digit touches.

    Returns:
        The rest of `mask` (h, w), 1 on ink, and whether there were cells.

    """
    contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outlines = [np.asarray(contour, np.int32) for contour in contours[:_MOST_CONTOURS]]
    parents = [-1] * len(outlines) if tree is None else tree[0][: len(outlines), 3].tolist()
    holes = {at for at, parent in enumerate(parents) if parent >= 0 and _is_cell(outlines[at])}
    boxes = [cv2.boundingRect(outlines[at]) for at in holes]
    if not boxes or (len(boxes) == 1 and _is_empty(mask, boxes[0])):
        return mask, False
    wide, tall = (float(np.median([box[side] for box in boxes])) for side in (2, 3))
    around = {parents[at] for at in holes}
    rest = mask.copy()
    for at, outline in enumerate(outlines):
        left, top, width, height = cv2.boundingRect(outline)
        is_like = _is_like(width, wide) and _is_like(height, tall)
        if parents[at] >= 0 or not (at in around or is_like):
            continue
        window = rest[top : top + height, left : left + width]
        filled = np.zeros((height, width), np.uint8)
        cv2.drawContours(filled, [outline], -1, 1, cv2.FILLED, offset=(-left, -top))
        inside = np.asarray(cv2.bitwise_and(filled, window), np.uint8)
        _, labels = cv2.connectedComponents(inside, connectivity=8, ltype=cv2.CV_32S)
        x, y = outline[0, 0] - (left, top)
        own = np.asarray(labels == labels[y, x]).view(np.uint8)  # without digits that are apart
        lines = _find_outlines(own, filled, wide, tall)
        if lines.any():
            window[own > 0] = _remove(own, lines)[own > 0]
    return rest, True


def has_print(mask: Mask) -> bool:
    """Whether there are cells, lines or a net of lines in `mask` (h, w)."""
    return _has_net(mask) or _find_lines(mask) is not None or remove_cells(mask)[1]


def _is_like(side: int, typical: float) -> bool:
    return _LIKE[0] * typical <= side <= _LIKE[1] * typical


# Pixels on both sides of a cell. Larger: small forms stay; smaller: angular digits are cells.
_LEAST_CELL = 10
# Share of its convex hull that a cell fills, and that its four corners do.
_CONVEX, _ANGULAR = 0.9, 0.94


def _is_cell(hole: Contour) -> bool:
    """Whether a hole in ink is a quadrangle, as no digit encloses."""
    _, _, width, height = cv2.boundingRect(hole)
    if min(width, height) < _LEAST_CELL:
        return False
    hull = cv2.convexHull(hole)
    area = cv2.contourArea(hull)
    corners = cv2.approxPolyDP(hull, 0.04 * cv2.arcLength(hull, True), True)
    return (
        len(corners) == 4
        and cv2.contourArea(hole) > _CONVEX * area
        and cv2.contourArea(corners) > _ANGULAR * area
    )


def _is_empty(mask: Mask, box: Sequence[int]) -> bool:
    """Whether there is nothing in a hole: so there is not in a 0 as clocks show it."""
    left, top, width, height = box
    return not mask[top + 3 : top + height - 3, left + 3 : left + width - 3].any()


# Shares of a cell's sides: how deep below the outline of all cells its level lines lie at most, and
# which length those deeper exceed, between rows of cells. A larger first and a smaller second take
# the bar of a 7 that touches its cell; a smaller first leaves lines that are aslant.
_DEEP, _BEYOND_A_CELL = 1 / 6, 1.6


def _find_outlines(own: Mask, filled: Mask, wide: float, tall: float) -> Mask:
    """Find the straight lines of cells, level or upright, and a little aslant.

    Args:
        own: (h, w), 1 on the outlines of cells that hang together, and on digits that touch them.
        filled: (h, w), 1 on those cells with all that is in them.
        wide: of a cell.
        tall: of a cell.

    """
    across, down = int(_SPANNED * wide), int(_SPANNED * tall)
    thickest = max(4, min(across, down) // 5)
    level = _level_runs(own, across, thickest)
    upright = cv2.transpose(_level_runs(_turned(own), down, thickest))
    reach = 2 * max(4, int(_DEEP * tall)) + 1
    between_rows = _level_runs(own, int(_BEYOND_A_CELL * wide), thickest)
    deep = _erode(filled, reach, 1)
    outer = cv2.bitwise_or(cv2.subtract(level, deep), between_rows)
    return np.asarray(cv2.bitwise_and(cv2.bitwise_or(outer, upright), own), np.uint8)


def _turned(mask: Mask) -> Mask:
    """`mask` (h, w) as (w, h)."""
    return np.asarray(cv2.transpose(mask), np.uint8)


def _level_runs(mask: Mask, length: int, thickest: int) -> Mask:
    """Level runs of so many pixels in `mask` (h, w), none of them thicker than `thickest`."""
    taller = np.asarray(cv2.dilate(mask, np.ones((3, 1), np.uint8)), np.uint8)
    runs = _open(taller, 1, max(7, length | 1))
    return np.asarray(cv2.subtract(runs, _open(runs, thickest + 2 | 1, 1)), np.uint8)


def _open(mask: Mask, tall: int, wide: int) -> Mask:
    """The morphological opening of `mask` by a rectangle; nothing is beyond its border."""
    eroded = _erode(mask, tall, wide)
    return np.asarray(cv2.dilate(eroded, np.ones((tall, wide), np.uint8)), np.uint8)


def _erode(mask: Mask, tall: int, wide: int) -> Mask:
    """The erosion of `mask` (h, w) by a rectangle; nothing is beyond its border."""
    shape = np.ones((tall, wide), np.uint8)
    outside = (0, 0, 0, 0)
    eroded = cv2.erode(mask, shape, borderType=cv2.BORDER_CONSTANT, borderValue=outside)
    return np.asarray(eroded, np.uint8)


def remove_lines(mask: Mask) -> Mask:
    """`mask` (h, w), 1 on ink, without the lines of a form, and without a net of finer ones."""
    level = _find_lines(mask)
    if level is not None:
        walls = _find_walls(mask, level)
        mask = _remove(mask, np.asarray(cv2.bitwise_or(level, walls), dtype=np.uint8))
    return _break_net(mask)


# Length for which a line is straight, and thickness at most, as shares of the long side. A larger
# first loses lines that are aslant, a smaller one takes straight strokes for lines; a larger second
# takes strokes of a pen for lines, a smaller one lines near the camera for ink.
_STRAIGHT, _THICKEST = 0.06, 0.03
# Length of a line as a share of the picture's width, and then in heights of the component that it
# is part of; one of the last length is a line in any case.
_LONG, _LONGER_THAN_TALL, _ALL_ACROSS = 0.25, 1.5, 0.75
# Pieces of lines that are looked at.
_MOST_PIECES = 400


def _find_lines(mask: Mask) -> Mask | None:
    """Find level lines, (h, w) 1 on them; None where there are none."""
    width = mask.shape[1]
    run = max(9, int(width * _STRAIGHT)) | 1
    thickest = max(4, int(max(mask.shape) * _THICKEST))
    # With copies of its rims beside it, so that lines may go on beyond them.
    wide = cv2.copyMakeBorder(mask, 0, 0, run, run, cv2.BORDER_REPLICATE)
    runs = _level_runs(np.asarray(wide, np.uint8), run, thickest)[:, run:-run]
    linked = cv2.morphologyEx(runs, cv2.MORPH_CLOSE, np.ones((3, run // 3 | 1), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.asarray(linked, np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    if count < 2:
        return None
    _, whole, sizes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    is_line = np.zeros(count, np.uint8)
    for label in range(1, min(count, _MOST_PIECES)):
        left, top, span, tall = stats[label, :4].tolist()
        if span < _LONG * width or tall > 0.2 * span + thickest:
            continue
        window = np.s_[top : top + tall, left : left + span]
        own = whole[window][(labels[window] == label) & (mask[window] > 0)]
        component = int(np.bincount(own).argmax()) if len(own) else 0
        is_longer = span >= _LONGER_THAN_TALL * sizes[component, cv2.CC_STAT_HEIGHT]
        is_line[label] = component > 0 and (span >= _ALL_ACROSS * width or is_longer)
    if not is_line.any():
        return None
    return np.asarray(cv2.bitwise_and(is_line[labels], mask), dtype=np.uint8)


def _find_walls(mask: Mask, level: Mask) -> Mask:
    """Find the upright lines (h, w) in `mask` that go from one `level` line to the next."""
    rows = np.flatnonzero(level.any(axis=1))
    groups = np.split(rows, np.flatnonzero(np.diff(rows) > 3) + 1)
    if len(groups) < 2:
        return np.zeros_like(mask)
    gap = min(int(low[0] - high[-1]) for high, low in itertools.pairwise(groups))
    thickest = max(4, int(max(mask.shape) * _THICKEST))
    runs = _turned(_level_runs(_turned(mask), gap // 2, thickest))
    near = cv2.dilate(level, np.ones((7, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    is_wall = np.zeros(count, np.uint8)
    for label in range(1, min(count, _MOST_PIECES)):
        left, top, wide, tall = stats[label, :4].tolist()
        upper = near[max(0, top - 2) : top + 4, left : left + wide]
        lower = near[max(0, top + tall - 4) : top + tall + 2, left : left + wide]
        is_long = tall >= 0.8 * gap and wide < 0.3 * tall
        is_wall[label] = is_long and upper.any() and lower.any()
    return np.asarray(cv2.bitwise_and(is_wall[labels], mask), dtype=np.uint8)


def _remove(mask: Mask, printed: Mask) -> Mask:
    """Take `printed` out of `mask` (h, w), and close the gaps in strokes that cross it."""
    rest = cv2.subtract(mask, cv2.dilate(printed, square(3)))
    inside = cv2.distanceTransform(printed, cv2.DIST_L2, 3)
    thickness = 2 * float(np.median(inside[inside > 0]))
    reach = int(thickness + 5) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    bridged = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_CONSTANT)
    mended = np.asarray(cv2.bitwise_or(rest, cv2.bitwise_and(bridged, mask)), np.uint8)
    return _without_crumbs(mended, printed, 2 * thickness + 2)


def _without_crumbs(mask: Mask, printed: Mask, thickness: float) -> Mask:
    """`mask` (h, w) without flat components beside what was `printed`: rests of it."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask, connectivity=8, ltype=cv2.CV_32S
    )
    is_beside = np.zeros(count, np.bool_)
    is_beside[labels[cv2.dilate(printed, square(5)) > 0]] = True
    flat = np.minimum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) <= thickness
    kept = np.asarray(~(is_beside & flat)).astype(np.uint8)
    kept[0] = 0
    return np.asarray(kept[labels], np.uint8)


# Widths of a kernel that takes away a net of lines, until the pen's strokes alone remain.
_NET_KERNELS = (3, 5, 7, 9, 11)
# Share of its area that ink keeps with a larger kernel, once nothing but strokes remains; and share
# of all at least.
_STROKES_KEEP, _LEAST_INK = 0.75, 0.05


def _break_net(mask: Mask) -> Mask:
    """Take away a net of lines that are thinner than the pen, if ink hangs in one."""
    if not _has_net(mask):
        return mask
    total = before = cv2.countNonZero(mask)
    for side in _NET_KERNELS:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        opened = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), np.uint8)
        area = cv2.countNonZero(opened)
        if area < _LEAST_INK * total:
            break
        if area > _STROKES_KEEP * before and not _has_net(opened):
            return np.asarray(cv2.bitwise_and(cv2.dilate(opened, square(3)), mask), np.uint8)
        before = area
    return mask


def _has_net(mask: Mask) -> bool:
    """Whether a component of thin lines spans the picture."""
    height, width = mask.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    wide, tall, area = stats[1:, 2], stats[1:, 3], stats[1:, 4]
    spans = (wide >= 0.7 * width) & ((tall >= 0.6 * height) | (tall < 0.1 * wide))
    return bool((spans & (area < 0.3 * wide * tall)).any()) and max(width, height) > 100


# Times that a crop is at least as wide as it is tall: in others a 7 that the picture is cut to has
# a line along the border.
_LEAST_ASPECT = 1.15
# Of lines along the border, level and upright: the share of the side within which they lie, the
# share of the border that they cover, and their thickness in strokes of the pen at most. A crop
# that is cut to its ink may have an upright 1 along its border.
_RIMS = ((0.2, 0.85, 1.2), (0.12, 0.95, 0.65))


def remove_border_lines(mask: Mask) -> Mask:
    """`mask` (h, w) without the lines along the border of what was cut out of a table."""
    height, width = mask.shape
    if width < _LEAST_ASPECT * height or not mask.any():
        return mask
    inside = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 3), np.float32)
    pen = mean_stroke_width(inside, mask)
    rest = mask.copy()
    for side, (share, covered, thickness) in zip((rest, rest.T), _RIMS, strict=True):
        outer = max(2, int(share * side.shape[0]))
        for lines in (side[:outer], side[::-1][:outer]):
            taller = cv2.dilate(np.ascontiguousarray(lines), np.ones((3, 1), np.uint8))
            full = np.flatnonzero(taller.mean(axis=1) > covered)
            groups = np.split(full, np.flatnonzero(np.diff(full) > 1) + 1)
            if len(full) and max(map(len, groups)) - 2 <= thickness * pen:
                lines[: full[-1] + 1] = 0
    return rest
