"""The generators of pictures: every kind, any source, the same for the same seed."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.support.pictures.damaged_pictures import KINDS, draw
from tests.support.pictures.penned_pictures import (
    DIGIT_KINDS,
    OTHER_KINDS,
    draw_digit,
    draw_other,
)
from tests.support.published import picture


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_alike_for_the_same_seed(kind: str) -> None:
    data = draw(kind, picture(4), 7)
    assert data == draw(kind, picture(4), 7)
    with Image.open(io.BytesIO(data)) as image:
        assert np.ptp(np.asarray(image)) > 20
    if kind not in ("light_on_dark", "own_size"):  # which are drawn with hardly any chance
        assert data != draw(kind, picture(4), 8)


@pytest.mark.parametrize("kind", KINDS)
def test_eight_by_eight_is_enough(kind: str) -> None:
    digit = np.zeros((8, 8))
    digit[1:7, 3:5] = 16
    with Image.open(io.BytesIO(draw(kind, digit, 0))) as image:
        assert min(image.size) >= (8 if kind == "own_size" else 16)


@pytest.mark.parametrize("kind", DIGIT_KINDS)
def test_every_kind_of_pen_draws_alike_for_the_same_seed(kind: str) -> None:
    data = draw_digit(kind, 4, 7)
    assert data == draw_digit(kind, 4, 7)
    assert data != draw_digit(kind, 4, 8)
    assert data != draw_digit(kind, 5, 7)


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_what_is_no_digit_is_drawn_alike_for_the_same_seed(kind: str) -> None:
    data = draw_other(kind, 7)
    assert data == draw_other(kind, 7)
    assert data != draw_other(kind, 8)
