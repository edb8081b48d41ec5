"""From an encoded picture to the strips of a number, and where they are in the whole picture."""

import io

import numpy as np
import pytest
from PIL import Image

from service.errors import EmptyFileError, ImageTooLargeError, NotAnImageError
from service.images.read_number import read_number
from tests.support.pictures.drawings import write

NUMBER = Image.fromarray(write("7517", tall=80))
LIMIT = 10_000_000


def encoded(image: Image.Image, kind: str = "PNG", orientation: int = 1) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(file, kind, exif=exif)
    return file.getvalue()


def corner(data: bytes) -> list[float]:
    """Where the ink of the only line begins."""
    [strip] = read_number(data, LIMIT).strips
    place: list[float] = (strip.placement @ [8, 3, 1]).tolist()
    return place


def test_places_are_in_pixels_of_the_whole_picture() -> None:
    small = corner(encoded(NUMBER))
    large = encoded(NUMBER.resize((NUMBER.width * 12, NUMBER.height * 12)), "JPEG")
    reading = read_number(large, LIMIT)
    assert (reading.width, reading.height) == (NUMBER.width * 12, NUMBER.height * 12)
    assert corner(large) == pytest.approx([12 * at for at in small], abs=24)


def test_places_are_in_the_upright_picture() -> None:
    lying = encoded(NUMBER.transpose(Image.Transpose.ROTATE_90), "JPEG", orientation=6)
    reading = read_number(lying, LIMIT)
    assert (reading.width, reading.height) == NUMBER.size
    assert corner(lying) == pytest.approx(corner(encoded(NUMBER)), abs=3)


def test_blocks_of_equal_pixels_are_counted_as_pixels() -> None:
    blocks = Image.fromarray(np.kron(write("75", tall=20), np.ones((9, 9), np.uint8)))
    plain = corner(encoded(Image.fromarray(write("75", tall=20))))
    assert corner(encoded(blocks)) == pytest.approx([9 * at for at in plain], abs=9)


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"", EmptyFileError), (b"text", NotAnImageError), (encoded(NUMBER)[:80], NotAnImageError)],
)
def test_what_is_no_image_is_refused(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_number(data, LIMIT)


def test_a_picture_of_too_many_pixels_is_refused() -> None:
    with pytest.raises(ImageTooLargeError):
        read_number(encoded(NUMBER), 1000)
