"""The box of each digit is where its ink is in the picture."""

import numpy as np
import pytest

from service.images.numbers.boxes import find_boxes

PLACEMENT = np.array([[2.0, 0, 100], [0, 2.0, 50]])  # a pixel of the strip is two of the picture
SIZE = 400, 200


def strip(*pieces: tuple[int, int, int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """(32, 80) with ink in boxes of left, top, right, bottom."""
    ink = np.zeros((32, 80), np.float32)
    for left, top, right, bottom in pieces:
        ink[top:bottom, left:right] = 1
    return ink


def test_a_box_holds_the_ink_of_its_digit() -> None:
    ink = strip((10, 3, 20, 29), (30, 5, 44, 25))
    boxes = find_boxes(ink, PLACEMENT, [(10, 20), (30, 44)], SIZE)
    assert boxes == [(120, 56, 20, 52), (160, 60, 28, 40)]


def test_a_stroke_that_reaches_under_its_neighbour_is_not_cut() -> None:
    """As the foot of a 2 does; the columns of the two digits end between them."""
    ink = strip((10, 3, 18, 29), (10, 26, 24, 29), (26, 3, 34, 22))
    first, second = find_boxes(ink, PLACEMENT, [(10, 22), (22, 34)], SIZE)
    assert first == (120, 56, 28, 52)
    assert second == (152, 56, 16, 38)


def test_digits_that_touch_are_divided_between_their_columns() -> None:
    ink = strip((10, 3, 40, 29))
    boxes = find_boxes(ink, PLACEMENT, [(10, 25), (25, 40)], SIZE)
    assert boxes == [(120, 56, 30, 52), (150, 56, 30, 52)]


@pytest.mark.parametrize("extent", [(50, 60), (0, 1), (79, 80)])
def test_a_digit_without_ink_has_a_box_in_the_picture(extent: tuple[int, int]) -> None:
    [(left, top, width, height)] = find_boxes(strip(), PLACEMENT, [extent], (150, 90))
    assert min(left, top) >= 0
    assert min(width, height) >= 1
    assert left + width <= 150
    assert top + height <= 90
