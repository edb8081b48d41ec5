"""Creases of folded paper that touch a digit, and how they are taken away."""

import cv2
import numpy as np

from service.images.arrays import Bytes, Mask
from service.images.normalising.background import square
from service.images.normalising.levels import above, quantile

# Contrast along the middle of a stroke at least, as a share of full ink's. Larger: strokes that
# fade are cut up; smaller: creases hold on to the digit.
_MIDDLE_OF_STROKE = 0.65
# Contrast of what begins beside a stroke, as a share of full ink's, above which it is the stroke
# that fades. Larger: fading strokes are creases; smaller: dark creases are strokes.
_FADES = 0.5
# Pixels: no crease is so thick. Larger: faint broad strokes are creases; smaller: creases with a
# shade beside them are strokes.
_THICK = 7
# Share of the digit that is too faint, at least, to bother. Larger: short creases stay; smaller:
# the ends of strokes are examined in every picture.
_LEAST_SHARE = 0.03


def remove_creases(contrast: Bytes, digit: Mask, level: float) -> Mask:
    """Take out of `digit` thin things that are far fainter than its ink all along.

    A stroke that fades is nearly as dark as the others where it begins to.

    Args:
        contrast: (h, w), in 255ths.
        digit: (h, w), 1 on its strokes and on creases that touch them.
        level: the contrast of full ink, in 255ths.

    """
    dark = np.asarray(
        cv2.bitwise_and(above(contrast, _MIDDLE_OF_STROKE * level), digit), dtype=np.uint8
    )
    strokes = cv2.bitwise_and(cv2.dilate(dark, square(5)), digit)
    faint = cv2.subtract(digit, strokes)
    if cv2.countNonZero(faint) < _LEAST_SHARE * cv2.countNonZero(digit) or not _is_broad(dark):
        return digit
    fades = quantile(contrast[faint > 0], 0.95) > _FADES * level
    if fades or cv2.hasNonZero(cv2.erode(faint, square(_THICK))):
        return digit
    return np.asarray(strokes, dtype=np.uint8)


# Share of the ink that is the middle of strokes three pixels wide and more. Larger: pens that are
# somewhat broader are not examined for creases; smaller: thin lines lose their fainter parts.
_BROAD = 0.1


def _is_broad(ink: Mask) -> bool:
    """Whether strokes are so broad that their contrast is the pen's all along.

    That of a line of a pixel or two depends on how it lies among the pixels.
    """
    middle = cv2.erode(ink, square(3))
    return cv2.countNonZero(middle) > _BROAD * cv2.countNonZero(ink)
