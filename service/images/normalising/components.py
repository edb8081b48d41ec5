"""Connected components of a mask, and which of them are the strokes of one digit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.arrays import Mask


@dataclass(frozen=True)
class Digit:
    """A digit's strokes: `mask` (h, w) is 1 on them; `has_rivals`: there are other digits.

    `reaches_in`: they are no digit's, but of a thing that reaches into the picture.
    """

    mask: Mask
    has_rivals: bool
    reaches_in: bool


@dataclass(frozen=True)
class _Components:
    """Connected components of a mask.

    `labels` (h, w) is 0 on the background; `stats` (n + 1, 5) are OpenCV's; `contact` (n + 1,) is
    the share of the picture's border that each covers.
    """

    labels: NDArray[np.uint16]
    stats: NDArray[np.int32]
    contact: NDArray[np.float64]

    @property
    def areas(self) -> NDArray[np.int32]:
        """(n + 1,) pixels."""
        return self.stats[:, cv2.CC_STAT_AREA]

    def area(self, label: int) -> int:
        """The pixels of one."""
        return int(self.stats[label, cv2.CC_STAT_AREA])

    def box(self, label: int) -> tuple[int, int, int, int]:
        """The bounding box of one: left, top, width, height."""
        left, top, width, height = self.stats[label, :4].tolist()
        return left, top, width, height

    def box_of(self, labels: list[int]) -> tuple[int, int, int, int]:
        """The bounding box of several: left, top, right, bottom."""
        stats = self.stats[labels]
        ends = stats[:, :2] + stats[:, 2:4]
        left, top = stats[:, :2].min(axis=0).tolist()
        right, bottom = ends.max(axis=0).tolist()
        return left, top, right, bottom


# Pixels of a component at least. Larger: the dots of a drawing of few pixels are lost; smaller: a
# single pixel of noise is a digit.
_LEAST_AREA = 2


def find_digit(mask: Mask, sure: Mask) -> Digit | None:
    """Find the components of `mask` (h, w) that are the strokes of one digit; None where none are.

    Args:
        mask: 1 on what may be ink.
        sure: (h, w), 1 on what is ink for sure; a component without any is no stroke.

    """
    if cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_16U)[0] == 2:
        # The background and one component, as in most pictures: there is nothing to choose.
        is_digit = cv2.countNonZero(mask) >= _LEAST_AREA and cv2.hasNonZero(
            cv2.bitwise_and(mask, sure)
        )
        reaches_in = _reaches_in(mask, 1, cv2.boundingRect(mask))
        return Digit(mask, has_rivals=False, reaches_in=reaches_in) if is_digit else None
    components = _label(mask)
    order = _sort_by_likelihood(components, sure > 0)
    if not order:
        return None
    order = _drop_broader(mask, components, order)
    chosen, has_rivals = _gather_strokes(components, order)
    is_stroke = np.zeros(len(components.stats), np.uint8)
    is_stroke[chosen] = 1
    reaches_in = _reaches_in(components.labels, order[0], components.box(order[0]))
    return Digit(np.take(is_stroke, components.labels), has_rivals, reaches_in)


# Solidity, the share of its convex hull that a thing fills, of what reaches into a picture. Larger:
# fingers that touch each other are digits; smaller: digits of a bold pen that the picture cuts off
# are none.
_SOLID = 0.75
# Width of such a thing at the border, as a share of its greatest. Larger: fingers that are cut
# aslant or have a rough outline are digits; smaller: digits whose stroke is cut off are none.
_WIDE_AT_BORDER = 0.93


def _reaches_in(labels: NDArray[np.integer[Any]], label: int, box: Sequence[int]) -> bool:
    """Whether a component is a finger, a pen or the like that reaches into the picture.

    It is solid, and comes in at the border as wide as it is anywhere, but does not lie over the
    middle. A digit that its picture is cut to does.

    Args:
        labels: (h, w), `label` on the component.
        label: its own.
        box: its left, top, width, height.

    """
    left, top, width, height = box
    right, bottom = left + width, top + height
    rows, columns = labels.shape
    if left <= columns / 2 <= right and top <= rows / 2 <= bottom:
        return False
    own = (labels[top:bottom, left:right] == label).view(np.uint8)
    sides = (
        (own[:, 0], left),
        (own[:, -1], columns - right),
        (own[0], top),
        (own[-1], rows - bottom),
    )
    at_border = max((int(side.sum()) for side, away in sides if away == 0), default=0)
    if at_border == 0:
        return False
    rimmed = cv2.copyMakeBorder(own, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    widest = 2 * float(cv2.distanceTransform(rimmed, cv2.DIST_L2, 3).max()) - 1
    hull = np.asarray(cv2.convexHull(cv2.findNonZero(own)), dtype=np.int32)
    filled = cv2.fillConvexPoly(np.zeros_like(own), hull, 1)
    is_solid = cv2.countNonZero(own) > _SOLID * cv2.countNonZero(filled)
    return is_solid and at_border > _WIDE_AT_BORDER * widest


def _label(mask: Mask) -> _Components:
    """Label the connected components of `mask` (h, w)."""
    # Of 16 bits OpenCV makes labels and statistics three times as fast as of 32.
    count, found, stats, _ = cv2.connectedComponentsWithStats(
        mask, connectivity=8, ltype=cv2.CV_16U
    )
    labels = np.asarray(found, dtype=np.uint16)
    border = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    contact = np.bincount(border, minlength=count) / len(border)
    return _Components(labels, np.asarray(stats, dtype=np.int32), contact)


def _sort_by_likelihood(components: _Components, sure: NDArray[np.bool_]) -> list[int]:
    """Sort the components that can be a digit's main stroke, the likeliest first."""
    is_sure = np.zeros(len(components.stats), np.bool_)
    is_sure[components.labels[sure]] = True
    is_sure[0] = False
    areas = components.areas * is_sure
    candidates = np.flatnonzero(areas >= max(_LEAST_AREA, 0.01 * areas.max()))
    candidates = candidates[np.argsort(-areas[candidates])][:40]
    likelihood = {int(label): _likelihood(components, int(label)) for label in candidates}
    order = sorted(likelihood, key=lambda label: -likelihood[label])
    return [label for label in order if not _is_frame(components, label, order)]


