"""Lines of writing: which components of the ink stand beside each other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.arrays import Mask

# Components that are looked at, the largest first. More cost time, by the square.
_MOST_COMPONENTS = 200


@dataclass(frozen=True)
class Component:
    """A connected component of ink: its label, its bounding box and its area in pixels."""

    label: int
    left: int
    top: int
    width: int
    height: int
    area: int

    @property
    def x(self) -> float:
        """The middle of its box."""
        return self.left + self.width / 2

    @property
    def y(self) -> float:
        """The middle of its box."""
        return self.top + self.height / 2

    @property
    def right(self) -> int:
        """The first column behind it."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.height


@dataclass
class Line:
    """A line of writing: its digits, and the strokes and marks beside them.

    It goes through `x` and `y` and falls by `slope` pixels for each to the right; its digits are
    `tall` pixels tall.
    """

    digits: list[Component]
    small: list[Component] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fit()

    def fit(self) -> None:
        """Fit slope, height and middle to the digits, by least squares, few of them level."""
        xs, ys, weights = np.array([(each.x, each.y, each.height) for each in self.digits]).T
        self.tall = float(np.median(weights))
        self.x, self.y = (float(np.average(at, weights=weights)) for at in (xs, ys))
        away, share = xs - self.x, weights * (len(xs) / weights.sum())
        spread = float(share @ (away * away)) + _LEVEL * self.tall**2
        self.slope = float(share @ (away * (ys - self.y))) / spread

    def height_of(self, part: Component) -> float:
        """How far `part` is below the middle of the line there, in heights of its digits."""
        return (part.y - self.y - self.slope * (part.x - self.x)) / self.tall

    @property
    def area(self) -> int:
        """The pixels of its digits."""
        return sum(each.area for each in self.digits)

    @property
    def labels(self) -> list[int]:
        """Those of all its components."""
        return [each.label for each in (*self.digits, *self.small)]


# Squares of a digit's height by which a line is drawn towards level. Larger: short lines stay
# aslant; smaller: two digits of different heights are a slope.
_LEVEL = 4.0


def find_lines(mask: Mask) -> tuple[NDArray[np.int32], list[Line]]:
    """Find the lines of writing in `mask` (h, w), 1 on ink, from top to bottom.

    Returns:
        The labels (h, w) of its components, and the lines, which name them.

    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    found = [Component(label, *stats[label].tolist()) for label in range(1, len(stats))]
    found = sorted(found, key=lambda part: -part.area)[:_MOST_COMPONENTS]
    parts = [part for part in found if not _is_of_border(part, mask.shape)]
    if not parts:
        return np.asarray(labels, np.int32), []
    tall = _typical_height(parts)
    digits = [part for part in parts if _SMALL * tall <= part.height <= _TALLEST * tall]
    lines = _without_clutter(_join_lines(_group(digits, tall), tall))
    taken = {each.label for line in lines for each in line.digits}
    for part in parts:
        if part.label not in taken and part.height < _TALLEST_MARK * tall:
            _attach(part, lines)
    return np.asarray(labels, np.int32), sorted(lines, key=lambda line: line.y)


# Heights of a component, in those of digits, below which it is a mark or a part of a digit, and
# above which it is none. Larger first: small digits are marks; smaller: the bars of a 5 are digits.
_SMALL, _TALLEST = 0.42, 2.2
# Height of a mark or a stroke at most, in those of digits. Larger: what lies below a line belongs
# to it; smaller: a large comma goes unseen.
_TALLEST_MARK = 0.6


def _is_of_border(part: Component, shape: tuple[int, ...]) -> bool:
    """Whether a component is a thin thing along the picture's border, or reaches around it."""
    height, width = shape
    at_left, at_right = part.left == 0, part.right == width
    at_top, at_bottom = part.top == 0, part.bottom == height
    touched = at_left + at_right + at_top + at_bottom
    if touched >= 3:
        return touched == 4 or part.area > 0.5 * part.width * part.height
    if at_top or at_bottom:
        is_flat = part.height <= max(3, 0.12 * part.width)
        is_broad = part.width > 0.6 * width and part.height < 0.2 * height and touched == 2
        if is_flat or is_broad:
            return True
    return (at_left or at_right) and part.width <= max(2, 0.08 * part.height)


