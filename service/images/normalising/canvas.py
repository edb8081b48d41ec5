"""The canvas in a picture of a screen: where in a program's window or a page a digit is drawn.

What programs paint has few grey levels, each of them all over a region, as no photo has. A canvas
is a region of one level with straight sides, in which something is drawn.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.arrays import Bytes, Mask
from service.images.normalising.resize import shrink

# Levels by which JPEG departs from an even one. Larger: a canvas on a page nearly as light is not
# told from it; smaller: a canvas in a JPEG breaks up.
_SPREAD = 2
# Share of those that have the very level. Larger: a canvas in a JPEG is not sought; smaller: grain
# of paper is searched for one, which takes time.
_EVEN = 0.5
# Levels of a page, of parts of it, and of the canvas; and the share of the picture that has one of
# them. More levels take longer, and a smaller share takes shades of light for canvases; fewer, and
# a larger share, miss canvases in crowded windows.
_LEVELS, _PAINTED = 4, 0.6
# Area of a canvas, as a share of the picture's. Larger: small canvases are missed; smaller: buttons
# with a word are canvases.
_LEAST_AREA = 0.02
# Times that a canvas is as long as it is wide. Larger: bars and fields to write in are canvases;
# smaller: wide windows have none.
_MOST_SLENDER = 4.0
# Share of each of its sides that has the canvas's level. Larger: canvases whose side a digit meets
# are missed; smaller: what strokes enclose is a canvas.
_SIDE = 0.4
# Share of the canvas that has its level. Larger: canvases with a bold digit are missed; smaller: a
# window with many buttons is one.
_BARE = 0.5
# Share of what lies beyond a canvas that may have its level where the picture's border cuts it.
# Larger: paper that a stroke divides is a canvas and the rest of it; smaller: tool bars with white
# buttons stay.
_BEYOND = 0.3
# Pixels on the long side of the view in which a canvas is sought. A larger one takes longer; in a
# smaller one small canvases have no even inside.
_VIEW = 150
# Pixels on the shorter side of a picture that can show a canvas. Larger: those in small pictures
# are taken for digits; smaller: time is lost on pictures that show none.
_SHOWS_A_CANVAS = 64
# Area of another region, as a share of the largest's, that makes it one of several. Larger: cells
# of different sizes are canvases; smaller: a canvas beside a panel is none.
_PEER = 0.4


def find_canvas(grey: Bytes) -> tuple[slice, slice]:
    """Find the rows and columns of (h, w) `grey` that a canvas has.

    It may be a part of the window that has the canvas in it: the largest that is not the picture.
    All rows and columns are returned where there is none, or where another of its size is drawn in,
    as the cells of a form are.
    """
    if min(grey.shape) < _SHOWS_A_CANVAS:
        return np.s_[:, :]
    view = shrink(grey, _VIEW)
    drawn = [found for level in _find_painted(view) for found in _find_drawn(view, level)]
    canvas = max((window for window, is_canvas in drawn if is_canvas), key=_area, default=None)
    if canvas is None or any(_is_peer(other, canvas) for other, _ in drawn):
        return np.s_[:, :]
    scale = max(grey.shape) / max(view.shape)
    rows, columns = (slice(round(side.start * scale), round(side.stop * scale)) for side in canvas)
    return rows, columns


def _find_painted(grey: Bytes) -> list[int]:
    """Find the most common levels of (h, w) `grey`; none where they are not most of the picture."""
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    found, painted = [], 0.0
    for _ in range(_LEVELS):
        level = int(counts.argmax())
        near = np.s_[max(0, level - _SPREAD) : level + _SPREAD + 1]
        count = float(counts[near].sum())
        if count > _BARE * _LEAST_AREA * grey.size and counts[level] > _EVEN * count:
            found.append(level)
            painted += count
        counts[near] = 0
    return found if painted > _PAINTED * grey.size else []


def _area(window: tuple[slice, slice]) -> int:
    rows, columns = window
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def _is_peer(other: tuple[slice, slice], canvas: tuple[slice, slice]) -> bool:
    """Whether a region lies beside `canvas`, and is about as large."""
    is_beside = any(
        one.stop <= two.start or two.stop <= one.start
        for one, two in zip(other, canvas, strict=True)
    )
    return is_beside and _area(other) > _PEER * _area(canvas)


def _find_drawn(grey: Bytes, level: int) -> Iterator[tuple[tuple[slice, slice], bool]]:
    """Find the parts of (h, w) `grey` of one `level` with something in them; which are canvases."""
    low, high = max(0, level - _SPREAD), min(255, level + _SPREAD)
    is_level = np.asarray(cv2.inRange(grey, low, high), np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        is_level, connectivity=4, ltype=cv2.CV_16U
    )
    large = stats[:, cv2.CC_STAT_AREA] > _BARE * _LEAST_AREA * grey.size
    for label in (1 + np.flatnonzero(large[1:])).tolist():
        left, top, wide, tall, area = stats[label].tolist()
        window = np.s_[top : top + tall, left : left + wide]
        own = labels[window] == label
        if not own[tall // 8 : tall - tall // 8, wide // 8 : wide - wide // 8].all():
            yield window, _is_canvas(is_level, window, own, area)


def _is_canvas(
    is_level: Mask, window: tuple[slice, slice], own: NDArray[np.bool_], area: int
) -> bool:
    """Whether a region is shaped as a canvas is.

    Args:
        is_level: (h, w), not 0 where the picture has the region's level.
        window: the rows and columns of the region.
        own: those pixels there that are the region's.
        area: how many they are.

    """
    high, wide = own.shape
    box = own.size
    if box < _LEAST_AREA * is_level.size or not _BARE * box < area < box:
        return False
    if max(wide, high) > _MOST_SLENDER * min(wide, high) or box == is_level.size:
        return False
    beyond = cv2.countNonZero(is_level) - cv2.countNonZero(is_level[window])
    is_cut = any(
        side.start == 0 or side.stop == whole
        for side, whole in zip(window, is_level.shape, strict=True)
    )
    if is_cut and beyond > _BEYOND * (is_level.size - box):
        return False
    return min(float(side.mean()) for side in (own[0], own[-1], own[:, 0], own[:, -1])) >= _SIDE
