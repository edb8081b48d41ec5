"""Which of the things that stand out of the ground are the digit's strokes."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from service import lines

Bytes = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Finding = Literal["blank", "several_digits"]

_FAINTEST = 13.0  # 255ths of the ground's light; fainter is what paper and cameras do
_NOISE = 6.0  # standard deviations of the ground's noise; fainter may be noise
_CLEAR = 1.3  # times the floor; a digit is not just above it
_SURE, _MAYBE, _FAINT = 0.5, 0.3, 0.15  # of the ink's level: ink, ink beside ink, print
_EDGE = 0.2  # of the ink's level; what rises more slowly is light, not ink
_DARKER = 1.25  # times the contrast of other things; what is darker is another ink
_SOLID = 0.97  # of a row of pixels; a frame fills so much of it
_SPECK = 0.02  # of the digit's area; what is smaller is no stroke of it
_ENTERS = 0.03  # of the picture's border; what covers more comes from outside
_NEAR = 0.22  # of the digit's longer side; strokes of one digit are not farther apart


@dataclass(frozen=True)
class Ink:
    """The digit's strokes: `mask` (h, w) is 1 on them; `level`: full ink's contrast in 255ths."""

    mask: Mask
    level: float
    finding: Finding | None = None


@dataclass(frozen=True)
class _Parts:
    """Connected components: `labels` (h, w), 0 for ground; `stats` (n + 1, 5) as OpenCV's."""

    labels: NDArray[np.int32]
    stats: NDArray[np.int32]

    def box(self, part: int) -> tuple[int, int, int, int]:
        """Left, top, width, height."""
        left, top, width, height = self.stats[part, :4].tolist()
        return left, top, width, height

    def area(self, part: int) -> int:
        return int(self.stats[part, cv2.CC_STAT_AREA])


def find_ink(contrast: Bytes) -> Ink | None:
    """The digit's strokes in (h, w) `contrast`, in 255ths, or None where all is ground."""
    floor = _floor(contrast)
    level = _level(contrast, contrast > floor)
    if level is None:
        return None
    faint = (contrast > max(floor * _MAYBE, _FAINT * level)).astype(np.uint8)
    print_ = lines.find_lines(faint)
    found = _find(contrast, floor, level, print_)
    # Printed lines and stains have edges too; the digit's own ink may be far darker than they.
    if found is not None and found.level > _DARKER * level:
        found = _find(contrast, floor, found.level, print_) or found
    return found


def _find(contrast: Bytes, floor: float, level: float, print_: Mask | None) -> Ink | None:
    """The digit's strokes, if `level` is about the contrast of full ink, beside lines `print_`."""
    mask = _hysteresis(contrast, floor, level)
    if print_ is not None:
        mask = _without_lines(contrast, mask, print_, floor)
    window = _inside_frame(mask)
    parts = _parts(np.ascontiguousarray(mask[window]))
    order = _by_worth(parts)
    if not order:
        return None
    chosen, several = _gather(parts, order)
    member = np.zeros(len(parts.stats), np.uint8)
    member[chosen] = 1
    digit = np.zeros_like(mask)
    digit[window] = np.take(member, parts.labels)
    own = float(np.quantile(contrast[digit > 0], 0.85))
    if own < _CLEAR * floor:
        return None
    return Ink(digit, own, "several_digits" if several else None)


def _inside_frame(mask: Mask) -> tuple[slice, slice]:
    """Where in `mask` (h, w) a solid frame along its border ends; all of it without a frame."""
    filled = [mask.mean(axis=axis) > _SOLID for axis in (1, 0)]
    top, left = (int(np.argmin(lines)) for lines in filled)
    bottom, right = (len(lines) - int(np.argmin(lines[::-1])) for lines in filled)
    height, width = mask.shape
    if sum((top > 0, left > 0, bottom < height, right < width)) < 3:
        return np.s_[:, :]  # a stroke along one side, or a picture cut to its ink
    return np.s_[top:bottom, left:right]


def trace(contrast: Bytes, near: Mask) -> Ink | None:
    """The strokes in (h, w) `contrast` where `near` is 1, or None where none stand out."""
    level = _level(contrast, near > 0)
    if level is None or level < _FAINTEST:
        return None
    mask = ((contrast > _MAYBE * level) & (near > 0)).astype(np.uint8)
    return Ink(mask, level) if mask.any() else None


