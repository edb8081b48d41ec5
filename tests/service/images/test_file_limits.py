"""What costs much although it is small: refused, or read for the price of its pixels."""

import io
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from service.errors import ApiError, ImageTooLargeError, NotAnImageError
from service.images.decode import decode
from service.images.reading import read_image
from tests.support.broken_images import jpeg, tiff
from tests.support.broken_images.corpus import broken
from tests.support.sound_images import PIXELS, encode, whole

LIMIT = 4_000_000


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of metadata that it cannot read
@pytest.mark.parametrize("name", broken())
def test_a_broken_file_is_read_or_refused(name: str) -> None:
    try:
        rows = read_image(broken()[name], LIMIT).rows
    except ApiError as error:
        assert str(error).isprintable()  # noqa: PT017
        return
    assert rows.shape == (28, 28)
    assert ((rows >= 0) & (rows <= 1)).all()


@pytest.mark.parametrize(
    "name",
    ["jpeg with much exif", "jpeg of many segments", "jpeg of much padding", "gif of many comments",
     "gif of a long comment", "gif of many extensions", "gif of much padding", "tiff of many tags",
     "bmp of short runs", "bmp of jumps", "png of many orientations"],
)  # fmt: skip
def test_a_file_in_absurdly_many_pieces_is_refused(name: str) -> None:
    with pytest.raises(NotAnImageError, match=r"stored in more than \d+ pieces; save it again"):
        read_image(broken()[name], LIMIT)


@pytest.mark.parametrize(
    "name",
    ["png of many profiles", "png of many profiles behind", "png of much text",
     "png of many chunks", "webp of many chunks", "png of frames that are not there"],
)  # fmt: skip
def test_what_does_not_bear_on_the_pixels_is_passed_over(name: str) -> None:
    assert read_image(broken()[name], LIMIT).rows.shape == (28, 28)


def test_a_jpeg_of_many_scans_is_refused_and_one_of_all_that_encoders_write_is_read() -> None:
    with pytest.raises(NotAnImageError, match="more than 50 scans"):
        read_image(jpeg.scans(50), LIMIT)
    assert read_image(jpeg.scans(40), LIMIT).rows.shape == (28, 28)


def test_scans_of_previews_do_not_count() -> None:
    preview = jpeg.segment(0xE1, b"Exif\0\0" + jpeg.scans(60))
    sound = whole()["jpeg L"]
    with_preview = sound[:2] + preview + sound[2:]
    film = b"\xff\xda\0\x08" * 100  # as phones put it behind the picture
    np.testing.assert_array_equal(
        decode(with_preview + film, LIMIT).pixels, decode(sound, LIMIT).pixels
    )


@pytest.mark.parametrize("name", ["tiff of a huge tile", "tiff of a huge tile, denied"])
def test_a_tile_counts_as_what_it_takes_to_decode_it(name: str) -> None:
    with pytest.raises(ImageTooLargeError, match="a tile of 1800000000 pixels, at most 4000000"):
        read_image(broken()[name], LIMIT)


@pytest.mark.parametrize(("order", "large"), [("<", False), (">", False), ("<", True)])
def test_a_tiff_of_tiles_is_read(order: str, large: bool) -> None:
    pixels = PIXELS[:16, :16]
    data = tiff.tiled(pixels.tobytes(), 16, order=order, large=large)
    np.testing.assert_array_equal(decode(data, 16 * 16).pixels, pixels)
    with pytest.raises(ImageTooLargeError, match="a tile of 1024 pixels, at most 1023"):
        decode(tiff.tiled(bytes(1024), 32, order=order, large=large), 1023)


@pytest.mark.parametrize("name", whole())
def test_a_sound_picture_loses_nothing(name: str) -> None:
    """The pixels are those that Pillow reads of the file as it came."""
    with Image.open(io.BytesIO(whole()[name])) as image:
        mode = image.mode
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    decoded = decode(whole()[name], LIMIT).pixels
    if mode == "RGBA" or mode.startswith(("I", "F")) or name == "png palette":
        assert decoded.shape[:2] == expected.shape[:2]  # tested with their own rules elsewhere
        return
    shown = decoded if decoded.ndim == 3 else np.repeat(decoded[..., None], 3, axis=2)
    np.testing.assert_array_equal(shown, expected)


def calls(data: bytes) -> list[str]:
    """What Python calls while it decodes `data`: C's work is in proportion to it."""
    called: list[str] = []

    def note(frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            called.append(argument.__name__ if event == "c_call" else frame.f_code.co_name)

    decode(data, LIMIT)  # what is imported, is imported now
    sys.setprofile(note)
    try:
        decode(data, LIMIT)
    finally:
        sys.setprofile(None)
    return called


def decoders(data: bytes) -> list[str]:
    return [name for name in calls(data) if name in ("decode", "get_next")]


def animation(kind: str, frames: int) -> bytes:
    pictures = [PIXELS.copy() for _ in range(frames)]
    for number, other in enumerate(pictures[1:]):
        other[number % 28, number // 28 % 28] ^= 0xFF  # alike, they would be saved as one
    first, *others = map(Image.fromarray, pictures)
    return encode(first, kind, save_all=True, append_images=others)


@pytest.mark.parametrize(
    ("kind", "many"), [("GIF", 10_000), ("TIFF", 1_000), ("PNG", 1_000), ("MPO", 200), ("WEBP", 50)]
)
def test_frames_behind_the_first_cost_nothing(kind: str, many: int) -> None:
    few, long = animation(kind, 2), animation(kind, many)
    assert len(long) > 10 * len(few)
    np.testing.assert_array_equal(decode(long, LIMIT).pixels, decode(few, LIMIT).pixels)
    assert decoders(long) == decoders(few)
    # A chunk of a PNG is passed over, and an entry of an MPO's index is read.
    assert len(calls(long)) < len(calls(few)) + 10 * many
