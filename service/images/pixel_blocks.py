"""Blocks of equal pixels, as a small picture has that was enlarged by repeating its pixels.

Grids that people draw on, and digits of data sets that were made visible, come so. The stairs along
their strokes are not in the digit.
"""

import math

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8] | NDArray[np.float32]

# Blocks on a side at most. Larger: pictures whose blocks are finer than a stroke lose their edges;
# smaller: grids of that size keep their stairs.
_MOST_BLOCKS = 64
# Pixels of a picture at most. Larger: pictures that nobody enlarged cost a comparison of all their
# pixels; smaller: a grid on a large screen keeps its stairs.
_MOST_PIXELS = 1_000_000
# Rows and columns that are compared first. More cost time; fewer let more pictures pass to the
# comparison of all.
_FIRST_LINES = 4


def collapse_blocks(pixels: Pixels) -> Pixels:
    """Give one pixel for each block of (h, w) or (h, w, 3) `pixels`, if there are at most 64 x 64.

    All blocks have the same size, and each has one colour. Other pictures come back as they are.
    """
    height, width = pixels.shape[:2]
    starts_with_block = np.array_equal(pixels[:1], pixels[1:2]) and np.array_equal(
        pixels[:, :1], pixels[:, 1:2]
    )
    if not starts_with_block or height * width > _MOST_PIXELS:
        return pixels
    few = max(1, height // _FIRST_LINES), max(1, width // _FIRST_LINES)
    for rows, columns in (few, (1, 1)):
        down = _repeat_length(pixels[:, ::columns])
        across = _repeat_length(pixels[::rows].swapaxes(0, 1))
        if min(down, across) < 2 or max(height // down, width // across) > _MOST_BLOCKS:
            return pixels
    return pixels[::down, ::across]


def _repeat_length(rows: Pixels) -> int:
    """Find how many of the n `rows` (n, ...) are alike at a time."""
    differ = (rows[1:] != rows[:-1]).reshape(len(rows) - 1, -1).any(axis=1)
    return math.gcd(*(np.flatnonzero(differ) + 1).tolist(), len(rows))
