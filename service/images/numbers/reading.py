"""From decoded pixels to strips: on a sheet if there is one, a strip for each line."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images import pixel_blocks
from service.images.arrays import Bytes, Mask
from service.images.normalising import colour, sheet
from service.images.normalising.normalise import to_bytes
from service.images.normalising.resize import shrink
from service.images.numbers.lines import find_lines
from service.images.numbers.page import VIEW, Page, find_page, look_closer
from service.images.numbers.strip import Strip, draw_strip
from service.images.picture import Picture

cv2.setNumThreads(1)  # the service reads several pictures at once, each in its own process

MOST_LINES = 3

Found = tuple[list[Strip], Literal["blank", "not_a_number"] | None]

# Sheets that may lie on each other, such as a note on a sheet on a desk.
_SHEETS_DEEP = 2
# Pixels on the long side of the view in which a sheet is sought, and of a picture that can show
# one.
_SHEET_VIEW, _SHOWS_A_SHEET = 150, 64


def find_strips(picture: Picture, scale: float) -> Found:
    """Find the lines of digits in `picture`, whose pixels are `scale` of the whole one's.

    Returns:
        A strip for each line, from top to bottom, and why there is none.

    """
    pixels = to_bytes(Picture(pixel_blocks.collapse_blocks(picture.pixels), picture.white))
    blocks = picture.pixels.shape[1] / pixels.shape[1]
    return _read(pixels, _placement(scale * blocks, (0, 0)), _SHEETS_DEEP)


def _placement(scale: float, origin: tuple[float, float]) -> NDArray[np.float64]:
    """What takes a place (x, y, 1) in a part of a picture to the picture: (3, 3)."""
    x, y = origin
    return np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]])


def _read(pixels: Bytes, placement: NDArray[np.float64], sheets: int) -> Found:
    """Find strips in `pixels`, or on a sheet in them.

    Args:
        pixels: (h, w) or (h, w, 3).
        placement: (3, 3), takes a place in them to the picture.
        sheets: how many may lie on each other.

    """
    if sheets and (lying := _find_sheet(pixels)) is not None:
        cut = sheet.cut_out(pixels, lying, VIEW)
        inner = _read(cut.pixels, placement @ _placement(cut.scale, cut.origin), sheets - 1)
        if inner[0]:
            return inner
    page = find_page(pixels)
    if page is None:
        return [], "blank"
    layout = find_lines(page.mask)
    if len(layout.lines) > MOST_LINES:
        return [], "not_a_number"
    strips = []
    for line in layout.lines:
        own = np.isin(layout.labels, line.labels).astype(np.uint8)
        strip = _draw(page, pixels, own, line.slope, line.tall)
        if strip is None:
            return [], "not_a_number"
        strips.append(Strip(strip.ink, (placement @ _whole(strip.placement))[:2]))
    return strips, None if strips else "blank"


def _draw(page: Page, pixels: Bytes, ink: Mask, slope: float, tall: float) -> Strip | None:
    """Draw the strip of a line of the `page`, from more of the picture's `pixels` if it is small.

    Args:
        page: of `pixels`.
        pixels: (h, w) or (h, w, 3).
        ink: (h, w), 1 on the line's ink on the page.
        slope: of the line.
        tall: height of its digits on the page.

    """
    on_picture = _placement(page.scale, page.origin)
    closer = look_closer(page, pixels, ink, tall)
    if closer is None:
        strip = draw_strip(page.contrast, ink, page.level, slope)
    else:
        strip = draw_strip(closer.contrast, closer.mask, closer.level, slope)
        on_picture = on_picture @ _placement(closer.scale, closer.origin)
    if strip is None:
        return None
    return Strip(strip.ink, (on_picture @ _whole(strip.placement))[:2])


def _whole(placement: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3) as (3, 3)."""
    return np.vstack([placement, [0, 0, 1]])


def _find_sheet(pixels: Bytes) -> Mask | None:
    """Find a sheet, by its light or its colour, in a smaller view of `pixels`."""
    if max(pixels.shape[:2]) < _SHOWS_A_SHEET:
        return None
    view = shrink(pixels, _SHEET_VIEW)
    if view.ndim == 2:
        return sheet.find_sheet(view)
    greys = (
        colour.to_grey(view, colour.find_ink_colour(view)),
        np.ascontiguousarray(view[..., 1]),
        np.asarray(view.max(axis=2) - view.min(axis=2), np.uint8),
    )
    return next((found for grey in greys if (found := sheet.find_sheet(grey)) is not None), None)
