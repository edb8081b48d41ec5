"""Lines of writing: which components of the ink stand beside each other."""

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.arrays import Mask

MOST_COMPONENTS = 300
MOST_LINES = 3


@dataclass
class Line:
    """A line of writing: `mask` (h, w) 1 on its ink, `slope` rightwards per pixel.

    `tall` is the height of its digits in pixels; `has_marks`: there are points or dashes in it.
    """

    labels: list[int]
    slope: float
    tall: float
    middle: float
    has_marks: bool = False
    marks: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """The lines of a page from top to bottom, and the component labels (h, w) they speak of."""

    labels: NDArray[np.int32]
    lines: list[Line]


@dataclass(frozen=True)
class _Part:
    label: int
    left: int
    top: int
    width: int
    height: int
    area: int

    @property
    def x(self) -> float:
        return self.left + self.width / 2

    @property
    def y(self) -> float:
        return self.top + self.height / 2

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height


def find_lines(mask: Mask) -> Layout:
    """Find the lines of writing in `mask` (h, w), 1 on ink."""
    _, found, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    labels = np.asarray(found, np.int32)
    parts = [_Part(i, *stats[i].tolist()) for i in range(1, len(stats))]
    parts = sorted(parts, key=lambda part: -part.area)[:MOST_COMPONENTS]
    parts = [part for part in parts if not _is_of_border(part, mask.shape)]
    if not parts:
        return Layout(labels, [])
    tall = _typical_height(parts)
    digits = [p for p in parts if 0.42 * tall <= p.height <= 2.2 * tall and _is_digit_like(p, tall)]
    small = [p for p in parts if p.height < 0.42 * tall]
    chains = _chains(digits, tall)
    lines = [_line(chain) for chain in chains]
    paired = [(line, chain) for line, chain in zip(lines, chains, strict=True)]
    paired = _without_clutter(paired)
    for part in small:
        _attach(part, paired)
    paired.sort(key=lambda pair: pair[0].middle)
    return Layout(labels, [line for line, _ in paired])


def _is_of_border(part: _Part, shape: tuple[int, ...]) -> bool:
    """Whether a part is a thin thing along the picture's border, or reaches round a corner."""
    height, width = shape
    left, top = part.left == 0, part.top == 0
    right, bottom = part.right == width, part.bottom == height
    touched = left + top + right + bottom
    if touched == 0:
        return False
    if touched >= 3:
        return touched == 4 or part.area > 0.5 * part.width * part.height
    thin_across = part.height <= max(3, 0.12 * part.width) and (top or bottom)
    thin_down = part.width <= max(2, 0.08 * part.height) and (left or right)
    wide = part.width > 0.6 * width and part.height < 0.2 * height
    return thin_across or thin_down or (wide and (top or bottom) and touched >= 2)


def _typical_height(parts: list[_Part]) -> float:
    """The height of digits: the median of the parts', each weighed by its area."""
    largest = max(part.area for part in parts)
    heights = np.array([p.height for p in parts if p.area >= 0.04 * largest], float)
    weights = np.array([math.sqrt(p.area) * p.height for p in parts if p.area >= 0.04 * largest])
    order = np.argsort(heights)
    total = np.cumsum(weights[order])
    return float(heights[order][np.searchsorted(total, 0.5 * total[-1])])


def _is_digit_like(part: _Part, tall: float) -> bool:
    return part.width <= 14 * tall and part.width * part.height > 0 and part.area > 0.01 * tall * tall


def _chains(parts: list[_Part], tall: float) -> list[list[_Part]]:
    """Group `parts` that stand beside each other."""
    parts = sorted(parts, key=lambda part: part.x)
    parent = list(range(len(parts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, one in enumerate(parts):
        for j in range(i + 1, len(parts)):
            other = parts[j]
            gap = max(one.left, other.left) - min(one.right, other.right)
            if gap > 3 * tall:
                continue
            overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
            if overlap >= 0.45 * min(one.height, other.height):
                parent[root(i)] = root(j)
    groups: dict[int, list[_Part]] = {}
    for i, part in enumerate(parts):
        groups.setdefault(root(i), []).append(part)
    chains = list(groups.values())
    return _merge(chains, tall)


def _merge(chains: list[list[_Part]], tall: float) -> list[list[_Part]]:
    """Join chains that are one line with a wide gap."""
    chains = sorted(chains, key=lambda chain: -sum(p.area for p in chain))
    merged: list[list[_Part]] = []
    for chain in chains:
        for other in merged:
            slope, height, x, y = _fit(other)
            mine = _fit(chain)
            left, right = min(p.left for p in chain), max(p.right for p in chain)
            low, high = min(p.left for p in other), max(p.right for p in other)
            apart = max(left, low) - min(right, high)
            if apart > -0.3 * tall and abs(mine[3] - (y + slope * (mine[2] - x))) < 0.4 * height:
                other.extend(chain)
                break
        else:
            merged.append(list(chain))
    return merged


def _fit(chain: list[_Part]) -> tuple[float, float, float, float]:
    """Slope, height of digits, and middle (x, y) of a chain."""
    xs, ys = np.array([p.x for p in chain]), np.array([p.y for p in chain])
    tall = float(np.median([p.height for p in chain]))
    weights = np.array([float(p.height) for p in chain])
    x, y = float(np.average(xs, weights=weights)), float(np.average(ys, weights=weights))
    away = xs - x
    spread = float((weights * away * away).sum() / weights.sum()) * len(chain)
    slope = float((weights * away * (ys - y)).sum() / weights.sum()) * len(chain)
    slope /= spread + 4 * tall * tall
    return slope, tall, x, y


def _line(chain: list[_Part]) -> Line:
    slope, tall, _, y = _fit(chain)
    return Line([p.label for p in chain], slope, tall, y)


def _without_clutter(pairs: list[tuple[Line, list[_Part]]]) -> list[tuple[Line, list[_Part]]]:
    """Leave out what is far smaller than the main line."""
    if not pairs:
        return pairs
    main = max(sum(p.area for p in chain) for _, chain in pairs)
    tallest = max(line.tall for line, chain in pairs if sum(p.area for p in chain) > 0.3 * main)
    return [
        (line, chain)
        for line, chain in pairs
        if sum(p.area for p in chain) > 0.08 * main and line.tall > 0.45 * tallest
    ]


def _attach(part: _Part, pairs: list[tuple[Line, list[_Part]]]) -> None:
    """Give a small part to the line that it is a stroke or a mark of, if it is of any."""
    for line, chain in pairs:
        slope, tall, x, y = _fit(chain)
        height = (part.y - (y + slope * (part.x - x))) / tall  # -0.5 at the top, 0.5 at the foot
        if abs(height) > 0.85:
            continue
        near = min(
            max(p.left - part.right, part.left - p.right, 0)
            + max(p.top - part.bottom, part.top - p.bottom, 0)
            for p in chain
        )
        if part.area < 0.004 * tall * tall or near > 3 * tall:
            continue
        is_mark = near > 0.12 * tall and (
            height > 0.2 or (abs(height) < 0.3 and part.width > 0.2 * tall)
        )
        if is_mark and part.area > 0.008 * tall * tall:
            line.marks.append(part.label)
            line.labels.append(part.label)
        elif near <= 0.3 * tall and part.area > 0.006 * tall * tall:
            line.labels.append(part.label)
        return