# Times the likelihood of a component that touches the border. Larger: a finger or a pen that
# reaches into the picture is the digit; smaller: a digit that the picture cuts is not.
_TOUCHES_BORDER = 0.6


def _likelihood(components: _Components, label: int) -> float:
    """Rate how likely a component is the digit: large, central, not reaching in from outside."""
    rows, columns = components.labels.shape
    left, top, width, height = components.box(label)
    x, y = (left + width / 2) / columns - 0.5, (top + height / 2) / rows - 0.5
    central = 1 - 0.7 * min(1.0, math.hypot(x, y) / 0.7)
    contact = float(components.contact[label])
    inside = 0.1 ** (4 * contact) * (_TOUCHES_BORDER if contact > 0 else 1.0)
    line = 0.2 if max(width, height) > 15 * min(width, height) else 1.0
    return float(math.sqrt(components.area(label)) * central * inside * line)


def _is_frame(components: _Components, label: int, others: list[int]) -> bool:
    """Whether a component is a hollow quadrangle around some of the `others`."""
    left, top, width, height = components.box(label)
    if components.area(label) > 0.6 * width * height or min(width, height) < 12:
        return False
    within = [other for other in others if _contains(components, label, other)]
    largest = max(map(components.area, within), default=0)
    if not within or largest < 0.02 * components.area(label):
        return False
    own = (components.labels[top : top + height, left : left + width] == label).astype(np.uint8)
    contours, _ = cv2.findContours(own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=cv2.contourArea)
    corners = cv2.approxPolyDP(outline, 0.05 * cv2.arcLength(outline, True), True)
    area = cv2.contourArea(outline)
    # Few corners hold nearly all of a sheet or frame, seen from any side, but not of a ring.
    is_angular = len(corners) <= 5 and cv2.contourArea(corners) > 0.9 * area
    return is_angular and area > 0.93 * cv2.contourArea(cv2.convexHull(outline))


def _contains(components: _Components, outer: int, inner: int) -> bool:
    """Whether the bounding box of `inner` lies within that of `outer`, and touches no side."""
    left, top, width, height = components.box(outer)
    x, y, w, h = components.box(inner)
    return left < x and top < y and x + w < left + width and y + h < top + height


# Times the width of the main stroke, each at its widest, from which on a component is none of the
# digit's. Larger: fingers and shades beside thin strokes are; smaller: dots and blots are none.
_BROADER = 2.0


def _drop_broader(mask: Mask, components: _Components, order: list[int]) -> list[int]:
    """Drop what is far broader than the first of `order`, as a finger is beside a pen's strokes."""
    inside = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 3), dtype=np.float32)
    limit = _BROADER * float(inside[components.labels == order[0]].max())
    broader = set(components.labels[inside > limit].tolist())
    return [label for label in order if label not in broader]


