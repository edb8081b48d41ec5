"""Even margins around a picture: black bars, thick frames, the white page a photo is pasted on."""

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_EVEN = 24  # levels between the darkest and the lightest pixel of a margin
_JUMP = 30  # levels between a margin and the picture's own ground beside it
_SAME = 0.3  # of what is inside; ink that is as dark as black bars covers less of it
_DEEPEST = 0.25  # of the side; a margin is not deeper


def inside(grey: Bytes) -> tuple[slice, slice]:
    """Where in (h, w) `grey` the picture is without its margins; all of it where it has none."""
    height, width = grey.shape
    left, right = _margins(grey)
    between = cv2.transpose(grey[:, left : width - right])
    top, bottom = _margins(np.asarray(between, dtype=np.uint8))
    if top and not left:  # two bars of a frame end at the others, which may be of another shade
        left, right = _margins(grey[top : height - bottom])
    window = np.s_[top : height - bottom, left : width - right]
    if (top > 0) != (left > 0):
        rest = grey[window] if left else grey[window].T
        if _is_cut(rest, int(grey[0, 0])):
            return np.s_[:, :]
    return window


def _is_cut(rest: Bytes, tone: int) -> bool:
    """Whether margins at two sides of the `rest` are the ground of a digit that meets the others.

    Args:
        rest: (h, w), the margins at its left and right taken away.
        tone: that of the margins.

    """
    if _is_even(rest[0]) and _is_even(rest[-1]):
        return False  # the other two sides of a frame
    low, high = max(0, tone - _EVEN), min(255, tone + _EVEN)
    return cv2.countNonZero(cv2.inRange(rest, low, high)) > _SAME * rest.size


def _is_even(line: Bytes) -> bool:
    return int(line.max()) - int(line.min()) <= _EVEN


def _margins(grey: Bytes) -> tuple[int, int]:
    """How many columns at the left and at the right are margins; both, or neither.

    One alone may be a stroke in a picture that is cut to its ink, and one darker than the picture
    and one lighter are its light.
    """
    first, last = grey[:, 0], grey[:, -1]
    if not (_is_even(first) and _is_even(last)):
        return 0, 0
    left = _margin(grey)
    right = _margin(grey[:, ::-1]) if left else 0
    if not right:
        return 0, 0
    darker = [
        _middle(margin) < _middle(beside)
        for margin, beside in ((first, grey[:, left]), (last, grey[:, -1 - right]))
    ]
    return (left, right) if darker[0] == darker[1] else (0, 0)


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