def _typical_height(parts: Sequence[Component]) -> float:
    """The height of digits: the median of the components', large ones counting most."""
    largest = max(part.area for part in parts)
    known = sorted(
        (part.height, math.sqrt(part.area) * part.height)
        for part in parts
        if part.area >= 0.04 * largest
    )
    heights, weights = np.array(known).T
    total = np.cumsum(weights)
    return float(heights[np.searchsorted(total, total[-1] / 2)])


# Gap between neighbours at most, in heights of digits, and the share of the smaller one's height
# that is beside the larger. A larger second divides sloping lines, a smaller one joins lines that
# are close.
_GAP, _BESIDE = 3.0, 0.45


def _group(parts: Sequence[Component], tall: float) -> list[Line]:
    """Group components that stand beside each other."""
    groups: list[list[Component]] = []
    for part in sorted(parts, key=lambda part: part.x):
        near = [group for group in groups if any(_is_beside(part, one, tall) for one in group)]
        groups = [group for group in groups if all(group is not one for one in near)]
        groups.append([*(one for group in near for one in group), part])
    return [Line(group) for group in groups]


def _is_beside(one: Component, other: Component, tall: float) -> bool:
    gap = max(one.left, other.left) - min(one.right, other.right)
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return gap <= _GAP * tall and shared >= _BESIDE * min(one.height, other.height)


# Distance of a line from another's course, in heights of digits, within which it goes on with it.
_ON_COURSE = 0.4


def _join_lines(lines: Sequence[Line], tall: float) -> list[Line]:
    """Join lines that are one with a wide gap."""
    joined: list[Line] = []
    for line in sorted(lines, key=lambda line: -line.area):
        left = min(part.left for part in line.digits)
        right = max(part.right for part in line.digits)
        for other in joined:
            low = min(part.left for part in other.digits)
            high = max(part.right for part in other.digits)
            apart = max(left, low) - min(right, high) > -0.3 * tall
            middle = Component(0, round(line.x), round(line.y), 0, 0, 0)
            if apart and abs(other.height_of(middle)) < _ON_COURSE:
                other.digits.extend(line.digits)
                other.fit()
                break
        else:
            joined.append(line)
    return joined


# Shares that a line has at least: of the mean area of the main line's digits, and of the tallest
# line's height. Larger: a thin 1 or 7 alone on its line is lost; smaller: specks are lines.
_LEAST_AREA, _LEAST_HEIGHT = 0.12, 0.45


def _without_clutter(lines: Sequence[Line]) -> list[Line]:
    """Leave out what is far smaller than the main line and its digits."""
    if not lines:
        return []
    main = max(lines, key=lambda line: line.area)
    tallest = max(line.tall for line in lines if line.area > 0.3 * main.area)
    return [
        line
        for line in lines
        if line.area > _LEAST_AREA * main.area / len(main.digits)
        and line.tall > _LEAST_HEIGHT * tallest
    ]


# Area of a stroke or a mark at least, in squares of a digit's height.
_SPECK = 0.006
# Distances in heights of digits: up or down from the middle of the line, and to the nearest digit,
# of a stroke and of a mark such as a comma or a minus.
_WITHIN, _STROKE_GAP, _MARK_GAP = 0.85, 0.3, 1.5


def _attach(part: Component, lines: Sequence[Line]) -> None:
    """Give a small component to the line that it is a stroke or a mark of, if it is of any."""
    for line in lines:
        height = line.height_of(part)
        if abs(height) > _WITHIN or part.area < _SPECK * line.tall**2:
            continue
        near = min(_distance(part, digit) for digit in line.digits) / line.tall
        is_flat = abs(height) < 0.3 and part.width > 0.2 * line.tall
        is_mark = near > 0.12 and (height > 0.2 or is_flat)
        if near <= (_MARK_GAP if is_mark else _STROKE_GAP):
            line.small.append(part)
            return


def _distance(one: Component, other: Component) -> int:
    """Pixels between two boxes, across and down added."""
    across = max(other.left - one.right, one.left - other.right, 0)
    return across + max(other.top - one.bottom, one.top - other.bottom, 0)
