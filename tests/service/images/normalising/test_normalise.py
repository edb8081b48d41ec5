"""From pixels to rows: what a person sees in a picture, the model gets to see."""

import io
import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from service.images.normalising.normalise import Reading, normalise
from service.images.picture import Picture
from service.images.read_image import read_image
from tests.support.pictures.damaged_pictures import KINDS, draw
from tests.support.pictures.drawings import (
    DIGITS,
    FIVE,
    FOUR,
    ONE,
    SEVEN,
    Bytes,
    Floats,
    canvas,
    likeness,
    read,
)
from tests.support.pictures.painting import encode
from tests.support.pictures.penned_pictures import draw_digit, draw_other
from tests.support.project import ROOT

SHEET = ROOT / "docs" / "pairs.png"
LIMIT = 10_000_000


def small(pixels: Bytes) -> Bytes:
    """A drawing as the 28 x 28 that the generator draws from."""
    inverted = cv2.bitwise_not(pixels)
    return np.asarray(cv2.resize(inverted, (28, 28), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def cut_to(pixels: Bytes) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the ink in a drawing."""
    left, top, width, height = cv2.boundingRect((pixels < 128).view(np.uint8))
    return left, top, left + width, top + height


def assert_mnist_like(rows: Floats) -> None:
    assert rows.shape == (28, 28)
    assert rows.dtype == np.float32
    assert rows.min() == 0
    assert 0.9 < rows.max() <= 1
    box = cv2.boundingRect((rows > 0).astype(np.uint8))
    assert max(box[2:]) == 20
    total = rows.sum()
    for axis in (0, 1):
        assert rows.sum(axis=axis) @ np.arange(28) / total == pytest.approx(14, abs=0.51)


@pytest.mark.mnist
def test_mnist_passes_bit_for_bit(mnist_root: Path) -> None:
    from training.data import mnist

    for pixels in mnist.load(mnist_root).test.images.numpy():
        rows = read(pixels).rows
        np.testing.assert_array_equal(rows, pixels / np.float32(255))


def test_what_is_made_as_mnist_was_passes_bit_for_bit_from_any_file() -> None:
    made = np.asarray(np.rint(read(DIGITS["five"]).rows * 200), dtype=np.uint8)
    for image in (Image.fromarray(made), Image.fromarray(made).convert("RGB")):
        file = io.BytesIO()
        image.save(file, "PNG")
        reading = read_image(file.getvalue(), LIMIT)
        assert reading.finding is None
        np.testing.assert_array_equal(reading.rows, made / np.float32(255))


@pytest.mark.parametrize("name", DIGITS)
def test_a_drawing_is_fitted_and_centred_as_mnist_was(name: str) -> None:
    reading = read(DIGITS[name])
    assert reading.finding is None
    assert_mnist_like(reading.rows)
    grey = reading.rows[(reading.rows > 0) & (reading.rows < 1)]
    assert len(grey) > 20, "edges are antialiased"


@pytest.mark.parametrize("name", DIGITS)
def test_polarity_does_not_matter(name: str) -> None:
    np.testing.assert_allclose(read(255 - DIGITS[name]).rows, read(DIGITS[name]).rows, atol=0.1)


@pytest.mark.parametrize("side", [8, 12, 20, 28, 40, 64, 150, 600, 1200])
def test_size_does_not_matter(side: int) -> None:
    for pixels in DIGITS.values():
        shape = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
        rows = read(np.asarray(shape, dtype=np.uint8)).rows
        assert likeness(rows, read(pixels).rows) > (0.93 if side > 12 else 0.8)


@pytest.mark.parametrize("shift", [(-80, -50), (70, 50), (0, 55)])
def test_place_does_not_matter(shift: tuple[int, int]) -> None:
    moved = np.roll(DIGITS["seven"], shift, (1, 0))
    np.testing.assert_allclose(read(moved).rows, read(DIGITS["seven"]).rows, atol=0.35)


def test_a_small_digit_in_a_large_picture_keeps_its_detail() -> None:
    page = np.full((1500, 2000), 255, np.uint8)
    page[900:960, 400:460] = cv2.resize(DIGITS["five"], (60, 60), interpolation=cv2.INTER_AREA)
    assert likeness(read(page).rows, read(DIGITS["five"]).rows) > 0.95


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("width", [14, 28])
@pytest.mark.parametrize("name", DIGITS)
def test_a_picture_cut_to_its_digit_is_read(name: str, width: int, value: int) -> None:
    strokes = {"five": [FIVE], "seven": [SEVEN], "four": [*FOUR]}[name]
    whole = canvas(*strokes, width=width)
    left, top, right, bottom = cut_to(whole)
    cut = whole[top:bottom, left:right] ^ np.uint8(value)
    assert likeness(read(cut).rows, read(whole).rows) > 0.9


def test_a_digit_that_leaves_hardly_any_even_background_is_read() -> None:
    upper = [(150, 150), (110, 110), (150, 60), (190, 110), (150, 150)]
    lower = [(100, 200), (150, 245), (200, 200), (150, 150)]
    soft = cv2.GaussianBlur(canvas([*upper, *lower], width=60), (0, 0), 6)
    whole = np.asarray(soft, dtype=np.uint8)
    left, top, right, bottom = cut_to(whole)
    assert likeness(read(whole[top:bottom, left:right]).rows, read(whole).rows) > 0.9


@pytest.mark.parametrize("times", [2, 7, 10])
@pytest.mark.parametrize("side", [8, 28])
def test_pixels_that_are_repeated_change_nothing(side: int, times: int) -> None:
    resized = cv2.resize(DIGITS["five"], (side, side), interpolation=cv2.INTER_AREA)
    shape = np.asarray(resized, dtype=np.uint8)
    enlarged = np.repeat(np.repeat(shape, times, axis=0), times, axis=1)
    np.testing.assert_array_equal(read(enlarged).rows, read(shape).rows)


def test_aspect_is_kept() -> None:
    rows = read(canvas(ONE)).rows
    _, _, width, height = cv2.boundingRect((rows > 0).astype(np.uint8))
    assert (height, width <= 4) == (20, True)


@pytest.mark.parametrize("thickness", [2, 6, 14, 40])
def test_strokes_get_the_weight_of_mnist_s(thickness: int) -> None:
    pixels = np.full((300, 300), 255, np.uint8)
    cv2.ellipse(pixels, (150, 150), (80, 110), 0, 0, 360, 0, thickness, cv2.LINE_AA)
    across = read(pixels).rows[14].sum() / 2  # two strokes of the ring
    assert 1.5 < across < 4.5


HARD = ("tiny", "thin", "huge", "broken", "faint_pencil")
# The thin border of a light canvas on a light page fades in places, and is a frame no more.
SURE = [kind for kind in KINDS if kind not in (*HARD, "web_page")]


@pytest.mark.parametrize("kind", SURE)
def test_damage_hardly_changes_what_is_read(kind: str) -> None:
    for seed, pixels in enumerate(DIGITS.values()):
        clean = read_image(draw("clean", small(pixels), seed), LIMIT)
        damaged = read_image(draw(kind, small(pixels), seed), LIMIT)
        assert damaged.finding is None
        assert likeness(damaged.rows, clean.rows) > (
            0.7 if kind in ("rotation", "perspective", "note", "mixed") else 0.85
        )


@pytest.mark.parametrize("kind", HARD)
def test_hard_damage_leaves_the_digit_whole(kind: str) -> None:
    for seed, pixels in enumerate(DIGITS.values()):
        clean = read_image(draw("clean", small(pixels), seed), LIMIT)
        damaged = read_image(draw(kind, small(pixels), seed), LIMIT)
        assert likeness(damaged.rows, clean.rows) > 0.7


def test_a_pen_is_found_by_its_colour() -> None:
    for pen in ((230, 220, 40), (200, 30, 30), (40, 160, 60), (250, 150, 200)):
        pixels = np.full((300, 300, 3), 245, np.uint8)
        pixels[DIGITS["four"] < 128] = pen
        assert likeness(read(pixels).rows, read(DIGITS["four"]).rows) > 0.95


@pytest.mark.parametrize("dark", [True, False])
def test_the_fattest_pen_is_ink_and_not_the_background(dark: bool) -> None:
    fat = canvas(FIVE, width=70)  # a third of the picture is ink
    rows = read(fat if dark else 255 - fat).rows
    assert likeness(rows, read(DIGITS["five"]).rows) > 0.8


def test_ink_across_a_printed_line_of_its_own_darkness_stays_whole() -> None:
    pixels = DIGITS["seven"].copy()
    for y in range(20, 300, 40):
        pixels[y : y + 2] = 0
    rows = read(pixels).rows
    assert likeness(rows, read(DIGITS["seven"]).rows) > 0.9
    count, _ = cv2.connectedComponents((rows > 0.3).astype(np.uint8))
    assert count == 2, "the background, and one stroke"


WIDE_TWO = [(60, 90), (150, 40), (190, 130), (30, 250)], [(30, 250), (270, 250)]
WIDE_SEVEN = [(30, 60), (270, 60)], [(270, 60), (120, 260)]


@pytest.mark.parametrize("strokes", [WIDE_TWO, WIDE_SEVEN])
@pytest.mark.parametrize("width", [3, 5, 9])
def test_a_digit_keeps_its_own_straight_strokes(
    strokes: tuple[list[tuple[int, int]], ...], width: int
) -> None:
    """In a picture that is cut close to it they span nearly all of it, as a printed line does."""
    whole = canvas(*strokes, width=width)
    left, top, right, bottom = cut_to(whole)
    cut = np.pad(whole[top:bottom, left:right], 12, constant_values=255)
    assert likeness(read(cut).rows, read(canvas(*strokes)).rows) > 0.95


@pytest.mark.parametrize("gap", [20, 45, 70])
def test_squares_are_none_of_its_strokes(gap: int) -> None:
    pixels = DIGITS["five"].copy()
    pixels[10::gap] = np.minimum(pixels[10::gap], 150)
    pixels[:, 10::gap] = np.minimum(pixels[:, 10::gap], 150)
    assert likeness(read(pixels).rows, read(DIGITS["five"]).rows) > 0.9


def penned(kind: str, digit: int, seed: int) -> Reading:
    return read_image(draw_digit(kind, digit, seed), LIMIT)


@pytest.mark.parametrize("kind", ["vignette", "camera_frame", "paint_program", "gaps"])
def test_what_a_pen_drew_is_neither_blank_nor_several(kind: str) -> None:
    found = [penned(kind, digit, seed).finding for seed, digit in enumerate(range(10))]
    assert found.count(None) >= 7, found


@pytest.mark.parametrize("kind", ["gradient", "lamp", "strip", "empty_frame", "empty_held"])
def test_what_shows_no_digit_is_found_to_show_none(kind: str) -> None:
    found = [read_image(draw_other(kind, seed), LIMIT).finding for seed in range(8)]
    assert found.count(None) <= (4 if kind == "lamp" else 1), found


@pytest.mark.parametrize("grain", [1.5, 3])
def test_a_marker_on_rough_paper_is_read(grain: float) -> None:
    """Paper as uneven as a third of the contrast of the ink on it."""
    noise = np.random.default_rng(0).normal(0, 1, (300, 300))
    rough = np.asarray(cv2.GaussianBlur(noise, (0, 0), grain))
    marker = canvas(FIVE, width=30)
    pixels = np.where(marker < 128, 60.0, 180.0) + 22 * rough / rough.std()
    reading = read(np.clip(pixels, 0, 255).astype(np.uint8))
    assert reading.finding is None
    assert likeness(reading.rows, read(marker).rows) > 0.9


def test_frames_of_a_camera_with_little_contrast_are_not_blank() -> None:
    found = [penned("camera_frame", seed % 10, seed).finding for seed in range(60)]
    assert found.count(None) >= 57


def test_dark_corners_of_a_camera_s_small_frame_are_no_ink() -> None:
    y, x = np.mgrid[:32, :32] / 31
    light = 1 - 0.15 * np.maximum(0, x + y - 1)
    likenesses = []
    for drawn, seed in itertools.product(DIGITS.values(), range(10)):
        ink = cv2.resize(255 - drawn, (32, 32), interpolation=cv2.INTER_AREA) / 255
        noise = np.random.default_rng(seed).normal(0, 4, (32, 32))
        frame = np.clip(150 * light * (1 - 0.25 * ink) + noise, 0, 255)
        likenesses.append(likeness(read(frame.astype(np.uint8)).rows, read(drawn).rows))
    assert sum(each > 0.9 for each in likenesses) >= 29, likenesses


@pytest.mark.parametrize("gap", [5, 7])
def test_a_line_that_breaks_up_is_one_digit(gap: int) -> None:
    """As of a pencil on rough paper; its parts are as large as each other."""
    pixels = canvas(SEVEN, width=6)
    for at in range(gap):
        pixels[at::40] = pixels[:, at::40] = 255
    reading = read(pixels)
    assert reading.finding is None
    assert likeness(reading.rows, read(DIGITS["seven"]).rows) > 0.85


def test_the_halves_of_a_digit_whose_pen_skipped_are_one_digit() -> None:
    pixels = DIGITS["five"].copy()
    pixels[136:170] = 255
    reading = read(pixels)
    assert reading.finding is None
    assert likeness(reading.rows, read(DIGITS["five"]).rows) > 0.8


def test_the_tools_of_a_paint_program_are_none_of_its_strokes() -> None:
    page = np.full((360, 300), 255, np.uint8)
    page[60:] = DIGITS["seven"]
    page[:60] = 240
    for left in range(10, 220, 22):
        page[20:36, left : left + 16] = 20 + left
    alone = read(DIGITS["seven"]).rows
    assert likeness(read(page).rows, alone) > 0.95


@pytest.mark.parametrize("ground", [20, 244, 255])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_what_stands_beside_a_canvas_is_none_of_its_strokes(ground: int, suffix: str) -> None:
    """Buttons below it, words above it, its frame, and a page as light as it is."""
    page = np.full((560, 640, 3), ground, np.uint8)
    page[140:440, 170:470] = DIGITS["seven"][..., np.newaxis]
    cv2.rectangle(page, (169, 139), (470, 440), (90, 120, 90), 1)
    cv2.putText(page, "Draw a digit", (200, 128), cv2.FONT_HERSHEY_SIMPLEX, 1, (128, 0, 0), 2)
    for left in (170, 280, 390):
        page[450:490, left : left + 80] = (40, 90, 200)
    data = encode(page, ".png", np.random.default_rng(0))
    if suffix == ".jpg":
        data = cv2.imencode(suffix, page, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    reading = read_image(data, LIMIT)
    assert reading.finding is None
    assert likeness(reading.rows, read(DIGITS["seven"]).rows) > 0.95


def test_the_inside_of_a_digit_is_no_canvas() -> None:
    pixels = np.full((300, 300), 255, np.uint8)
    cv2.rectangle(pixels, (90, 40), (210, 260), 0, 14)
    cv2.line(pixels, (120, 220), (180, 80), 0, 8)  # as some cross a zero
    _, _, width, height = cv2.boundingRect((read(pixels).rows > 0).astype(np.uint8))
    assert height == 20
    assert width < 14


@pytest.mark.parametrize("cells", [2, 3])
def test_digits_in_cells_are_several(cells: int) -> None:
    page = np.full((200, 160 * cells + 40), 255, np.uint8)
    for cell in range(cells):
        left = 20 + 160 * cell
        small_seven = cv2.resize(DIGITS["seven"], (140, 140), interpolation=cv2.INTER_AREA)
        page[30:170, left + 10 : left + 150] = small_seven
        cv2.rectangle(page, (left + 8, 28), (left + 151, 171), 90, 2)
    assert read(page).finding == "several_digits"


def test_a_crease_through_a_digit_is_none_of_its_strokes() -> None:
    """A thin grey line, not half as dark as the pen, that ends in the picture at both sides."""
    pixels = np.full((300, 300), 235, np.uint8)
    cv2.line(pixels, (40, 250), (260, 30), 165, 4, cv2.LINE_AA)
    pixels = np.minimum(pixels, DIGITS["five"])
    assert likeness(read(pixels).rows, read(DIGITS["five"]).rows) > 0.95


def test_a_stroke_that_fades_is_whole() -> None:
    """A pen that runs dry towards the foot of a seven: a third of the ink is left there."""
    left = np.linspace(1.2, 0.3, 300)[:, np.newaxis].clip(0.3, 1)
    pixels = np.asarray(255 - left * (255 - DIGITS["seven"].astype(float)), dtype=np.uint8)
    assert likeness(read(pixels).rows, read(DIGITS["seven"]).rows) > 0.95


@pytest.mark.parametrize("side", [500, 900])
def test_all_strokes_of_a_thin_line_count_though_some_shrink_to_less(side: int) -> None:
    """A mouse's line, a pixel or two of many: level ones keep half the contrast of slanted ones."""
    pixels = np.full((side, side), 255, np.uint8)
    drawn = np.round(np.array(SEVEN) * side / 300).astype(np.int32)
    cv2.polylines(pixels, [drawn], False, 110, 1)
    assert likeness(read(pixels).rows, read(canvas(SEVEN)).rows) > 0.85


def test_a_frame_is_not_the_digit() -> None:
    framed = DIGITS["five"].copy()
    cv2.rectangle(framed, (20, 15), (280, 285), 0, 5)
    assert likeness(read(framed).rows, read(DIGITS["five"]).rows) > 0.97


@pytest.mark.parametrize("value", [0, 255])
def test_margins_are_not_the_digit(value: int) -> None:
    faint = np.asarray(180 - (255 - DIGITS["five"].astype(np.float32)) * 0.2, dtype=np.uint8)
    framed = np.pad(faint, 30, constant_values=value)
    assert likeness(read(framed).rows, read(DIGITS["five"]).rows) > 0.95


@pytest.mark.parametrize("seed", [79, 82, 89])  # of frames whose bars differ by 30 levels and more
def test_bars_of_a_frame_may_have_several_shades(seed: int) -> None:
    framed = read_image(draw("thick_frame", small(DIGITS["seven"]), seed), LIMIT)
    assert likeness(framed.rows, read(DIGITS["seven"]).rows) > 0.85


@pytest.mark.parametrize("name", DIGITS)
def test_a_digit_that_just_meets_the_border_is_no_finger(name: str) -> None:
    drawn = DIGITS[name]
    _, _, right, _ = cut_to(drawn)
    wide = cv2.copyMakeBorder(drawn[:, :right], 0, 0, 300, 0, cv2.BORDER_CONSTANT, value=(255.0,))
    reading = read(np.asarray(wide, dtype=np.uint8))
    assert reading.finding is None
    assert likeness(reading.rows, read(drawn).rows) > 0.9


def test_a_digit_whose_stem_is_cut_off_is_no_finger() -> None:
    nine = canvas([(240, 240), (236, 300)])
    cv2.circle(nine, (220, 240), 25, (0.0,), -1)
    assert read(nine).finding is None


def test_a_finger_beside_a_thin_stroke_is_none_of_the_digit() -> None:
    four = canvas(*FOUR, width=5)
    held = four.copy()
    cv2.line(held, (180, 320), (180, 264), (60.0,), 30, cv2.LINE_AA)
    assert likeness(read(held).rows, read(four).rows) > 0.95


def test_specks_are_dropped() -> None:
    specked = DIGITS["five"].copy()
    for x, y in ((20, 20), (270, 40), (60, 270), (260, 260)):
        cv2.circle(specked, (x, y), 3, 0, -1)
    np.testing.assert_allclose(read(specked).rows, read(DIGITS["five"]).rows, atol=0.1)


def test_a_five_with_its_bar_apart_is_one_digit() -> None:
    pixels = canvas(FIVE[2:], [(130, 55), (195, 50)])
    reading = read(pixels)
    assert reading.finding is None
    top = np.flatnonzero(reading.rows.any(axis=1))[0]
    assert reading.rows[top : top + 3, 14:].sum() > 3, "the bar is there"


def test_a_four_of_two_strokes_that_do_not_touch_is_one_digit() -> None:
    left, right = FOUR
    assert left[2][0] > right[0][0], "in one piece, they cross"
    assert read(canvas([*left[:2], (150, 160)], right)).finding is None


def test_two_digits_are_several() -> None:
    page = np.hstack([DIGITS["five"][:, 60:240], DIGITS["seven"][:, 60:240]])
    reading = read(page)
    assert reading.finding == "several_digits"
    assert reading.rows.max() > 0.9


@pytest.mark.parametrize("value", [0, 90, 255])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (28, 28), (1, 300), (300, 1), (300, 400)])
def test_one_shade_is_blank(value: int, size: tuple[int, int]) -> None:
    reading = read(np.full(size, value, np.uint8))
    assert reading.finding == "blank"
    assert not reading.rows.any()


