"""Even margins around a picture: black bars, thick frames, the white page a photo is pasted on."""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_EVEN = 24  # levels between the darkest and the lightest pixel of a margin
_JUMP = 30  # levels between a margin and the picture's own ground beside it
_DEEPEST = 0.25  # of the side; a margin is not deeper


def inside(grey: Bytes) -> tuple[slice, slice]:
    """Where in (h, w) `grey` the picture is without its margins; all of it where it has none."""
    top, bottom = _margins(grey)
    left, right = _margins(grey.T)
    height, width = grey.shape
    return np.s_[top : height - bottom, left : width - right]


def _margins(grey: Bytes) -> tuple[int, int]:
    """How many rows at the top and at the bottom are margins; both are, and alike, or neither.

    One alone may be a stroke in a picture that is cut to its ink.
    """
    if any(int(row.max()) - int(row.min()) > _EVEN for row in (grey[0], grey[-1])):
        return 0, 0
    lows, highs = grey.min(axis=1).astype(int), grey.max(axis=1).astype(int)
    depths = []
    for low, high, rows in ((lows, highs, grey), (lows[::-1], highs[::-1], grey[::-1])):
        even = (high - low[0] <= _EVEN) & (high[0] - low <= _EVEN)
        depth = 0 if even.all() else int(np.argmin(even))
        if not 0 < depth <= _DEEPEST * len(rows):
            return 0, 0
        depth += len(rows) // 100  # the edge may be soft, where there are pixels to spare
        if abs(_middle(rows[depth]) - _middle(rows[0])) < _JUMP:
            return 0, 0
        depths.append(depth)
    return (depths[0], depths[1]) if abs(lows[0] - lows[-1]) <= _JUMP else (0, 0)


def _middle(row: Bytes) -> int:
    """The median of (n,) pixels, one of them."""
    return int(np.partition(row, len(row) // 2)[len(row) // 2])
