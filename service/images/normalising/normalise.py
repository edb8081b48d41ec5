"""From any picture of one digit to the rows that a model reads, made as MNIST's were made."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import Floats
from service.images import pixel_blocks
from service.images.arrays import Bytes
from service.images.normalising import colour, ink, margins, sheet
from service.images.normalising.background import find_background, measure_contrast_to
from service.images.normalising.ink import Finding, Ink
from service.images.normalising.ink_or_sheet import is_of_sheet, may_be_sheet
from service.images.normalising.polarity import is_dark_on_light
from service.images.normalising.redraw import SIDE, as_mnist, redraw
from service.images.normalising.resize import crop, enlarge_smoothly, shrink
from service.images.picture import Picture

cv2.setNumThreads(1)  # the service reads several pictures at once, each in its own process


@dataclass(frozen=True)
class Reading:
    """What a picture shows: `rows` float32 (28, 28) in [0, 1], light ink on dark.

    `finding` is what the picture itself says before a model sees it: None, nothing in particular;
    `blank`, there is no ink, or `not_a_digit`, none can be told from the background, or it is of a
    thing that reaches into the picture; rows are all zero then; `several_digits`, rows show the one
    that stands out. `side` is the digit's, the longer one, in pixels of the decoded picture; 0
    where no digit was sought or found.
    """

    rows: Floats
    finding: Finding | None = None
    side: int = 0


# Sheets that may lie on each other, such as a note on a sheet on a desk. Larger: pictures of no
# digit are searched for longer; smaller: the note is taken for the digit.
_SHEETS_DEEP = 2


def normalise(picture: Picture) -> Reading:
    """Read the digit in `picture` as MNIST would hold it; MNIST's own come back unchanged."""
    rows = as_mnist(picture.pixels, picture.white)
    if rows is None:
        picture = Picture(pixel_blocks.collapse_blocks(picture.pixels), picture.white)
        rows = as_mnist(picture.pixels, picture.white)
    return _read(to_bytes(picture), _SHEETS_DEEP) if rows is None else Reading(rows)


def to_bytes(picture: Picture) -> Bytes:
    """Scale deeper pixels so that their range fills 8 bits, which are enough to find ink."""
    pixels = picture.pixels
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, dtype=np.uint8)
    low, high = float(pixels.min()), float(pixels.max())
    scaled = pixels - low
    scaled *= 255 / max(high - low, 1e-3 * picture.white)  # in place, as there may be 200 MB of it
    return np.asarray(scaled, dtype=np.uint8)


# Pixels on the long side of the view in which the digit is sought. Larger: all steps take longer,
# by the square, and the widths in pixels that they know are no longer right; smaller: thin strokes
# fade.
_VIEW = 150
# Pixels on the long side of a picture that is enlarged first. Larger: pictures that are large
# enough cost more time; smaller: strokes of a pixel have no edges.
_FEW_PIXELS = 32
# Pixels on the shorter side of a picture, before it is enlarged, that can show printed lines.
# Larger: ruled paper in small pictures is ink; smaller: strokes of a small digit are lines.
_SHOWS_PRINT = 64


def _read(pixels: Bytes, sheets: int) -> Reading:
    """Read the digit in `pixels`, or on a sheet in them.

    Args:
        pixels: (h, w) or (h, w, 3).
        sheets: how many may lie on each other.

    """
    pixels, grey, weights = _cut_to_content(pixels)
    dark = is_dark_on_light(grey)
    has_print = min(grey.shape) >= _SHOWS_PRINT
    if max(grey.shape) <= _FEW_PIXELS:
        grey = enlarge_smoothly(grey, dark=dark)
    background = find_background(grey, dark=dark)
    contrast = measure_contrast_to(background, grey, dark=dark)
    found = ink.find_ink(contrast, has_print=has_print)
    if sheets and (inner := _read_sheet(pixels, grey, found, sheets)) is not None:
        return inner

    for behind, there in _other_views(pixels, grey, found, weights, dark=dark):
        contrast_there = measure_contrast_to(behind, there, dark=dark)
        if (again := ink.find_ink(contrast_there, has_print=has_print)) is not None:
            background, contrast, found = behind, contrast_there, again
            break
    finding = ink.explain_no_ink(contrast) if found is None else found.finding
    if found is None or finding == "not_a_digit":
        return Reading(np.zeros((SIDE, SIDE), np.float32), finding)
    _, _, *box = cv2.boundingRect(found.mask)
    side = round(max(box) * max(pixels.shape[:2]) / max(contrast.shape))
    closer = _look_closer(pixels, weights, background, found, dark=dark)
    contrast, found = closer or (contrast, found)
    return Reading(redraw(contrast, found.mask, found.level), finding, side)


# Things around the digit's own background that lie in each other, such as the window of a program,
# the desk in it and the frame of the canvas. Larger: they take longer; smaller: some stay.
_AROUND = 4


