"""The sheet, note or canvas that lies in a picture on another ground: the digit is on it.

On a desk, or in a window of a program, a sheet stands out of the ground as ink does. It differs in
that it is a convex region with four corners, of another level than all around, and a sharp rim.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images import background
from service.images.ink import Ink

Bytes = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Outline = NDArray[np.int32]

_LEAST, _MOST = 0.03, 0.85  # of the picture
_NARROWEST = 16  # pixels
_SLENDER = 3.0  # times as long as wide; a stroke is more
_FLAT = 0.5  # of it; the digit and the like cover less than the rest
_CONVEX, _CONVEX_CUT = 0.8, 0.95  # of its hull: ink may cut into it; if the picture ends it, less
_ANGULAR = 0.9  # of its hull, within its corners
_STEP = 25  # levels between the sheet, or ink on it, and what lies around it
_SEEN = 0.6  # of its rim; the rest may be beyond the picture's border
_SHARP = 0.85  # of that; light has no such rim

_PEER = 0.4  # of the largest sheet
_FILLS = 0.95  # of the picture's sides
_LARGE = 0.2  # of the picture; what lies beside so large a sheet is not the digit
_ON_RIM = 0.12  # of the ink; more of it belongs to the sheet's rim
_WHOLE = 0.85  # of the sheet's sides; a thing as large is the sheet itself

_SOFT = 0.02  # of its long side; as wide is a rim's shade


def is_doubtful(grey: Bytes, found: Ink) -> bool:
    """Whether what was `found` in (h, w) `grey` may be a sheet or its parts, and not a digit.

    It takes a tenth of the time in which a sheet is found.
    """
    ink = found.mask
    if found.finding is not None or _is_hole(grey, ink):
        return True
    _, _, width, height = cv2.boundingRect(ink)
    if min(width / ink.shape[1], height / ink.shape[0]) > _FILLS:
        corners = sum(int(ink[y, x]) for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1)))
        return corners > 2  # or it is a digit that the picture is cut to
    if any(edge.any() for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1])):
        return True
    contours, _ = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=cv2.contourArea)
    return _angular(np.asarray(outline, dtype=np.int32), ink.shape) is not None


def _is_hole(grey: Bytes, ink: Mask) -> bool:
    """Whether `ink` (h, w) is as light as what lies around it in `grey`.

    So is the inside of a 0 on a light sheet, taken for light ink because the desk is dark.
    """
    left, top, width, height = cv2.boundingRect(ink)
    margin = 3 + max(width, height) // 2
    rows, columns = (
        slice(max(0, start - margin), start + length + margin)
        for start, length in ((top, height), (left, width))
    )
    window = grey[rows, columns]
    around = np.concatenate((window[0], window[-1], window[:, 0], window[:, -1]))
    middle = np.partition(around, len(around) // 2)[len(around) // 2]
    return abs(float(middle) - cv2.mean(grey, ink)[0]) < _STEP


def find_sheet(grey: Bytes) -> Mask | None:
    """The largest sheet in (h, w) `grey`, 1 on it and on what lies on it; None where none is.

    Nor is there one among several of its size, as in a form or on a page of pictures.
    """
    smooth = np.asarray(cv2.medianBlur(grey, 3), dtype=np.uint8)
    sheets = [sheet for limit in _limits(smooth) for sheet in _sheets(grey, smooth, limit)]
    sheets.sort(key=cv2.countNonZero, reverse=True)
    return sheets[0] if sheets and not _has_peers(sheets) else None


def _has_peers(sheets: list[Mask]) -> bool:
    """Whether two others, about as large, lie apart from the first and largest of `sheets`."""
    apart: list[Mask] = []
    for sheet in sheets:
        large = cv2.countNonZero(sheet) > _PEER * cv2.countNonZero(sheets[0])
        if large and not any(cv2.hasNonZero(cv2.bitwise_and(sheet, other)) for other in apart):
            apart.append(sheet)
    return len(apart) > 2


def _limits(grey: Bytes) -> Iterator[int]:
    """Levels that may lie between a sheet and its surroundings: of two, and of three or four."""
    first, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    yield int(first)
    for side in (grey[grey > first], grey[grey <= first]):
        if side.size > 0.05 * grey.size:
            second, _ = cv2.threshold(side.reshape(1, -1), 0, 255, cv2.THRESH_OTSU)
            yield int(second)


def _sheets(grey: Bytes, smooth: Bytes, limit: int) -> Iterator[Mask]:
    """The sheets of one level, above or below `limit`."""
    light = smooth > limit
    for side in (light, ~light):
        mask = cv2.morphologyEx(side.view(np.uint8), cv2.MORPH_OPEN, background.square(5))
        contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        for outline, relatives in zip(contours, () if tree is None else tree[0], strict=True):
            if relatives[3] >= 0:  # a hole in another
                continue
            hull = _angular(np.asarray(outline, dtype=np.int32), grey.shape)
            if hull is None:
                continue
            sheet = np.asarray(cv2.fillConvexPoly(np.zeros_like(grey), hull, 1), dtype=np.uint8)
            own = np.asarray(cv2.bitwise_and(sheet, mask), dtype=np.uint8)
            flat = cv2.countNonZero(own) > _FLAT * cv2.countNonZero(sheet)
            if flat and _is_apart(grey, sheet, own):
                yield sheet


def _angular(outline: Outline, shape: tuple[int, ...]) -> Outline | None:
    """The hull of `outline` if that has four corners, or five where the border cuts one off."""
    left, top, width, height = cv2.boundingRect(outline)
    if min(width, height) < _NARROWEST or max(width, height) > _SLENDER * min(width, height):
        return None
    if (height, width) == shape:
        return None
    hull = np.asarray(cv2.convexHull(outline), dtype=np.int32)
    area = cv2.contourArea(hull)
    if not _LEAST < area / (shape[0] * shape[1]) < _MOST:
        return None
    is_cut = min(left, top, shape[0] - top - height, shape[1] - left - width) == 0
    if cv2.contourArea(outline) < (_CONVEX_CUT if is_cut else _CONVEX) * area:
        return None
    corners = cv2.approxPolyDP(hull, 0.04 * cv2.arcLength(hull, True), True)
    angular = 4 <= len(corners) <= 5 and cv2.contourArea(corners) > _ANGULAR * area
    return hull if angular else None


def _is_apart(grey: Bytes, sheet: Mask, own: Mask) -> bool:
    """Whether the level changes all around the `sheet`, sharply, and most of its rim is seen.

    Args:
        grey: (h, w).
        sheet: (h, w), 1 on it and what lies on it.
        own: (h, w), 1 on it alone.

    """
    rim = cv2.subtract(sheet, _eroded(sheet, 3))
    seen = np.zeros_like(rim)
    seen[2:-2, 2:-2] = rim[2:-2, 2:-2]
    if cv2.countNonZero(seen) < _SEEN * cv2.countNonZero(rim):
        return False
    beyond = cv2.subtract(
        cv2.dilate(sheet, background.square(13)), cv2.dilate(sheet, background.square(9))
    )
    inside, outside = (float(np.median(grey[place > 0])) for place in (own, beyond))
    if abs(inside - outside) < _STEP:
        return False
    step = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, background.square(5))[seen > 0]
    return cv2.countNonZero(cv2.inRange(step, _STEP + 1, 255)) > _SHARP * step.size


def _eroded(mask: Mask, side: int, beyond: int = 0) -> Mask:
    """`mask` without its rim; `beyond` the border it goes on, or not."""
    eroded = cv2.erode(
        mask, background.square(side), borderType=cv2.BORDER_CONSTANT, borderValue=(beyond, 0, 0, 0)
    )
    return np.asarray(eroded, dtype=np.uint8)


def explains(sheet: Mask, grey: Bytes, found: Ink) -> bool:
    """Whether what was `found` is the `sheet` itself, or beside it, and not the digit on it.

    Args:
        sheet: (h, w), from `find_sheet`.
        grey: (h, w), in which both were found.
        found: what is doubtful.

    """
    if _is_hole(grey, found.mask):
        return True
    total = cv2.countNonZero(found.mask)
    if 2 * cv2.countNonZero(cv2.bitwise_and(found.mask, sheet)) < total:
        return cv2.countNonZero(sheet) > _LARGE * sheet.size
    inner = _eroded(sheet, max(3, max(sheet.shape) // 40) | 1, beyond=1)
    on_rim = cv2.countNonZero(cv2.subtract(found.mask, inner)) > _ON_RIM * total
    if on_rim or found.finding is not None:  # others may lie beside the sheet
        return True
    _, _, *whole = cv2.boundingRect(sheet)
    _, _, *box = cv2.boundingRect(found.mask)
    return all(part > _WHOLE * side for part, side in zip(box, whole, strict=True))


def cut_out(pixels: Bytes, sheet: Mask, side: int) -> Bytes:
    """What of `pixels` lies on the `sheet`, its own ground continued beyond its rim.

    Args:
        pixels: (h, w) or (h, w, 3).
        sheet: where it is in a smaller view of them.
        side: the longest that the long side may be.

    """
    scale = max(pixels.shape[:2]) / max(sheet.shape)
    left, top, width, height = cv2.boundingRect(sheet)
    window = np.s_[top : top + height, left : left + width]
    cut = background.shrink(background.crop(pixels, window, scale), side)
    kept = _kept(sheet[window], cut.shape[:2])
    ys, xs = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    if not len(ys):
        return cut
    inner = np.s_[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    return _continued(cut[inner], kept[inner])


def _kept(sheet: Mask, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Where in pixels of that `shape` (h, w), which a `sheet` fills, its rim is far enough."""
    height, width = shape
    whole = cv2.resize(sheet * np.uint8(255), (width, height), interpolation=cv2.INTER_LINEAR)
    rimmed = cv2.copyMakeBorder(whole, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    near = cv2.distanceTransform((rimmed > 127).view(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    soft = max(1.5, _SOFT * max(shape), 1.5 * max(shape) / max(sheet.shape))
    return np.asarray(near > soft)


def _continued(pixels: Bytes, kept: NDArray[np.bool_]) -> Bytes:
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