def _floor(contrast: Bytes) -> float:
    """The contrast below which all is noise of the ground."""
    sample = contrast.ravel()[:: max(1, contrast.size // 5_000)]
    # From its lower part, because frames and tables can cover half of a picture.
    least, low = np.quantile(sample, (0.05, 0.3)).tolist()
    spread = (low - least) / 1.12  # a normal distribution's quantiles lie so far apart
    return float(low + 0.52 * spread + max(_FAINTEST, _NOISE * spread))


def _level(contrast: Bytes, mask: NDArray[np.bool_]) -> float | None:
    """The contrast of full ink within `mask`: what lies beside its sharpest edges.

    Ink has sharper edges than a shadow, and thin strokes reach their level along the middle only.
    """
    if not mask.any():
        return None
    square = np.ones((3, 3), np.uint8)
    peak = cv2.dilate(contrast, square)
    sharp = cv2.subtract(peak, cv2.erode(contrast, square))[mask].astype(np.float32) ** 2
    return float(np.vdot(sharp, peak[mask].astype(np.float32)) / max(float(sharp.sum()), 1e-9))


def _hysteresis(contrast: Bytes, floor: float, level: float) -> Mask:
    """1 where there is ink, or likely ink that touches it."""
    likely = (contrast > max(floor * _MAYBE / _SURE, _MAYBE * level)).astype(np.uint8)
    # Soft shadows and stains have no edge; five pixels climb most of even a blurred one.
    smooth, square = cv2.blur(contrast, (3, 3)), np.ones((5, 5), np.uint8)
    rise = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, square)
    sure = (contrast > max(floor, _SURE * level)) & (rise > _EDGE * level)
    count, labels = cv2.connectedComponents(likely, connectivity=8)
    keep = np.zeros(count, np.uint8)
    keep[labels[sure]] = 1
    keep[0] = 0
    return np.take(keep, np.asarray(labels, dtype=np.int32))


def _without_lines(contrast: Bytes, mask: Mask, found: Mask, floor: float) -> Mask:
    """`mask` without the lines `found`, unless nothing remains then."""
    rest = contrast[(mask > 0) & (found == 0)]
    if len(rest) < 8:
        return mask
    pen, print_ = float(np.quantile(rest, 0.9)), float(np.quantile(contrast[found > 0], 0.85))
    if pen > _DARKER * print_:
        bare = (contrast > max(floor, (print_ + pen) / 2)).astype(np.uint8)
    else:
        bare = lines.remove(mask, found)
    return bare if cv2.countNonZero(bare) >= 8 else mask


def _parts(mask: Mask) -> _Parts:
    count, found = cv2.connectedComponents(mask, connectivity=8)
    labels = np.asarray(found, dtype=np.int32)
    place = np.flatnonzero(mask)
    label = labels.ravel()[place]
    y, x = np.divmod(place, mask.shape[1])
    # OpenCV's own statistics take three times as long, most of it over the ground.
    first, last = np.full((count, 2), max(mask.shape)), np.zeros((count, 2), np.intp)
    for axis, value in enumerate((x, y)):
        np.minimum.at(first[:, axis], label, value)
        np.maximum.at(last[:, axis], label, value)
    areas = np.bincount(label, minlength=count)
    stats = np.column_stack([first, last + 1 - first, areas])
    return _Parts(labels, stats.astype(np.int32))


def _by_worth(parts: _Parts) -> list[int]:
    """The parts that can be a digit's, the likeliest main stroke first."""
    areas = parts.stats[1:, cv2.CC_STAT_AREA]
    if len(areas) == 0:
        return []
    candidates = np.flatnonzero(areas >= max(2, 0.01 * areas.max())) + 1
    candidates = candidates[np.argsort(-areas[candidates - 1])][:40]
    worth = {int(part): _worth(parts, int(part)) for part in candidates}
    frames = {part for part in worth if _is_frame(parts, part, worth)}
    return sorted(worth.keys() - frames, key=lambda part: -worth[part])


def _worth(parts: _Parts, part: int) -> float:
    """How likely a part is the digit: large, central, not a thing that enters from outside."""
    rows, columns = parts.labels.shape
    left, top, width, height = parts.box(part)
    x, y = (left + width / 2) / columns - 0.5, (top + height / 2) / rows - 0.5
    central = 1 - 0.7 * min(1.0, (x * x + y * y) ** 0.5 / 0.7)
    inside = 0.1 ** (4 * _contact(parts, part))
    line = 0.2 if max(width, height) > 15 * min(width, height) else 1.0
    return float(parts.area(part) ** 0.5 * central * inside * line)


def _contact(parts: _Parts, part: int) -> float:
    """The share of the picture's border that a part covers."""
    labels = parts.labels
    edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    return sum(int((edge == part).sum()) for edge in edges) / sum(edge.size for edge in edges)


def _is_frame(parts: _Parts, part: int, worth: dict[int, float]) -> bool:
    """Whether a part is a hollow quadrangle around others."""
    left, top, width, height = parts.box(part)
    if parts.area(part) > 0.6 * width * height or min(width, height) < 12:
        return False
    within = [other for other in worth if other != part and _contains(parts, part, other)]
    if not within or max(parts.area(other) for other in within) < 0.02 * parts.area(part):
        return False
    own = (parts.labels[top : top + height, left : left + width] == part).astype(np.uint8)
    contours, _ = cv2.findContours(own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=cv2.contourArea)
    corners = cv2.approxPolyDP(outline, 0.05 * cv2.arcLength(outline, True), True)
    area = cv2.contourArea(outline)
    # Few corners hold nearly all of a sheet or frame, seen from any side, but not of a ring.
    angular = len(corners) <= 5 and cv2.contourArea(corners) > 0.9 * area
    return angular and area > 0.93 * cv2.contourArea(cv2.convexHull(outline))


def _contains(parts: _Parts, outer: int, inner: int) -> bool:
    left, top, width, height = parts.box(outer)
    x, y, w, h = parts.box(inner)
    return left < x and top < y and x + w < left + width and y + h < top + height


def _gather(parts: _Parts, order: list[int]) -> tuple[list[int], bool]:
    """The strokes of one digit, from its main stroke outwards; and whether there are more."""
    chosen, rest, several = [order[0]], order[1:], False
    outside = _contact(parts, order[0]) == 0
    while rest:
        apart = _distances(parts, chosen, rest)
        left, top, right, bottom = _box(parts, chosen)
        size = max(right - left, bottom - top)
        area = sum(map(parts.area, chosen))
        near = []
        for part in rest:
            if outside and _contact(parts, part) > _ENTERS:
                continue
            if _is_rival(parts, chosen, part, apart[part]):
                several = True
            elif apart[part] <= _NEAR * size and parts.area(part) >= _SPECK * area:
                near.append(part)
        if not near:
            break
        chosen += near
        rest = [part for part in rest if part not in near]
    return chosen, several


def _box(parts: _Parts, chosen: list[int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of several parts."""
    stats = parts.stats[chosen]
    ends = stats[:, :2] + stats[:, 2:4]
    left, top = stats[:, :2].min(axis=0).tolist()
    right, bottom = ends.max(axis=0).tolist()
    return left, top, right, bottom


def _distances(parts: _Parts, chosen: list[int], rest: list[int]) -> dict[int, float]:
    """How many pixels each part of `rest` is away from `chosen`."""
    away = np.ones(len(parts.stats), np.uint8)
    away[chosen] = 0
    distance = cv2.distanceTransform(away[parts.labels], cv2.DIST_L2, 3)
    found = {}
    for part in rest:
        left, top, width, height = parts.box(part)
        window = np.s_[top : top + height, left : left + width]
        found[part] = float(distance[window][parts.labels[window] == part].min())
    return found


def _is_rival(parts: _Parts, chosen: list[int], part: int, apart: float) -> bool:
    """Whether a part is a digit of its own: as tall, as much ink, beside or below, and apart."""
    left, top, right, bottom = _box(parts, chosen)
    x, y, width, height = parts.box(part)
    alike = 0.55 < height / (bottom - top) < 1.8
    area = sum(map(parts.area, chosen))
    weighty = 0.3 < parts.area(part) / area < 3.3
    across = min(right, x + width) - max(left, x)
    down = min(bottom, y + height) - max(top, y)
    beside = across <= 0.1 * min(width, right - left) or down <= 0.1 * min(height, bottom - top)
    return alike and weighty and beside and apart > 0.15 * max(height, bottom - top)
