"""Whether what was taken for a digit's ink is a sheet of paper, or lies beside one."""

import cv2
import numpy as np

from service.images.arrays import Bytes, Mask
from service.images.normalising.ink import Ink
from service.images.normalising.sheet import LEAST_STEP, erode, find_quadrangle

# Share of both sides of the picture that ink spans. Larger: a sheet that nearly fills the picture
# passes for a digit; smaller: digits that pictures are cut to are doubted, which costs time.
_FILLS = 0.95


def may_be_sheet(grey: Bytes, ink: Ink) -> bool:
    """Whether `ink`, found in (h, w) `grey`, may be a sheet or parts of one.

    It takes a tenth of the time in which a sheet is found.
    """
    mask = ink.mask
    if ink.finding is not None or _is_hole(grey, mask):
        return True
    _, _, width, height = cv2.boundingRect(mask)
    if min(width / mask.shape[1], height / mask.shape[0]) > _FILLS:
        corners = sum(int(mask[y, x]) for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1)))
        return corners > 2  # with fewer, it is a digit that the picture is cut to
    if any(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1])):
        return True
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=cv2.contourArea)
    return find_quadrangle(np.asarray(outline, dtype=np.int32), mask.shape) is not None


def _is_hole(grey: Bytes, ink: Mask) -> bool:
    """Whether `ink` (h, w) is as light as what lies around it in `grey`.

    So is the inside of a 0 on a light sheet, taken for light ink because the desk is dark.
    """
    left, top, width, height = cv2.boundingRect(ink)
    margin = 3 + max(width, height) // 2
    rows, columns = (
        slice(max(0, start - margin), start + length + margin)
        for start, length in ((top, height), (left, width))
    )
    window = grey[rows, columns]
    around = np.concatenate((window[0], window[-1], window[:, 0], window[:, -1]))
    middle = np.partition(around, len(around) // 2)[len(around) // 2]
    return abs(float(middle) - cv2.mean(grey, ink)[0]) < LEAST_STEP


# Share of the picture that a sheet covers from which on what lies beside it is not the digit.
# Larger: things on the desk are digits; smaller: a digit beside a label is passed over.
_LARGE = 0.2
# Share of the ink that is on the sheet's rim from which on it belongs to that. Larger: a rim taken
# for ink is a digit; smaller: strokes that reach the rim are doubted.
_ON_RIM = 0.12
# Share of both of the sheet's sides that a thing spans which is the sheet itself. Larger: sheets
# that were found a little smaller are digits; smaller: digits that fill their sheet are sheets.
_WHOLE_SHEET = 0.85


def is_of_sheet(sheet: Mask, grey: Bytes, ink: Ink) -> bool:
    """Whether `ink` is the `sheet` itself or lies beside it, and is not the digit on it.

    Args:
        sheet: (h, w), from `find_sheet`.
        grey: (h, w), in which both were found.
        ink: what may be a sheet.

    """
    if _is_hole(grey, ink.mask):
        return True
    total = cv2.countNonZero(ink.mask)
    if 2 * cv2.countNonZero(cv2.bitwise_and(ink.mask, sheet)) < total:
        return cv2.countNonZero(sheet) > _LARGE * sheet.size
    inner = erode(sheet, max(3, max(sheet.shape) // 40) | 1, beyond=1)
    on_rim = cv2.countNonZero(cv2.subtract(ink.mask, inner)) > _ON_RIM * total
    if on_rim or ink.finding is not None:  # others may lie beside the sheet
        return True
    _, _, *whole = cv2.boundingRect(sheet)
    _, _, *box = cv2.boundingRect(ink.mask)
    return all(part > _WHOLE_SHEET * side for part, side in zip(box, whole, strict=True))
