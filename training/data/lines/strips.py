"""Strips: a line of ink as the reader of lines gets it, 32 pixels high and as wide as it is long.

The service makes strips of uploaded pictures by the same rules.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.transcription import HEIGHT, INK, MARGIN, NARROWEST, THICKEST, THINNEST, WIDEST

Ink = NDArray[np.uint8]  # light on dark
Random = np.random.Generator

# Pixels of a line for each pixel of the strip below which it is enlarged, before its strokes are
# made wider or thinner by whole pixels.
_FINE = 1.5


@dataclass(frozen=True)
class Making:
    """The sizes of a strip that training varies, so that small differences do not matter."""

    thinnest: float = THINNEST
    thickest: float = THICKEST
    pen: float = 1.0  # by which strokes are made wider before these bounds
    left: int = MARGIN
    right: int = MARGIN
    up: int = 0  # pixels by which the ink lies below the middle

    @staticmethod
    def varied(random: Random) -> "Making":
        """Sizes around those of the service."""
        return Making(
            thinnest=random.uniform(1.7, 2.4),
            thickest=random.uniform(3.0, 4.2),
            pen=float(np.exp(random.normal(0, 0.12))),
            left=int(random.integers(5, 12)),
            right=int(random.integers(5, 12)),
            up=int(random.integers(-1, 2)) if random.random() < 0.3 else 0,
        )


@dataclass(frozen=True)
class Strip:
    """A strip (32, W) uint8, and where the columns of the line that it was made of lie in it."""

    ink: Ink
    scale: float
    shift: float

    def column(self, x: float) -> int:
        """The column in the strip of the column `x` of the line."""
        return int(np.clip(x * self.scale + self.shift, 0, self.ink.shape[1] - 1))


def make_strip(line: Ink, making: Making | None = None) -> Strip | None:
    """Make a strip of a `line` (h, w) of zeros and ones; None if it is empty or too long."""
    making = making or Making()
    left, top, width, height = cv2.boundingRect(line)
    if not width:
        return None
    shape: Ink = line[top : top + height, left : left + width]
    times = 1
    if height / INK < _FINE:
        times = int(np.ceil(2 * _FINE * INK / height))
        size = (width * times, height * times)
        large = cv2.resize(shape * np.uint8(255), size, interpolation=cv2.INTER_CUBIC)
        shape = (large > 127).astype(np.uint8)
    unit = shape.shape[0] / INK
    rim = int(np.ceil(4 * unit))
    shape = _even_strokes(np.pad(shape, rim), making, unit)
    inner, top, width, height = cv2.boundingRect(shape)
    scale = INK / max(height, 1)
    wide = max(1, round(width * scale))
    if not width or wide > WIDEST - 2 * MARGIN:
        return None
    ink = shape[top : top + height, inner : inner + width] * np.uint8(255)
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    strip = np.zeros((HEIGHT, max(NARROWEST, wide + making.left + making.right)), np.uint8)
    above = (HEIGHT - INK) // 2 + making.up
    strip[above : above + INK, making.left : making.left + wide] = cv2.resize(
        ink, (wide, INK), interpolation=smooth
    )
    return Strip(strip, times * scale, making.left - (left * times + inner - rim) * scale)


def _even_strokes(shape: Ink, making: Making, unit: float) -> Ink:
    """Thicken or thin the strokes of `shape`; `unit` is the size of a strip's pixel in it."""
    inside = cv2.distanceTransform(shape, cv2.DIST_L2, 3)
    # Across a stroke of width w the distance to its edge is w/4 + 1/2 on average.
    width = 4 * float(cv2.mean(inside, mask=shape)[0]) - 2
    wanted = min(max(width * making.pen, making.thinnest * unit), making.thickest * unit)
    change = (wanted - width) / 2
    if change < -0.5:
        return np.asarray(inside > -change).astype(np.uint8)
    if change > 0.5:
        outside = cv2.distanceTransform(1 - shape, cv2.DIST_L2, 3)
        return np.asarray(outside <= change).astype(np.uint8)
    return shape