def test_empty_paper_is_blank() -> None:
    random = np.random.default_rng(0)
    y, x = np.mgrid[:300, :300]
    paper = 200 - 0.15 * x - 0.1 * y + random.normal(0, 4, (300, 300))
    reading = read_image(encode(paper.astype(np.uint8), ".jpg", random), LIMIT)
    assert reading.finding == "blank"
    assert not reading.rows.any()


def test_a_sheet_of_many_pictures_is_refused_and_not_as_blank() -> None:
    assert read_image(SHEET.read_bytes(), LIMIT).finding in ("not_a_digit", "several_digits")
    # So is one whose pictures have no background in common.
    kinds = ("texture", "noise", "chalkboard", "coloured_pen", "uneven_light", "squared")
    tiles = []
    for seed, kind in enumerate(kinds * 4):
        drawn = np.frombuffer(draw(kind, small(DIGITS["five"]), seed), np.uint8)
        tiles.append(cv2.resize(np.asarray(cv2.imdecode(drawn, cv2.IMREAD_COLOR)), (100, 100)))
    page = np.vstack([np.hstack(tiles[row : row + 6]) for row in range(0, 24, 6)])
    assert read(np.asarray(page, dtype=np.uint8)).finding in ("not_a_digit", "several_digits")


@pytest.mark.parametrize(("spread", "finding"), [(4, "blank"), (80, "not_a_digit")])
def test_where_no_ink_could_be_seen_there_may_be_some(spread: float, finding: str) -> None:
    noise = np.random.default_rng(0).normal(128, spread, (200, 200))
    reading = read(np.clip(noise, 0, 255).astype(np.uint8))
    assert reading.finding == finding
    assert not reading.rows.any()


