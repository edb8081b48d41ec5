"""From the bytes of an image to the strips of a number in it: decoding, then finding lines."""

from dataclasses import dataclass
from typing import Literal

from service.images.decode import decode
from service.images.image_file import sniff_format_and_size
from service.images.numbers.find_strips import find_strips
from service.images.numbers.strip import Strip
from service.images.picture import Picture

NumberFinding = Literal["blank", "not_a_number"]

# Pixels on the long side below which a JPEG is not decoded at a reduced size. Larger: photos take
# longer; smaller: small writing on them has few pixels.
_ENOUGH = 1500


@dataclass(frozen=True)
class NumberReading:
    """What a picture shows: a strip for each line, in order, and its width and height.

    `finding` says why there is none: `blank`, there is no ink; `not_a_number`, there are too many
    lines, or nothing can be told from the background.
    """

    strips: list[Strip]
    width: int
    height: int
    finding: NumberFinding | None = None


def read_number(data: bytes, max_pixels: int) -> NumberReading:
    """Read the lines of digits in an encoded picture.

    Args:
        data: an encoded image in one of `FORMATS`; of several frames, the first counts.
        max_pixels: refuse a picture with more, before decoding it.

    Raises:
        EmptyFileError: there are no bytes.
        NotAnImageError: they are no such image, or a broken one.
        ImageTooLargeError: it has more than `max_pixels` pixels.

    """
    picture = decode(data, max_pixels, _ENOUGH)
    width, height = _upright_size(data, picture)
    strips, finding = find_strips(picture, width / picture.pixels.shape[1])
    return NumberReading(strips, width, height, finding)


def _upright_size(data: bytes, picture: Picture) -> tuple[int, int]:
    """Width and height of the whole picture, of which `picture` may be decoded at a part."""
    header = sniff_format_and_size(data)
    height, width = picture.pixels.shape[:2]
    low, high = sorted((header.width, header.height))
    return (high, low) if width >= height else (low, high)
