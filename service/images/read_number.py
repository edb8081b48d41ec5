"""From the bytes of an image to the strips of a number in it: decoding, then finding lines."""

from dataclasses import dataclass

import cv2
import numpy as np

from service.images import pixel_blocks
from service.images.decode import decode
from service.images.normalising.normalise import _to_bytes
from service.images.numbers.lines import find_lines
from service.images.numbers.page import find_page
from service.images.numbers.strip import Strip, draw_strip
from service.images.picture import Picture


@dataclass(frozen=True)
class NumberReading:
    strips: list[Strip]
    finding: str | None = None
    has_marks: bool = False


def read_number(data: bytes, max_pixels: int) -> NumberReading:
    return find_strips(decode(data, max_pixels))


def find_strips(picture: Picture) -> NumberReading:
    pixels = _to_bytes(Picture(pixel_blocks.collapse_blocks(picture.pixels), picture.white))
    factor = picture.pixels.shape[1] / pixels.shape[1]
    page = find_page(pixels)
    if page is None:
        return NumberReading([], "blank")
    layout = find_lines(page.mask)
    strips, marks = [], False
    for line in layout.lines:
        own = np.isin(layout.labels, line.labels).astype(np.uint8)
        strip = draw_strip(page.contrast, own, page.level, line.slope)
        marks = marks or bool(line.marks)
        if strip is not None:
            to_picture = np.array(
                [[page.scale, 0, page.origin[0]], [0, page.scale, page.origin[1]]]
            ) * factor
            placement = to_picture @ np.vstack([strip.placement, [0, 0, 1]])
            strips.append(Strip(strip.ink, placement))
    return NumberReading(strips, None if strips else "blank", marks)
