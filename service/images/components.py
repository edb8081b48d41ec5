"""The parts of a mask that hang together, and which of them are the strokes of one digit."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]

_LEAST = 2  # pixels; a single one is nothing
_SPECK = 0.02  # of the digit's area; what is smaller is no stroke of it
_ENTERS = 0.03  # of the picture's border; what covers more comes from outside
_ENTERING = 0.6  # times the worth of a part that touches the border, as a finger or a pen does
_NEAR = 0.22  # of the digit's longer side; strokes of one digit are not farther apart
_NEAR_ENTERING = 0.07  # of it, for what touches the border when the main stroke does not


@dataclass(frozen=True)
class Strokes:
    """Those of one digit: `mask` (h, w) is 1 on them; `several`: there are other digits."""

    mask: Mask
    several: bool


def choose(mask: Mask, sure: Mask) -> Strokes | None:
    """The parts of `mask` (h, w) that are one digit's strokes, or None where there is none.

    Args:
        mask: 1 on what may be ink.
        sure: (h, w), 1 on what is ink for sure; a part without is none.

    """
    if cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_16U)[0] == 2:
        # Ground and one part, as in most pictures: there is nothing to weigh.
        return Strokes(mask, several=False) if _is_alone(mask, sure) else None
    parts = _parts(mask)
    order = _by_worth(parts, sure > 0)
    if not order:
        return None
    chosen, several = _gather(parts, order)
    member = np.zeros(len(parts.stats), np.uint8)
    member[chosen] = 1
    return Strokes(np.take(member, parts.labels), several)


def _is_alone(mask: Mask, sure: Mask) -> bool:
    """Whether the only part of `mask` can be a digit's."""
    return cv2.countNonZero(mask) >= _LEAST and cv2.hasNonZero(cv2.bitwise_and(mask, sure))


@dataclass(frozen=True)
class _Parts:
    """Connected components: `labels` (h, w), 0 for ground; `stats` (n + 1, 5) as OpenCV's.

    `contact` (n + 1,) is the share of the picture's border that each covers.
    """

    labels: NDArray[np.uint16]
    stats: NDArray[np.int32]
    contact: NDArray[np.float64]

    @property
    def areas(self) -> NDArray[np.int32]:
        return self.stats[:, cv2.CC_STAT_AREA]

    def box(self, part: int) -> tuple[int, int, int, int]:
        """Left, top, width, height."""
        left, top, width, height = self.stats[part, :4].tolist()
        return left, top, width, height

    def area(self, part: int) -> int:
        return int(self.stats[part, cv2.CC_STAT_AREA])


def _parts(mask: Mask) -> _Parts:
    # Of 16 bits OpenCV makes labels and statistics three times as fast as of 32.
    count, found, stats, _ = cv2.connectedComponentsWithStats(
        mask, connectivity=8, ltype=cv2.CV_16U
    )
    labels = np.asarray(found, dtype=np.uint16)
    border = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    contact = np.bincount(border, minlength=count) / len(border)
    return _Parts(labels, np.asarray(stats, dtype=np.int32), contact)


def _by_worth(parts: _Parts, sure: NDArray[np.bool_]) -> list[int]:
    """The parts that can be a digit's, the likeliest main stroke first; each is somewhere sure."""
    known = np.zeros(len(parts.stats), np.bool_)
    known[parts.labels[sure]] = True
    known[0] = False
    areas = parts.areas * known
    candidates = np.flatnonzero(areas >= max(_LEAST, 0.01 * areas.max()))
    candidates = candidates[np.argsort(-areas[candidates])][:40]
    worth = {int(part): _worth(parts, int(part)) for part in candidates}
    order = sorted(worth, key=lambda part: -worth[part])
    return [part for part in order if not _is_frame(parts, part, order)]


def _worth(parts: _Parts, part: int) -> float:
    """How likely a part is the digit: large, central, not a thing that enters from outside."""
    rows, columns = parts.labels.shape
    left, top, width, height = parts.box(part)
    x, y = (left + width / 2) / columns - 0.5, (top + height / 2) / rows - 0.5
    central = 1 - 0.7 * min(1.0, math.hypot(x, y) / 0.7)
    contact = float(parts.contact[part])
    inside = 0.1 ** (4 * contact) * (_ENTERING if contact > 0 else 1.0)
    line = 0.2 if max(width, height) > 15 * min(width, height) else 1.0
    return float(math.sqrt(parts.area(part)) * central * inside * line)


def _is_frame(parts: _Parts, part: int, others: list[int]) -> bool:
    """Whether a part is a hollow quadrangle around some of the `others`."""
    left, top, width, height = parts.box(part)
    if parts.area(part) > 0.6 * width * height or min(width, height) < 12:
        return False
    within = [other for other in others if _contains(parts, part, other)]
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
    entering: set[int] = set()
    if parts.contact[order[0]] == 0:
        rest = [part for part in rest if parts.contact[part] <= _ENTERS]
        entering = {part for part in rest if parts.contact[part] > 0}
    while True:
        area = sum(map(parts.area, chosen))
        rest = [part for part in rest if parts.area(part) >= _SPECK * area]
        if not rest:
            break
        apart = _distances(parts, chosen, rest)
        left, top, right, bottom = _box(parts, chosen)
        # A part that the picture's border cuts is a thing, and no other digit.
        whole = [part for part in rest if part not in entering]
        rivals = {part for part in whole if _is_rival(parts, chosen, part, apart[part])}
        several = several or bool(rivals)
        size = max(right - left, bottom - top)
        reach = {part: (_NEAR_ENTERING if part in entering else _NEAR) * size for part in rest}
        near = [part for part in rest if part not in rivals and apart[part] <= reach[part]]
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