def _cut_to_content(pixels: Bytes, around: int = _AROUND) -> tuple[Bytes, Bytes, Floats | None]:
    """Cut off what surrounds the paper or the canvas that a digit is on.

    Args:
        pixels: (h, w) or (h, w, 3).
        around: how many things may be around it.

    Returns:
        What is left of them, a view of it in grey, and the weights of red, green and blue in that.

    """
    view = shrink(pixels, _VIEW)
    weights = colour.find_ink_colour(view)
    grey = colour.to_grey(view, weights)
    window = margins.find_content(grey)
    if not around or grey[window].shape == grey.shape:
        return pixels, grey, weights
    scale = max(pixels.shape[:2]) / max(grey.shape)
    return _cut_to_content(crop(pixels, window, scale), around - 1)


# Width of strokes in the first view, in pixels, below which the digit is sought in twice as many.
# Larger: more pictures cost the time; smaller: thin strokes fade and break up.
_THIN = 3.0
# Width that no thin stroke exceeds in the second view, as a share of its long side. Larger: dark
# corners are ink; smaller: where strokes meet is background.
_WIDEST_THIN = 0.1
# Standard deviation of a blur against noise, in pixels of the first view. Larger: thin strokes
# fade; smaller: the grain of paper and the noise of a camera hide ink.
_BLUR = 2.25


def _other_views(
    pixels: Bytes, grey: Bytes, found: Ink | None, weights: Floats | None, *, dark: bool
) -> Iterator[tuple[Bytes, Bytes]]:
    """Look again where the first view may have lost strokes: in more pixels, and smoothed.

    Args:
        pixels: (h, w) or (h, w, 3).
        grey: the first view of them.
        found: in that view.
        weights: of red, green and blue.
        dark: whether ink is darker than the background.

    Yields:
        The background in another view, and its grey levels.

    """
    side = max(pixels.shape[:2])
    if side > _VIEW and (found is None or found.measure_stroke_width() < _THIN):
        closer = colour.to_grey(shrink(pixels, 2 * _VIEW), weights)
        yield find_background(closer, dark=dark, widest=_WIDEST_THIN), closer
    if found is None:
        smooth = np.asarray(cv2.GaussianBlur(grey, (0, 0), _BLUR), dtype=np.uint8)
        yield find_background(smooth, dark=dark), smooth


# Pixels on the long side of a picture that can show a sheet with a digit on it. Larger: sheets in
# small pictures are taken for digits; smaller: time is lost on pictures that show none.
_SHOWS_A_SHEET = 64


def _read_sheet(pixels: Bytes, grey: Bytes, found: Ink | None, sheets: int) -> Reading | None:
    """Read what is on a sheet in the picture, if `found` is not the digit on it.

    Args:
        pixels: (h, w) or (h, w, 3).
        grey: a smaller view of them.
        found: in `grey`.
        sheets: how many may lie on each other.

    """
    if max(pixels.shape[:2]) < _SHOWS_A_SHEET:
        return None
    if found is not None and not may_be_sheet(grey, found):
        return None
    lying = sheet.find_sheet(grey)
    if lying is None or (found is not None and not is_of_sheet(lying, grey, found)):
        return None
    inner = _read(sheet.cut_out(pixels, lying, 2 * _VIEW).pixels, sheets - 1)
    return inner if inner.finding not in ("blank", "not_a_digit") else None


# Pixels on the long side of a digit in the view below which it is looked at again in more pixels.
# Larger: digits that are seen well cost more time; smaller: small ones are redrawn from few pixels.
_SMALL_DIGIT = 60


def _look_closer(
    pixels: Bytes, weights: Floats | None, background: Bytes, found: Ink, *, dark: bool
) -> tuple[Bytes, Ink] | None:
    """Find the same digit in more pixels, where it is small and there are more.

    Args:
        pixels: (h, w) or (h, w, 3).
        weights: of red, green and blue.
        background: of a smaller view.
        found: in that view.
        dark: whether ink is darker than the background.

    Returns:
        The contrast and the ink of a closer view; None where none shows more.

    """
    left, top, width, height = cv2.boundingRect(found.mask)
    scale = max(pixels.shape[:2]) / max(background.shape)
    if scale <= 1.5 or max(width, height) > _SMALL_DIGIT:
        return None
    margin = max(width, height) * 0.6 + 2
    left, top = max(0, int(left - margin)), max(0, int(top - margin))
    right, bottom = int(left + width + 2 * margin), int(top + height + 2 * margin)
    window = np.s_[top:bottom, left:right]
    closer = colour.to_grey(shrink(crop(pixels, window, scale), _VIEW), weights)
    near = cv2.dilate(found.mask, np.ones((3, 3), np.uint8))[window]
    # What lies behind the digit has no more to show in more pixels.
    near, behind = (
        np.asarray(cv2.resize(part, closer.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
        for part in (near, background[window])
    )
    contrast = measure_contrast_to(behind, closer, dark=dark)
    again = ink.segment_near(contrast, near)
    return None if again is None else (contrast, again)
