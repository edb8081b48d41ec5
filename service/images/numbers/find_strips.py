"""From decoded pixels to strips: on a sheet if there is one, a strip for each line."""

from typing import Literal

import cv2
import numpy as np

from service.images import pixel_blocks
from service.images.arrays import Bytes, Mask
from service.images.normalising import colour, sheet
from service.images.normalising.normalise import to_bytes
from service.images.normalising.resize import shrink
from service.images.numbers.lines import find_lines
from service.images.numbers.strip import Placement, Strip, draw_strip
from service.images.numbers.view import VIEW, look_closer, view_ink
from service.images.picture import Picture

cv2.setNumThreads(1)  # the service reads several pictures at once, each in its own process

_MOST_LINES = 3

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
    return _read(pixels, _place(scale * blocks, (0, 0)), _SHEETS_DEEP)


def _place(scale: float, origin: tuple[float, float]) -> Placement:
    """What (3, 3) takes a place (x, y, 1) in a part of a picture to the picture."""
    x, y = origin
    return np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]])


def _read(pixels: Bytes, placement: Placement, sheets: int) -> Found:
    """Find strips in `pixels`, or on a sheet in them.

    Args:
        pixels: (h, w) or (h, w, 3).
        placement: (3, 3), takes a place in them to the picture.
        sheets: how many may lie on each other.

    """
    if sheets and (lying := _find_sheet(pixels)) is not None:
        cut = sheet.cut_out(pixels, lying, VIEW)
        inner = _read(cut.pixels, placement @ _place(cut.scale, cut.origin), sheets - 1)
        if inner[0]:
            return inner
    view = view_ink(pixels)
    if view is None:
        return [], "blank"
    labels, lines = find_lines(view.mask)
    if len(lines) > _MOST_LINES:
        return [], "not_a_number"
    strips = []
    for line in lines:
        own = np.isin(labels, line.labels).astype(np.uint8)
        closer = look_closer(view, pixels, own, line.tall)
        strip = draw_strip(closer.contrast, closer.mask, closer.level, line.slope)
        if strip is None:
            return [], "not_a_number"
        placed = placement @ _place(closer.scale, closer.origin)
        strips.append(Strip(strip.ink, placed[:2] @ np.vstack([strip.placement, [0, 0, 1]])))
    return strips, None if strips else "blank"


def _find_sheet(pixels: Bytes) -> Mask | None:
    """Find a sheet, by its light or its colour, in a smaller view of `pixels`."""
    if max(pixels.shape[:2]) < _SHOWS_A_SHEET:
        return None
    view = shrink(pixels, _SHEET_VIEW)
    greys = [view]
    if view.ndim == 3:
        greys = [
            colour.to_grey(view, colour.find_ink_colour(view)),
            np.ascontiguousarray(view[..., 1]),
            np.asarray(view.max(axis=2) - view.min(axis=2), np.uint8),
        ]
    found = (sheet.find_sheet(grey) for grey in greys)
    return next((mask for mask in found if mask is not None and _is_large(mask)), None)


# Share of the picture that a sheet covers at least. Larger: small notes are missed; smaller: fat
# strokes are sheets.
_LEAST_SHEET = 0.1


def _is_large(lying: Mask) -> bool:
    return cv2.countNonZero(lying) > _LEAST_SHEET * lying.size
