"""Lines of handwritten digits, composed of single ones at MNIST's scale.

    line = compose("4071", pool, random, Spacing(touching=1 / 3))

`pool` holds MNIST's digits by their labels. All that varies is drawn by `random`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.pictures.painting import Bytes, Floats, Random

Pool = dict[str, Bytes]  # by digit, (n, 28, 28) uint8, light on dark


def pool_of(images: Bytes, labels: NDArray[np.integer]) -> Pool:
    """The digits of `images` (n, 28, 28) by their `labels` (n,)."""
    return {str(digit): images[labels == digit] for digit in range(10)}


@dataclass(frozen=True)
class Spacing:
    """How the digits of a line stand, in pixels of MNIST, whose digits are 20 tall.

    `gap` is the range of the space between the ink of neighbours, and `touching` the share of gaps
    where they touch instead, and their boxes overlap by 1 to 4 pixels, as far as both can be seen.
    Digits are `sizes` times as large as MNIST's, and stand up to `uneven` pixels above or below the
    line.
    """

    gap: tuple[float, float] = (2, 10)
    touching: float = 0
    sizes: tuple[float, float] = (0.85, 1.15)
    uneven: float = 2


@dataclass(frozen=True)
class Line:
    """A line of digits: `ink` (h, w) in [0, 1], and the box of each: left, top, right, bottom."""

    ink: Floats
    boxes: list[tuple[int, int, int, int]]


_TALLEST = 48  # rows of a line at MNIST's scale, with room for uneven digits


def compose(text: str, pool: Pool, random: Random, spacing: Spacing) -> Line:
    """Write `text` as one line of digits of `pool`."""
    ink = np.zeros((_TALLEST, 40 * len(text) + 40), np.float32)
    boxes: list[tuple[int, int, int, int]] = []
    left = 0
    for place, digit in enumerate(text):
        shape = _pick(pool[digit], random, random.uniform(*spacing.sizes))
        drop = random.uniform(-spacing.uneven, spacing.uneven)
        top = round((_TALLEST - shape.shape[0]) / 2 + drop)
        if place:
            left = _beside(ink, shape, top, boxes[-1])
            if random.random() < spacing.touching:
                wanted = min(boxes[-1][2] - int(random.integers(1, 5)), left - 1)
                left = _overlap(ink, shape, top, wanted, left - 1)
            else:
                left += round(random.uniform(*spacing.gap))
        window = ink[top : top + shape.shape[0], left : left + shape.shape[1]]
        np.maximum(window, shape, out=window)
        boxes.append((left, top, left + shape.shape[1], top + shape.shape[0]))
    return _trim(ink, boxes)


def _pick(images: Bytes, random: Random, size: float) -> Floats:
    """One of `images`, cut to its ink and resized."""
    image = images[int(random.integers(len(images)))]
    left, top, width, height = cv2.boundingRect((image > 30).astype(np.uint8))
    cut = image[top : top + height, left : left + width].astype(np.float32) / 255
    wanted = max(1, round(width * size)), max(1, round(height * size))
    return np.asarray(cv2.resize(cut, wanted, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _beside(ink: Floats, shape: Floats, top: int, last: tuple[int, int, int, int]) -> int:
    """The column at which `shape` would just not touch what is written.

    Where nothing of the last digit is beside it, the bounding boxes count.
    """
    rows = ink[top : top + shape.shape[0]] > 0.3
    ends = np.where(rows.any(axis=1), rows.shape[1] - np.argmax(rows[:, ::-1], axis=1), -1)
    starts = np.where((shape > 0.3).any(axis=1), np.argmax(shape > 0.3, axis=1), 10_000)
    needed = np.where((ends > 0) & (starts < 10_000), ends - starts, -1)
    return max(int(needed.max()), last[0]) if needed.max() >= 0 else last[2]


# Share of a digit's ink that a neighbour covers at most: nobody could read a 1 that stands on the
# upright stroke of a 4.
_COVERED = 1 / 3


def _overlap(ink: Floats, shape: Floats, top: int, wanted: int, touching: int) -> int:
    """The column from `wanted` to `touching` where `shape` does not cover too much."""
    rows = ink[top : top + shape.shape[0]]
    for start in range(max(0, wanted), touching):
        both = np.minimum(rows[:, start : start + shape.shape[1]], shape)
        if float(both.sum()) <= _COVERED * float(shape.sum()):
            return start
    return max(0, touching)


def _trim(ink: Floats, boxes: Sequence[tuple[int, int, int, int]]) -> Line:
    """The same without what is empty around it."""
    x, y, width, height = cv2.boundingRect((ink > 0.1).astype(np.uint8))
    moved = [(left - x, top - y, right - x, bottom - y) for left, top, right, bottom in boxes]
    return Line(ink[y : y + height, x : x + width], moved)


def enlarge(line: Line, scale: float) -> Line:
    """The same line `scale` times as large, with smooth, sharp strokes."""
    height, width = line.ink.shape
    size = max(1, round(width * scale)), max(1, round(height * scale))
    rimmed = cv2.copyMakeBorder(line.ink, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    soft = cv2.GaussianBlur(rimmed, (3, 3), 0.6)[1:-1, 1:-1]
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    large = np.asarray(cv2.resize(soft, size, interpolation=way), dtype=np.float32)
    steep = 10 * max(1.0, scale / 5)
    ink = np.clip(1.1 / (1 + np.exp(-steep * (large - 0.4))) - 0.05, 0, 1)
    boxes = [tuple(round(scale * side) for side in box) for box in line.boxes]
    return Line(np.asarray(ink, dtype=np.float32), [(b[0], b[1], b[2], b[3]) for b in boxes])
