"""What surrounds a picture: black bars, thick frames, the page a photo is pasted on, tool bars."""

import cv2
import numpy as np

from service.images.arrays import Bytes
from service.images.normalising.canvas import find_canvas

# Levels between the darkest and the lightest pixel of a margin. Larger: paper with a slight shade
# is taken for a margin; smaller: the noise of a JPEG ends one.
_EVEN_LEVELS = 24


def find_content(grey: Bytes) -> tuple[slice, slice]:
    """Find the rows and columns of (h, w) `grey` inside its margins; all where it has none."""
    height, width = grey.shape
    left, right = _side_margins(grey)
    between = cv2.transpose(grey[:, left : width - right])
    top, bottom = _side_margins(np.asarray(between, dtype=np.uint8))
    if top and not left:  # two bars of a frame end at the others, which may be of another shade
        left, right = _side_margins(grey[top : height - bottom])
    window = np.s_[top : height - bottom, left : width - right]
    if (top > 0) != (left > 0):
        content = grey[window] if left else grey[window].T
        if _is_cut_digit(content, int(grey[0, 0])):
            return np.s_[:, :]
    return window if (top, left) != (0, 0) else find_canvas(grey)


# Share of the content that may have the margins' shade. Larger: margins beside a narrow digit's own
# background are cut off; smaller: black bars stay if much of the ink is as dark as they are.
_SAME_SHADE = 0.3


def _is_cut_digit(content: Bytes, shade: int) -> bool:
    """Whether margins at two sides are the background of a digit that meets the other two sides.

    Args:
        content: (h, w), the margins at its left and right taken away.
        shade: the margins' grey level.

    """
    if _is_even(content[0]) and _is_even(content[-1]):
        return False  # the other two sides of a frame
    low, high = max(0, shade - _EVEN_LEVELS), min(255, shade + _EVEN_LEVELS)
    return cv2.countNonZero(cv2.inRange(content, low, high)) > _SAME_SHADE * content.size


def _side_margins(grey: Bytes) -> tuple[int, int]:
    """Count the columns of the margins at the left and at the right of (h, w) `grey`.

    There are both or neither: one alone may be a stroke in a picture that is cut to its ink, and
    one darker than the picture beside one lighter are its light.
    """
    first, last = grey[:, 0], grey[:, -1]
    if not (_is_even(first) and _is_even(last)):
        return 0, 0
    left = _left_margin(grey)
    right = _left_margin(grey[:, ::-1]) if left else 0
    if not right:
        return 0, 0
    is_darker = [
        _median(margin) < _median(beside)
        for margin, beside in ((first, grey[:, left]), (last, grey[:, -1 - right]))
    ]
    return (left, right) if is_darker[0] == is_darker[1] else (0, 0)


def _is_even(line: Bytes) -> bool:
    """Whether (n,) pixels have about one grey level."""
    return int(line.max()) - int(line.min()) <= _EVEN_LEVELS


# Depth of a margin at most, as a share of the side. Larger: half of a picture beside one stroke is
# a margin; smaller: the thickest frames stay.
_DEEPEST = 0.25
# Levels between a margin and the content beside it. Larger: grey frames on grey paper stay;
# smaller: uneven light is a margin.
_STEP_LEVELS = 30


def _left_margin(grey: Bytes) -> int:
    """Count the columns of the margin at the left of (h, w) `grey`, whose first column is even."""
    width = grey.shape[1]
    columns = grey[:, : int(_DEEPEST * width) + 1]
    # OpenCV finds the extremes of columns many times as fast as those of rows.
    lightest, darkest = (
        np.asarray(cv2.reduce(columns, 0, kind), dtype=np.uint8).ravel()
        for kind in (cv2.REDUCE_MAX, cv2.REDUCE_MIN)
    )
    low, high = int(darkest[0]), int(lightest[0])
    uneven = (lightest > low + _EVEN_LEVELS) | (darkest < high - _EVEN_LEVELS)
    depth = int(np.argmax(uneven))
    if depth == 0:
        return 0
    depth += width // 100  # the edge may be soft, where there are pixels to spare
    return depth if abs(_median(grey[:, depth]) - _median(grey[:, 0])) >= _STEP_LEVELS else 0


def _median(column: Bytes) -> int:
    """The upper median of (n,) pixels."""
    return int(np.partition(column, len(column) // 2)[len(column) // 2])
