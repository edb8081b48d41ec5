"""Small pictures that were enlarged by repeating their pixels, brought back to their own size.

Grids that are drawn on, and digits of data sets that were made visible, come so. The stairs along
their strokes are not in the digit.
"""

import math

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8] | NDArray[np.float32]

_MOST = 64  # blocks on a side; those of larger pictures are finer than any stroke
_LARGEST = 1_000_000  # pixels; nobody enlarges so little to more
_FEW = 4  # rows and columns that tell of nearly every picture that it has no blocks


def undo(pixels: Pixels) -> Pixels:
    """One pixel of each block of (h, w) or (h, w, 3) `pixels`, if that are at most 64 x 64 blocks.

    All blocks have the same size, and each has one colour. Other pictures come back as they are.
    """
    height, width = pixels.shape[:2]
    begin = np.array_equal(pixels[:1], pixels[1:2]) and np.array_equal(
        pixels[:, :1], pixels[:, 1:2]
    )
    if not begin or height * width > _LARGEST:
        return pixels
    for rows, columns in ((max(1, height // _FEW), max(1, width // _FEW)), (1, 1)):
        down, across = _size(pixels[:, ::columns]), _size(pixels[::rows].swapaxes(0, 1))
        if min(down, across) < 2 or max(height // down, width // across) > _MOST:
            return pixels
    return pixels[::down, ::across]


def _size(rows: Pixels) -> int:
    """How many of the n `rows` (n, ...) are alike at a time."""
    differ = (rows[1:] != rows[:-1]).reshape(len(rows) - 1, -1).any(axis=1)
    return math.gcd(*(np.flatnonzero(differ) + 1).tolist(), len(rows))
