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
    top = _margin(grey)
    bottom = _margin(grey[::-1]) if top else 0
    alike = abs(int(grey[0].min()) - int(grey[-1].min())) <= _JUMP
    return (top, bottom) if bottom and alike else (0, 0)


def _margin(grey: Bytes) -> int:
    """How many rows at the top of (h, w) `grey` are a margin, whose first row is even."""
    deepest = int(_DEEPEST * len(grey))
    rows = grey[: deepest + 1]
    low, high = int(grey[0].min()), int(grey[0].max())
    uneven = (rows.max(axis=1) > low + _EVEN) | (rows.min(axis=1) < high - _EVEN)
    depth = int(np.argmax(uneven))
    if depth == 0:
        return 0
    depth += len(grey) // 100  # the edge may be soft, where there are pixels to spare
    return depth if abs(_middle(grey[depth]) - _middle(grey[0])) >= _JUMP else 0


def _middle(row: Bytes) -> int:
    """The median of (n,) pixels, one of them."""
    return int(np.partition(row, len(row) // 2)[len(row) // 2])
