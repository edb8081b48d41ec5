"""Even margins around a picture: black bars, thick frames, the white page a photo is pasted on."""

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_EVEN = 24  # levels between the darkest and the lightest pixel of a margin
_JUMP = 30  # levels between a margin and the picture's own ground beside it
_DEEPEST = 0.25  # of the side; a margin is not deeper


def inside(grey: Bytes) -> tuple[slice, slice]:
    """Where in (h, w) `grey` the picture is without its margins; all of it where it has none."""
    top, bottom = _margins(np.asarray(cv2.transpose(grey), dtype=np.uint8))
    left, right = _margins(grey)
    height, width = grey.shape
    return np.s_[top : height - bottom, left : width - right]


def _margins(grey: Bytes) -> tuple[int, int]:
    """How many columns at the left and at the right are margins; both, and alike, or neither.

    One alone may be a stroke in a picture that is cut to its ink.
    """
    first, last = grey[:, 0], grey[:, -1]
    if any(int(column.max()) - int(column.min()) > _EVEN for column in (first, last)):
        return 0, 0
    left = _margin(grey)
    right = _margin(grey[:, ::-1]) if left else 0
    alike = abs(int(first.min()) - int(last.min())) <= _JUMP
    return (left, right) if right and alike else (0, 0)


def _margin(grey: Bytes) -> int:
    """How many columns at the left of (h, w) `grey` are a margin, whose first column is even."""
    width = grey.shape[1]
    columns = grey[:, : int(_DEEPEST * width) + 1]
    # OpenCV finds those of columns many times as fast as those of rows.
    lightest, darkest = (
        np.asarray(cv2.reduce(columns, 0, kind), dtype=np.uint8).ravel()
        for kind in (cv2.REDUCE_MAX, cv2.REDUCE_MIN)
    )
    low, high = int(darkest[0]), int(lightest[0])
    uneven = (lightest > low + _EVEN) | (darkest < high - _EVEN)
    depth = int(np.argmax(uneven))
    if depth == 0:
        return 0
    depth += width // 100  # the edge may be soft, where there are pixels to spare
    return depth if abs(_middle(grey[:, depth]) - _middle(grey[:, 0])) >= _JUMP else 0


def _middle(column: Bytes) -> int:
    """The median of (n,) pixels, one of them."""
    return int(np.partition(column, len(column) // 2)[len(column) // 2])
