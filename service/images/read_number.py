"""From the bytes of an image to the strips of a number in it: decoding, then finding lines."""

from dataclasses import dataclass

import numpy as np

from service.images import pixel_blocks
from service.images.arrays import Bytes, Mask
from service.images.decode import decode
from service.images.normalising import colour, sheet
from service.images.normalising.normalise import to_bytes
from service.images.normalising.resize import shrink
from service.images.numbers.lines import find_lines
from service.images.numbers.page import VIEW, find_page, look_closer
from service.images.numbers.strip import Strip, draw_strip
from service.images.picture import Picture

ENOUGH = 1600


@dataclass(frozen=True)
class NumberReading:
    strips: list[Strip]
    finding: str | None = None
    has_marks: bool = False


def read_number(data: bytes, max_pixels: int) -> NumberReading:
    return find_strips(decode(data, max_pixels, ENOUGH))


def find_strips(picture: Picture) -> NumberReading:
    pixels = to_bytes(Picture(pixel_blocks.collapse_blocks(picture.pixels), picture.white))
    factor = picture.pixels.shape[1] / pixels.shape[1]
    return _read(pixels, (0, 0), factor, 2)


_SHEET_VIEW = 150


def _read(pixels: Bytes, origin: tuple[float, float], scale: float, sheets: int) -> NumberReading:
    if sheets and max(pixels.shape[:2]) >= 64 and (lying := _find_sheet(pixels)) is not None:
        cut = sheet.cut_out(pixels, lying, VIEW)
        start = origin[0] + scale * cut.origin[0], origin[1] + scale * cut.origin[1]
        inner = _read(cut.pixels, start, scale * cut.scale, sheets - 1)
        if inner.strips:
            return inner
    page = find_page(pixels)
    if page is None:
        return NumberReading([], "blank")
    layout = find_lines(page.mask)
    strips, marks = [], False
    for line in layout.lines:
        own = np.isin(layout.labels, line.labels).astype(np.uint8)
        closer = look_closer(page, pixels, own, line.tall)
        if closer is None:
            strip = draw_strip(page.contrast, own, page.level, line.slope)
        else:
            strip = draw_strip(closer.contrast, closer.mask, closer.level, line.slope)
        marks = marks or bool(line.marks)
        if strip is not None:
            if closer is not None:
                s = closer.scale
                back = np.array([[s, 0, closer.origin[0]], [0, s, closer.origin[1]]])
                strip = Strip(strip.ink, back @ np.vstack([strip.placement, [0, 0, 1]]))
            x, y = (s + scale * o for s, o in zip(origin, page.origin, strict=True))
            each = scale * page.scale
            to_picture = np.array([[each, 0, x], [0, each, y]])
            strips.append(Strip(strip.ink, to_picture @ np.vstack([strip.placement, [0, 0, 1]])))
    return NumberReading(strips, None if strips else "blank", marks)


def _find_sheet(pixels: Bytes) -> Mask | None:
    view = shrink(pixels, _SHEET_VIEW)
    if view.ndim == 2:
        return sheet.find_sheet(view)
    greys = (
        colour.to_grey(view, colour.find_ink_colour(view)),
        np.ascontiguousarray(view[..., 1]),
        np.asarray(view.max(axis=2) - view.min(axis=2), np.uint8),
    )
    return next((found for grey in greys if (found := sheet.find_sheet(grey)) is not None), None)
