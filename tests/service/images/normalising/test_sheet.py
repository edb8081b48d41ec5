"""A digit on a note, a canvas or a sheet, with other things around, is what is read."""

import cv2
import numpy as np
import pytest

from service.images.normalising.sheet import find_sheet
from tests.support.pictures.drawings import DIGITS, Bytes, canvas, likeness, read

SIZE = (360, 480)


def desk(level: float) -> Bytes:
    """A background (360, 480, 3) with some grain."""
    grain = np.random.default_rng(0).normal(0, 4, (*SIZE, 1))
    return np.asarray(np.clip(grain + np.array((10, 0, -10)) + level, 0, 255), dtype=np.uint8)


def lay(sheet: Bytes, desk: Bytes, corners: list[tuple[int, int]]) -> Bytes:
    """`desk` with `sheet` (300, 300) on it, its corners (x, y) at those, from its top left on."""
    own = np.array([(0, 0), (300, 0), (300, 300), (0, 300)], np.float32)
    matrix = cv2.getPerspectiveTransform(own, np.array(corners, np.float32))
    coloured = cv2.cvtColor(sheet, cv2.COLOR_GRAY2RGB) if sheet.ndim == 2 else sheet
    laid = cv2.warpPerspective(coloured, matrix, SIZE[::-1])
    covered = cv2.warpPerspective(np.ones((300, 300), np.uint8), matrix, SIZE[::-1])
    return np.where(covered[..., np.newaxis] > 0, laid, desk)


UPRIGHT = [(150, 80), (330, 80), (330, 260), (150, 260)]
ASKEW = [(160, 70), (340, 95), (315, 275), (140, 255)]
LARGE = [(90, 20), (400, 30), (390, 340), (80, 330)]


@pytest.mark.parametrize("name", DIGITS)
@pytest.mark.parametrize("corners", [UPRIGHT, ASKEW, LARGE])
@pytest.mark.parametrize("level", [60, 110])
def test_a_sheet_on_a_desk_is_read(level: float, corners: list[tuple[int, int]], name: str) -> None:
    reading = read(lay(DIGITS[name], desk(level), corners))
    assert reading.finding is None
    assert likeness(reading.rows, read(DIGITS[name]).rows) > 0.85


@pytest.mark.parametrize("name", DIGITS)
def test_a_dark_canvas_on_a_light_page_is_read(name: str) -> None:
    page = lay(255 - DIGITS[name], desk(240), UPRIGHT)
    cv2.putText(page, "Draw a digit", (140, 50), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (30, 30, 30), 2)
    page[300:330, 150:220] = page[300:330, 260:330] = 40, 110, 200
    reading = read(page)
    assert reading.finding is None
    assert likeness(reading.rows, read(DIGITS[name]).rows) > 0.9


def test_a_ring_on_a_note_is_not_taken_for_what_it_encloses() -> None:
    ring = canvas(
        [(150, 70), (195, 110), (195, 190), (150, 230), (105, 190), (105, 110), (150, 70)]
    )
    reading = read(lay(ring, desk(60), UPRIGHT))
    assert likeness(reading.rows, read(ring).rows) > 0.9


def test_a_coloured_note_keeps_its_own_ink_colour() -> None:
    note = np.full((300, 300, 3), (250, 225, 90), np.uint8)
    note[DIGITS["five"] < 128] = 190, 60, 60
    reading = read(lay(note, desk(80), ASKEW))
    assert likeness(reading.rows, read(DIGITS["five"]).rows) > 0.85


@pytest.mark.parametrize("colour", [(60, 45, 40), (205, 160, 135)])
@pytest.mark.parametrize("end", [(150, 300), (0, 150), (300, 60)])
def test_a_finger_over_the_edge_is_not_the_digit(
    end: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    sheet = cv2.cvtColor(cv2.resize(DIGITS["five"], (180, 180)), cv2.COLOR_GRAY2RGB)
    pixels = np.full((300, 300, 3), 245, np.uint8)
    pixels[60:240, 60:240] = np.minimum(sheet, 245)
    inner = tuple(round(0.6 * at + 0.4 * 150) for at in end)
    cv2.line(pixels, end, inner, colour, 30, cv2.LINE_AA)
    reading = read(pixels)
    assert reading.finding is None
    assert likeness(reading.rows, read(DIGITS["five"]).rows) > 0.9


def test_a_bar_across_a_portrait_screenshot_does_not_take_that_of_a_seven() -> None:
    screen = np.full((800, 480), 255, np.uint8)
    seven = np.array([(66, 200), (414, 200), (240, 620)], np.int32)
    cv2.polylines(screen, [seven], False, 0, 12, cv2.LINE_AA)
    alone = read(screen).rows
    screen[-12:] = 60
    assert likeness(read(screen).rows, alone) > 0.95


@pytest.mark.parametrize("name", DIGITS)
def test_digits_and_shadows_are_no_sheets(name: str) -> None:
    assert find_sheet(DIGITS[name]) is None
    shaded = DIGITS[name].astype(np.float32)
    shaded *= 0.5 + 0.5 / (1 + np.exp((np.arange(300, dtype=np.float32) - 150) / 8))
    assert find_sheet(np.asarray(shaded, dtype=np.uint8)) is None


def test_the_fields_of_a_form_are_no_sheets() -> None:
    form = np.full((300, 300), 255, np.uint8)
    for left in range(10, 290, 70):
        for top in range(10, 290, 70):
            cv2.rectangle(form, (left, top), (left + 60, top + 60), 120, -1)
    assert find_sheet(form) is None