# Share of the picture's border that a stroke beside the main one covers at most. Larger: things
# that reach in are strokes; smaller: strokes that the picture just cuts are lost.
_MOST_CONTACT = 0.03
# Area of a stroke at least, as a share of the digit's so far. Larger: dots and short bars are lost;
# smaller: specks are strokes.
_SPECK = 0.02
# Gap between the strokes of a digit at most, as a share of its longer side. Larger: a neighbour is
# a stroke; smaller: the bar of a 5 that stands apart is lost.
_GAP = 0.22
# The same for a stroke that touches the border when the main one does not.
_GAP_AT_BORDER = 0.07


def _gather_strokes(components: _Components, order: list[int]) -> tuple[list[int], bool]:
    """Gather the strokes of one digit, from its main one outwards.

    Args:
        components: of the picture.
        order: labels, that of the main stroke first.

    Returns:
        The labels of the strokes, and whether there are other digits.

    """
    chosen, rest = [order[0]], order[1:]
    at_border: set[int] = set()
    others: set[int] = set()  # that were rivals, and are none of the strokes
    if components.contact[order[0]] == 0:
        rest = [label for label in rest if components.contact[label] <= _MOST_CONTACT]
        at_border = {label for label in rest if components.contact[label] > 0}
    while True:
        area = sum(map(components.area, chosen))
        rest = [label for label in rest if components.area(label) >= _SPECK * area]
        if not rest:
            break
        apart = _distances(components, chosen, rest)
        # What the picture's border cuts is a thing, and no other digit.
        whole = [label for label in rest if label not in at_border]
        rivals = {label for label in whole if _is_rival(components, chosen, label, apart[label])}
        gap = {
            label: (_GAP_AT_BORDER if label in at_border else _GAP)
            * _size(components, chosen, label)
            for label in rest
        }
        near = [label for label in rest if label not in rivals and apart[label] <= gap[label]]
        # The parts of a line that breaks up are rivals until they are found to go on from it.
        others = (others | rivals).difference(
            label for label in near if components.contact[label] == 0
        )
        if not near:
            break
        chosen += near
        rest = [label for label in rest if label not in near]
    return chosen, bool(others)


def _size(components: _Components, chosen: list[int], label: int) -> int:
    """The longer side of the digit: of those `chosen`, and `label` too if it is above or below.

    A digit that is broken in two is larger than either part.
    """
    left, top, right, bottom = components.box_of(chosen)
    x, y, width, height = components.box(label)
    if 2 * (min(right, x + width) - max(left, x)) >= width:
        top, bottom = min(top, y), max(bottom, y + height)
    return max(right - left, bottom - top)


def _distances(components: _Components, chosen: list[int], rest: list[int]) -> dict[int, float]:
    """Measure how many pixels each component of `rest` is away from the nearest of `chosen`."""
    away = np.ones(len(components.stats), np.uint8)
    away[chosen] = 0
    distance = cv2.distanceTransform(away[components.labels], cv2.DIST_L2, 3)
    found = {}
    for label in rest:
        left, top, width, height = components.box(label)
        window = np.s_[top : top + height, left : left + width]
        found[label] = float(distance[window][components.labels[window] == label].min())
    return found


# Times that a digit of parts one above the other is as tall as it is wide, at most. Larger: digits
# in a column are one; smaller: the parts of a digit whose pen skipped are several.
_TALLEST = 2.5


def _is_rival(components: _Components, chosen: list[int], label: int, apart: float) -> bool:
    """Whether a component is a digit of its own: as tall, as much ink, beside or below, apart."""
    left, top, right, bottom = components.box_of(chosen)
    x, y, width, height = components.box(label)
    is_as_tall = 0.55 < height / (bottom - top) < 1.8
    area = sum(map(components.area, chosen))
    is_as_much = 0.3 < components.area(label) / area < 3.3
    across = min(right, x + width) - max(left, x)
    down = min(bottom, y + height) - max(top, y)
    is_beside = across <= 0.1 * min(width, right - left)
    both = max(bottom, y + height) - min(top, y), max(right, x + width) - min(left, x)
    is_below = down <= 0.1 * min(height, bottom - top) and both[0] > _TALLEST * both[1]
    is_apart = apart > 0.15 * max(height, bottom - top)
    return is_as_tall and is_as_much and (is_beside or is_below) and is_apart
