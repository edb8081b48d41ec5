"""The sheet, note or canvas that lies in a picture on another background, and carries the digit.

On a desk, or in a window of a program, a sheet stands out of the background as ink does. It differs
in that it is a convex region with four corners, of another grey level than all around, and with a
sharp rim.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.arrays import Bytes, Mask
from service.images.normalising.background import square
from service.images.normalising.resize import crop, shrink

Outline = NDArray[np.int32]

# Grey levels between a sheet, or ink on it, and what lies around it. Larger: white notes on a light
# desk are missed; smaller: shades of light are sheets.
LEAST_STEP = 25


def find_sheet(grey: Bytes) -> Mask | None:
    """Find the largest sheet in (h, w) `grey`.

    Returns:
        1 on the sheet and on what lies on it; None where there is none, or where it is one of
        several of its size, as in a form or on a page of pictures.

    """
    smooth = np.asarray(cv2.medianBlur(grey, 3), dtype=np.uint8)
    sheets = [sheet for limit in _thresholds(smooth) for sheet in _sheets(grey, smooth, limit)]
    sheets.sort(key=cv2.countNonZero, reverse=True)
    return sheets[0] if sheets and not _has_peers(sheets) else None


# Area of another sheet, as a share of the largest's, that makes it one of several. Larger: forms of
# fields of different sizes are sheets; smaller: a note beside a button is none.
_PEER = 0.4


def _has_peers(sheets: list[Mask]) -> bool:
    """Whether two others, about as large, lie apart from the first and largest of `sheets`."""
    apart: list[Mask] = []
    for sheet in sheets:
        is_large = cv2.countNonZero(sheet) > _PEER * cv2.countNonZero(sheets[0])
        if is_large and not any(cv2.hasNonZero(cv2.bitwise_and(sheet, other)) for other in apart):
            apart.append(sheet)
    return len(apart) > 2


def _thresholds(grey: Bytes) -> Iterator[int]:
    """Otsu's threshold of (h, w) `grey`, and those of what lies above and below it.

    They divide two levels, or three or four, one of which may be a sheet's.
    """
    first, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    yield int(first)
    for side in (grey[grey > first], grey[grey <= first]):
        if side.size > 0.05 * grey.size:
            second, _ = cv2.threshold(side.reshape(1, -1), 0, 255, cv2.THRESH_OTSU)
            yield int(second)


# Share of a sheet that has its own level. Larger: sheets with a bold digit are missed; smaller: a
# ring of ink is a sheet, and what it encloses is on it.
_BARE = 0.5


def _sheets(grey: Bytes, smooth: Bytes, limit: int) -> Iterator[Mask]:
    """Find the sheets that `limit` divides from their surroundings.

    Args:
        grey: (h, w).
        smooth: (h, w), without what is smaller than three pixels.
        limit: a grey level.

    """
    light = smooth > limit
    for side in (light, ~light):
        mask = cv2.morphologyEx(side.view(np.uint8), cv2.MORPH_OPEN, square(5))
        contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        for outline, relatives in zip(contours, () if tree is None else tree[0], strict=True):
            if relatives[3] >= 0:  # a hole in another
                continue
            hull = find_quadrangle(np.asarray(outline, dtype=np.int32), grey.shape)
            if hull is None:
                continue
            sheet = np.asarray(cv2.fillConvexPoly(np.zeros_like(grey), hull, 1), dtype=np.uint8)
            bare = np.asarray(cv2.bitwise_and(sheet, mask), dtype=np.uint8)
            is_bare = cv2.countNonZero(bare) > _BARE * cv2.countNonZero(sheet)
            if is_bare and _has_sharp_rim(grey, sheet, bare):
                yield sheet


# Area of a sheet, as a share of the picture's. A larger least misses small notes, a smaller one
# takes strokes for sheets; a larger most takes the picture itself for one, a smaller one misses
# sheets that nearly fill it.
_LEAST_AREA, _MOST_AREA = 0.03, 0.85
# Pixels across a sheet. Larger: small notes are missed; smaller: no digit on it could be read.
_NARROWEST = 16
# Times that a sheet is as long as it is wide. Larger: strokes are sheets; smaller: slips of paper
# are none.
_MOST_SLENDER = 3.0
# Share of its convex hull that a sheet fills: wholly in the picture, and cut by its border. A
# larger first misses sheets that ink cuts into, a smaller second takes a hand for a sheet.
_CONVEX, _CONVEX_AT_BORDER = 0.8, 0.95
# Share of its convex hull that a sheet's corners hold. Larger: sheets with a bent edge are missed;
# smaller: rings are sheets.
_ANGULAR = 0.9


def find_quadrangle(outline: Outline, shape: tuple[int, ...]) -> Outline | None:
    """Find the convex hull of `outline`, if it can be a sheet's by its size and corners.

    It has four corners, or five where the picture's border cuts one off.

    Args:
        outline: a contour of OpenCV.
        shape: (h, w), of the picture.

    """
    left, top, width, height = cv2.boundingRect(outline)
    if min(width, height) < _NARROWEST or max(width, height) > _MOST_SLENDER * min(width, height):
        return None
    if (height, width) == shape:
        return None
    hull = np.asarray(cv2.convexHull(outline), dtype=np.int32)
    area = cv2.contourArea(hull)
    if not _LEAST_AREA < area / (shape[0] * shape[1]) < _MOST_AREA:
        return None
    is_cut = min(left, top, shape[0] - top - height, shape[1] - left - width) == 0
    if cv2.contourArea(outline) < (_CONVEX_AT_BORDER if is_cut else _CONVEX) * area:
        return None
    corners = cv2.approxPolyDP(hull, 0.04 * cv2.arcLength(hull, True), True)
    is_angular = 4 <= len(corners) <= 5 and cv2.contourArea(corners) > _ANGULAR * area
    return hull if is_angular else None


# Share of a sheet's rim that is in the picture. Larger: sheets that the picture cuts are missed;
# smaller: a corner of the desk is a sheet.
_RIM_IN_PICTURE = 0.6
# Share of that rim where the level changes at once. Larger: sheets with a finger over the edge are
# missed; smaller: patches of light, which have no such rim, are sheets.
_SHARP_RIM = 0.85


def _has_sharp_rim(grey: Bytes, sheet: Mask, bare: Mask) -> bool:
    """Whether the level changes all around the `sheet`, sharply, and most of its rim is seen.

    Args:
        grey: (h, w).
        sheet: (h, w), 1 on it and on what lies on it.
        bare: (h, w), 1 on it alone.

    """
    rim = cv2.subtract(sheet, erode(sheet, 3))
    seen = np.zeros_like(rim)
    seen[2:-2, 2:-2] = rim[2:-2, 2:-2]
    if cv2.countNonZero(seen) < _RIM_IN_PICTURE * cv2.countNonZero(rim):
        return False
    around = cv2.subtract(cv2.dilate(sheet, square(13)), cv2.dilate(sheet, square(9)))
    inside, outside = (float(np.median(grey[place > 0])) for place in (bare, around))
    if abs(inside - outside) < LEAST_STEP:
        return False
    step = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, square(5))[seen > 0]
    return cv2.countNonZero(cv2.inRange(step, LEAST_STEP + 1, 255)) > _SHARP_RIM * step.size


def erode(mask: Mask, side: int, beyond: int = 0) -> Mask:
    """Erode `mask` by a square of `side` pixels; `beyond`: its value outside of the picture."""
    eroded = cv2.erode(
        mask, square(side), borderType=cv2.BORDER_CONSTANT, borderValue=(beyond, 0, 0, 0)
    )
    return np.asarray(eroded, dtype=np.uint8)


@dataclass(frozen=True)
class Cut:
    """What lies on a sheet: `pixels`, each as large as `scale` of the picture's, from `origin` on.

    `origin` is x and y in the picture's pixels.
    """

    pixels: Bytes
    origin: tuple[float, float]
    scale: float


def cut_out(pixels: Bytes, sheet: Mask, longest: int) -> Cut:
    """Cut what lies on the `sheet` from `pixels`, its own background continued beyond its rim.

    Args:
        pixels: (h, w) or (h, w, 3).
        sheet: where it is in a smaller view of them.
        longest: the most pixels of the result's longer side.

    """
    scale = max(pixels.shape[:2]) / max(sheet.shape)
    left, top, width, height = cv2.boundingRect(sheet)
    window = np.s_[top : top + height, left : left + width]
    whole = crop(pixels, window, scale)
    cut = shrink(whole, longest)
    is_inside = _inside_rim(sheet[window], cut.shape[:2])
    ys, xs = np.flatnonzero(is_inside.any(axis=1)), np.flatnonzero(is_inside.any(axis=0))
    x, y, smaller = left * scale, top * scale, whole.shape[1] / cut.shape[1]
    if not len(ys):
        return Cut(cut, (x, y), smaller)
    inner = np.s_[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    origin = x + float(xs[0]) * smaller, y + float(ys[0]) * smaller
    return Cut(_continue_beyond(cut[inner], is_inside[inner]), origin, smaller)


# Width of a rim's shade, as a share of the long side. Larger: ink near the rim is lost; smaller:
# the shade is ink.
_RIM_SHADE = 0.02


def _inside_rim(sheet: Mask, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Find which pixels of a view of `shape` (h, w), filled by `sheet`, are clear of its rim."""
    height, width = shape
    whole = cv2.resize(sheet * np.uint8(255), (width, height), interpolation=cv2.INTER_LINEAR)
    rimmed = cv2.copyMakeBorder(whole, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth = cv2.distanceTransform((rimmed > 127).view(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    shade = max(1.5, _RIM_SHADE * max(shape), 1.5 * max(shape) / max(sheet.shape))
    return np.asarray(depth > shade)


def _continue_beyond(pixels: Bytes, kept: NDArray[np.bool_]) -> Bytes:
    """`pixels`, each that is not `kept` replaced by the nearest that is, a little blurred."""
    lost = (~kept).view(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(
        lost, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.zeros(int(labels.max()) + 1, np.int64)
    places[labels[kept]] = np.flatnonzero(kept)
    smooth = np.asarray(cv2.blur(pixels, (3, 3)), dtype=np.uint8)
    continued: Bytes = smooth.reshape(-1, *pixels.shape[2:])[places[labels]]
    continued[kept] = pixels[kept]
    return continued