def test_faint_ink_is_not_blank() -> None:
    faint = np.asarray(235 - (255 - DIGITS["five"].astype(np.float32)) * 0.12, dtype=np.uint8)
    reading = read(faint)
    assert reading.finding is None
    assert likeness(reading.rows, read(DIGITS["five"]).rows) > 0.95


def test_deep_pictures_are_read_by_their_own_range() -> None:
    deep = DIGITS["five"].astype(np.float32) * 3  # dark, were it 16 bits
    rows = normalise(Picture(deep, 65535)).rows
    np.testing.assert_allclose(rows, read(DIGITS["five"]).rows, atol=0.1)


SHAPES = st.one_of(
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=80),
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=80).map(lambda s: (*s, 3)),
)


@settings(max_examples=300, deadline=None)
@given(hnp.arrays(np.uint8, SHAPES))
def test_any_pixels_give_rows(pixels: Bytes) -> None:
    rows = read(pixels).rows
    assert rows.shape == (28, 28)
    assert rows.dtype == np.float32
    assert (rows >= 0).all()
    assert (rows <= 1).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 2**32 - 1), st.booleans())
def test_any_scribble_gives_rows(height: int, width: int, seed: int, noisy: bool) -> None:
    random = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), random.integers(0, 256, 3), np.uint8)
    for _ in range(random.integers(0, 12)):
        points = random.integers(-50, 550, (int(random.integers(2, 5)), 2)).astype(np.int32)
        colour = random.integers(0, 256, 3).tolist()
        cv2.polylines(
            pixels, [points], bool(random.integers(2)), colour, int(random.integers(1, 40))
        )
    if noisy:
        pixels = np.asarray(pixels ^ random.integers(0, 16, pixels.shape, np.uint8), dtype=np.uint8)
    rows = read(pixels).rows
    assert rows.shape == (28, 28)
    assert (rows >= 0).all()
    assert (rows <= 1).all()
