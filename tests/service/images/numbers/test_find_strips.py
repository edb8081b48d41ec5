"""Lines of digits are found in pictures of any kind, and drawn as strips."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.transcription import HEIGHT
from service.images.numbers.find_strips import find_strips
from service.images.numbers.strip import Strip
from service.images.picture import Picture
from tests.support.pictures.drawings import write
from tests.support.pictures.painting import folds, light_from_a_side, ruling, shadow

Bytes = NDArray[np.uint8]


def strips_of(pixels: NDArray[np.generic]) -> list[Strip]:
    return find_strips(Picture(np.asarray(pixels, np.uint8), 255), 1)[0]


def finding_of(pixels: NDArray[np.generic]) -> str | None:
    return find_strips(Picture(np.asarray(pixels, np.uint8), 255), 1)[1]


def parts(strip: Strip) -> int:
    """How many pieces of ink stand on a strip."""
    return int(cv2.connectedComponents((strip.ink > 0.5).astype(np.uint8))[0]) - 1


NUMBER = write("7517", tall=80)  # each of the four digits is one piece
PAPER = np.asarray(NUMBER * (200 / 255), np.uint8)
RANDOM = np.random.default_rng(0)
SIZE = PAPER.shape[0], PAPER.shape[1]


def test_a_strip_is_as_the_reader_of_lines_learned_it() -> None:
    [strip] = strips_of(NUMBER)
    assert strip.ink.dtype == np.float32
    assert strip.ink.shape[0] == HEIGHT
    inked = np.flatnonzero(strip.ink.any(axis=0))
    assert (inked[0], strip.ink.shape[1] - 1 - inked[-1]) == (8, 8)
    rows = np.flatnonzero(strip.ink.any(axis=1))
    assert (rows[0], rows[-1]) == (3, 28)
    assert (strip.ink.min(), strip.ink.max()) == (0, 1)
    assert parts(strip) == 4


def test_a_place_in_a_strip_is_found_in_the_picture() -> None:
    [strip] = strips_of(NUMBER)
    ys, xs = np.nonzero(NUMBER < 128)
    corners = np.array([[8, 3, 1], [strip.ink.shape[1] - 8, 29, 1]]) @ strip.placement.T
    assert corners == pytest.approx(
        np.array([[xs.min(), ys.min()], [xs.max() + 1, ys.max() + 1]]), abs=2
    )


@pytest.mark.parametrize(
    "picture",
    [
        255 - NUMBER,
        PAPER * light_from_a_side(SIZE, RANDOM, 0.4),
        PAPER * shadow(SIZE, RANDOM, 0.5),
        PAPER * folds(SIZE, RANDOM),
        np.clip(PAPER + RANDOM.normal(0, 12, SIZE), 0, 255),
        np.minimum(PAPER, 255 - 90 * ruling(SIZE, RANDOM, squared=True)),
        cv2.resize(NUMBER, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA),
        cv2.resize(NUMBER, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC),
        np.pad(PAPER, ((300, 200), (100, 900)), constant_values=200),
    ],
    ids=["light", "lamp", "shadow", "folds", "noise", "squared", "small", "large", "corner"],
)
def test_the_digits_are_found_on_any_paper(picture: NDArray[np.generic]) -> None:
    [strip] = strips_of(picture)
    assert parts(strip) == 4


def test_a_sloping_line_is_drawn_level() -> None:
    height, width = SIZE
    page = cv2.copyMakeBorder(PAPER, 90, 90, 10, 10, cv2.BORDER_CONSTANT, value=(200, 0, 0, 0))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2 + 90), 9, 1)
    turned = cv2.warpAffine(page, turn, page.shape[::-1], borderValue=(200, 0, 0, 0))
    [level], [strip] = strips_of(PAPER), strips_of(np.asarray(turned))
    assert strip.ink.shape[1] == pytest.approx(level.ink.shape[1], rel=0.12)


def test_lines_come_from_top_to_bottom() -> None:
    strips = strips_of(write("7", "1757", "57", tall=60))
    assert [parts(strip) for strip in strips] == [1, 4, 2]


def test_more_than_three_lines_are_no_number() -> None:
    assert finding_of(write("75", "57", "17", "71", tall=50)) == "not_a_number"


def test_a_line_that_no_strip_can_hold_is_no_number() -> None:
    line = np.hstack([write("7777777777", tall=30)] * 7)
    assert finding_of(line) == "not_a_number"


@pytest.mark.parametrize("level", [0, 128, 255])
def test_even_pictures_are_blank(level: int) -> None:
    assert finding_of(np.full((40, 200), level)) == "blank"


@pytest.mark.parametrize("seed", [0, 2])
def test_light_that_falls_on_empty_paper_is_no_digit(seed: int) -> None:
    """No number is read where paper gets dark towards its border."""
    random = np.random.default_rng(seed)
    light = light_from_a_side((240, 200), random, 0.3) ** 3
    assert strips_of(np.clip(235 * light + random.normal(0, 2, light.shape), 0, 255)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (3, 9), (5, 2000)])
def test_pictures_of_any_shape_are_read(shape: tuple[int, int]) -> None:
    """No picture raises, whatever is in it."""
    noise = np.random.default_rng(1).integers(0, 256, shape)
    for pixels in (noise, np.indices(shape).sum(axis=0) % 2 * 255, np.zeros(shape)):
        assert len(strips_of(pixels)) <= 3


def test_cells_of_a_form_are_taken_away() -> None:
    cells = PAPER.copy()
    height, width = SIZE
    for at in range(5):
        cv2.line(cells, (at * (width - 2) // 4, 2), (at * (width - 2) // 4, height - 3), 90, 2)
    for row in (2, height - 3):
        cv2.line(cells, (0, row), (width - 1, row), 90, 2)
    page = np.pad(cells, 30, constant_values=200)
    [strip] = strips_of(page)
    assert parts(strip) == 4


def test_a_stroke_of_the_pen_that_is_as_faint_as_the_form_is_kept() -> None:
    form = np.full((140, 340), 200, np.uint8)
    for left in range(20, 300, 75):
        cv2.rectangle(form, (left, 20), (left + 75, 120), 120, 3)
        cv2.line(form, (left + 20, 45), (left + 50, 45), 20, 8)
        cv2.line(form, (left + 50, 45), (left + 35, 95), 20, 8)
    form[70:110, 245:320] = np.where(form[70:110, 245:320] < 30, 115, form[70:110, 245:320])
    [strip] = strips_of(form)
    assert strip.ink[24:, -25:].max() == 1


def _form(cells: int, shade: int = 20) -> Bytes:
    """Cells side by side, 70 x 100 from (20, 20) on, whose lines are four pixels thick."""
    form = np.full((140, 40 + 70 * cells), 230, np.uint8)
    for at in range(cells):
        cv2.rectangle(form, (20 + 70 * at, 20), (90 + 70 * at, 120), shade, 4)
    return form


def test_a_one_as_tall_as_its_cell_is_no_print() -> None:
    form = _form(3)
    cv2.ellipse(form, (55, 70), (15, 30), 0, 0, 360, 20, 6)
    cv2.rectangle(form, (122, 26), (128, 114), 20, cv2.FILLED)
    cv2.ellipse(form, (195, 70), (15, 30), 0, 0, 360, 20, 6)
    [strip] = strips_of(form)
    assert parts(strip) == 3


def test_the_bar_of_a_digit_that_fills_its_cell_is_no_print() -> None:
    form = _form(3)
    cv2.ellipse(form, (55, 70), (15, 30), 0, 0, 360, 20, 6)
    cv2.line(form, (96, 50), (160, 50), 20, 8)
    cv2.line(form, (154, 50), (125, 108), 20, 8)
    cv2.ellipse(form, (195, 70), (15, 30), 0, 0, 360, 20, 6)
    [strip] = strips_of(form)
    seven = strip.ink[:, (strip.ink.shape[1] // 2 - 10) : (strip.ink.shape[1] // 2 + 10)]
    assert (seven[:14] > 0.5).any(axis=0).sum() > 15


def test_cells_whose_outline_is_partly_faint_are_taken_away_with_no_digit() -> None:
    form = np.full((104, 640), 230, np.uint8)
    for left in range(4, 630, 70):
        cv2.rectangle(form, (left, 1), (left + 60, 102), 175, 2)
        form[:, left - 1 : left + 2] = form[:, left + 59 : left + 62] = 140
        cv2.ellipse(form, (left + 30, 52), (15, 30), 0, 0, 360, 20, 9)
    [strip] = strips_of(form)
    assert parts(strip) == 9


def test_a_cell_with_a_thin_digit_is_not_read_alone_because_fat_ones_fill_the_others() -> None:
    form = np.full((244, 834), 231, np.uint8)
    for left in range(67, 750, 100):
        cv2.rectangle(form, (left, 67), (left + 85, 178), 30, 3)
        width = 6 if left > 660 else 24
        cv2.polylines(
            form, [np.array([(left + 25, 95), (left + 60, 95), (left + 40, 150)])], False, 30, width
        )
    [strip] = strips_of(form)
    assert parts(strip) == 7


def test_a_thin_digit_on_ruled_paper_is_kept_whole() -> None:
    page = np.full((200, 400), 230, np.uint8)
    for row in range(10, 200, 30):
        page[row : row + 2] = 140
    for left in (60, 160, 340):
        cv2.ellipse(page, (left, 100), (22, 40), 0, 0, 360, 30, 9, cv2.LINE_AA)
    for start, end, shade in ((60, 90, 30), (90, 120, 110), (120, 140, 30)):
        cv2.line(page, (250, start), (250, end), shade, 5)
    [strip] = strips_of(page)
    one = strip.ink[:, 65:78]
    assert (one > 0.5).any(axis=1).sum() > 20


def test_a_thin_digit_alone_on_its_line_is_read() -> None:
    page = np.full((200, 460), 255, np.uint8)
    for left in range(30, 430, 70):
        cv2.ellipse(page, (left + 20, 55), (18, 28), 0, 0, 360, 0, 9)
    cv2.line(page, (60, 120), (60, 165), 0, 5)
    assert [parts(strip) for strip in strips_of(page)] == [6, 1]


def test_a_thin_digit_that_touches_a_fat_one_is_kept() -> None:
    page = np.full((160, 260), 255, np.uint8)
    cv2.ellipse(page, (90, 80), (32, 45), 0, 0, 360, 0, 30)
    cv2.line(page, (130, 60), (190, 25), 0, 5, cv2.LINE_AA)
    cv2.line(page, (190, 25), (165, 135), 0, 5, cv2.LINE_AA)
    [strip] = strips_of(page)
    right = round(8 + (165 - 43) * 26 / 120)  # the column of the thin digit's foot
    assert strip.ink[22:28, right - 3 : right + 4].max(axis=1).min() > 0.3


def test_creases_through_digits_are_taken_off_them() -> None:
    page = np.pad(np.asarray(NUMBER * (200 / 255), np.uint8), 40, constant_values=200)
    height = page.shape[0]
    creased = page.copy()
    for at in (90, 160):
        cv2.line(creased, (at, 0), (at + 40, height), 130, 2, cv2.LINE_AA)
    [clean], [strip] = strips_of(page), strips_of(np.minimum(page, creased))
    assert parts(strip) == 4
    assert strip.ink.shape[1] == pytest.approx(clean.ink.shape[1], rel=0.05)


def test_the_number_on_a_sheet_is_read_and_the_desk_is_not() -> None:
    desk = np.full((420, 560), 60, np.uint8)
    sheet = np.pad(PAPER, 30, constant_values=200)
    desk[120 : 120 + sheet.shape[0], 100 : 100 + sheet.shape[1]] = sheet
    [strip] = strips_of(desk)
    assert parts(strip) == 4
    left, top = (strip.placement @ [8, 3, 1]).tolist()
    assert left == pytest.approx(130 + np.nonzero(NUMBER < 128)[1].min(), abs=4)
    assert top == pytest.approx(150 + np.nonzero(NUMBER < 128)[0].min(), abs=4)
