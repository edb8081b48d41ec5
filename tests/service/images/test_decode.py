"""From a file to pixels: every format, depth and colour, and every way to be broken."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from service.errors import EmptyFileError, ImageTooLargeError, NotAnImageError
from service.images.decode import ENOUGH, decode, is_tiny, weigh
from service.images.picture import Picture
from service.images.reading import read_image
from tests.support.published import picture
from tests.support.sound_images import encode

LIMIT = 1_000_000
DIGIT = picture(3)
NOISE = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)


def read(image: Image.Image, kind: str = "PNG", **options: object) -> NDArray[np.float32]:
    """The rows of a picture, encoded and read."""
    return read_image(encode(image, kind, **options), LIMIT).rows


def grey(decoded: Picture) -> NDArray[np.float64]:
    """(h, w) in [0, 1]."""
    values = np.asarray(decoded.pixels, dtype=np.float64) / decoded.white
    return values if values.ndim == 2 else values.mean(axis=2)


def pixels(image: Image.Image, kind: str = "PNG", **options: object) -> NDArray[np.float64]:
    """The grey values in [0, 1] of a picture, encoded and decoded."""
    return grey(decode(encode(image, kind, **options), LIMIT))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF"])
def test_lossless_pixels_come_bit_for_bit(kind: str) -> None:
    np.testing.assert_array_equal(pixels(Image.fromarray(NOISE), kind), NOISE / 255)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("WEBP", {"lossless": True}), ("WEBP", {}), ("JPEG", {"quality": 95}),
     ("BMP", {}), ("GIF", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)  # fmt: skip
def test_every_format_shows_the_same_picture(kind: str, options: dict[str, object]) -> None:
    image = Image.fromarray(DIGIT).convert("RGB")
    np.testing.assert_allclose(pixels(image, kind, **options), DIGIT / 255, atol=0.1)
    np.testing.assert_allclose(read(image, kind, **options), DIGIT / 255, atol=0.1)


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "I", "F"]
)
def test_every_colour_mode_shows_the_same_picture(mode: str) -> None:
    if mode in ("I;16", "I", "F"):
        image = Image.fromarray(DIGIT.astype({"I;16": "<u2", "I": "i4", "F": "f4"}[mode]) * 257)
        assert image.mode == mode
    else:
        image = Image.fromarray(DIGIT).convert(mode)
    np.testing.assert_allclose(read(image, "TIFF"), DIGIT / 255, atol=0.01)


def test_sixteen_bits_are_scaled_by_their_own_white() -> None:
    values = np.zeros((28, 28), "<u2")
    values[10:12, 10:12] = 200  # would be bright, were it 8 bits
    assert pixels(Image.fromarray(values)).max() == pytest.approx(200 / 65535)
    assert read(Image.fromarray(DIGIT.astype("<u2"))).max() == pytest.approx(255 / 65535)


def test_colour_is_kept() -> None:
    red = decode(encode(Image.new("RGB", (5, 4), (200, 10, 30))), LIMIT)
    assert red.pixels.shape == (4, 5, 3)
    np.testing.assert_array_equal(red.pixels[0, 0], [200, 10, 30])


def test_transparent_is_white_paper() -> None:
    ink = np.zeros((28, 28, 4), np.uint8)  # black, and transparent where there is no ink
    ink[..., 3] = DIGIT
    np.testing.assert_allclose(pixels(Image.fromarray(ink)), 1 - DIGIT / 255, atol=1e-6)


def test_white_ink_on_nothing_is_seen() -> None:
    ink = np.full((28, 28, 4), 255, np.uint8)
    ink[..., 3] = DIGIT
    np.testing.assert_allclose(pixels(Image.fromarray(ink)), DIGIT / 255, atol=1e-6)


def test_an_opaque_canvas_is_taken_as_it_is() -> None:
    canvas = np.random.default_rng(0).integers(0, 256, (40, 30, 4), np.uint8)
    canvas[..., 3] = 255
    np.testing.assert_array_equal(
        decode(encode(Image.fromarray(canvas)), LIMIT).pixels, canvas[..., :3]
    )


@pytest.mark.parametrize("place", [(0, 0), (17, 9), (39, 29)])
def test_a_single_pixel_is_seen_wherever_it_is(place: tuple[int, int]) -> None:
    coloured = np.full((40, 30, 3), 100, np.uint8)
    coloured[place] = 100, 100, 101
    np.testing.assert_array_equal(decode(encode(Image.fromarray(coloured)), LIMIT).pixels, coloured)
    dot = np.zeros((40, 30, 4), np.uint8)
    for ink in (0, 255):  # which shows on white, and on black
        dot[place] = ink, ink, ink, 255
        seen = decode(encode(Image.fromarray(dot)), LIMIT).pixels
        assert (seen == ink).sum() == 1
        assert seen[place] == ink


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000), (1601, 1600), (801, 799), (3, 3)])
def test_large_jpegs_are_decoded_smaller_but_large_enough(size: tuple[int, int]) -> None:
    data = encode(Image.linear_gradient("L").resize(size), "JPEG")
    height, width = decode(data, 20_000_000).pixels.shape
    assert min(ENOUGH, max(size)) <= max(width, height) <= 2 * ENOUGH
    assert width / height == pytest.approx(size[0] / size[1], rel=0.01)


@pytest.mark.parametrize("size", [(1, 9000), (9000, 1)])
def test_a_thread_of_a_jpeg_is_decoded(size: tuple[int, int]) -> None:
    assert min(decode(encode(Image.new("L", size), "JPEG"), LIMIT).pixels.shape) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_followed(orientation: int) -> None:
    upright = np.zeros((28, 28), np.uint8)
    upright[5:8, 5:20] = upright[5:15, 5:8] = 255  # no symmetry
    undo: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = np.ascontiguousarray(undo[orientation](upright))
    turned = pixels(Image.fromarray(stored), "PNG", exif=exif)
    np.testing.assert_array_equal(turned, upright / 255)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")  # Pillow's
def test_broken_exif_does_not_hide_the_picture() -> None:
    data = encode(
        Image.fromarray(DIGIT), "JPEG", quality=95, exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff"
    )
    np.testing.assert_allclose(read_image(data, LIMIT).rows, DIGIT / 255, atol=0.2)


def test_of_several_frames_the_first_counts() -> None:
    other = Image.fromarray(picture(9))
    data = encode(Image.fromarray(DIGIT), "GIF", save_all=True, append_images=[other])
    np.testing.assert_allclose(read_image(data, LIMIT).rows, DIGIT / 255, atol=0.01)


def test_a_phone_s_multi_picture_jpeg_is_read() -> None:
    image = Image.fromarray(DIGIT)
    data = encode(image, "MPO", save_all=True, append_images=[image], quality=95)
    np.testing.assert_allclose(read_image(data, LIMIT).rows, DIGIT / 255, atol=0.1)


def test_no_bytes_are_an_empty_file() -> None:
    with pytest.raises(EmptyFileError, match="0 bytes"):
        read_image(b"", LIMIT)


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"http://example.com/digit.png",
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x89PNG\r\n\x1a\n",
        b"BM",
        b"GIF89a",
        b"II*\x00\x08\x00\x00\x00",
        b"\xff\xd8\xff",
        encode(Image.fromarray(NOISE))[:-40],
        encode(Image.fromarray(DIGIT), "JPEG")[:200],
        encode(Image.fromarray(DIGIT), "ICO"),
        encode(Image.fromarray(DIGIT), "EPS"),
        encode(Image.fromarray(np.full((28, 28), np.nan, np.float32)), "TIFF"),
        encode(Image.fromarray(np.full((28, 28), -5, np.int32)), "TIFF"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(NotAnImageError, match="image"):
        read_image(data, LIMIT)


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(1001, 1000), (10_000, 10_000), (20_000, 20_000)])
def test_too_many_pixels_are_refused_by_the_header(size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooLargeError, match="at most 1000000 are allowed"):
        read_image(bomb(*size), LIMIT)


def test_as_many_pixels_as_allowed_are_read() -> None:
    assert read(Image.new("L", (1000, 1000))).shape == (28, 28)


def test_a_picture_of_a_million_rows_is_refused_before_it_is_decoded() -> None:
    data = encode(Image.new("1", (1, 65_536)))
    with pytest.raises(ImageTooLargeError, match=r"1 x 65536, at most 65535 pixels .* on a side"):
        decode(data, LIMIT)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_large_picture_is_weighed_by_its_first_bytes(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind)
    assert weigh(file.getvalue(), 10**6) == (kind, 630_000)
    assert weigh(file.getvalue()[:4], 10**6) == ("", 0)


def test_only_a_small_png_is_tiny() -> None:
    def file(side: int, kind: str) -> bytes:
        stream = io.BytesIO()
        Image.new("L", (side, side)).save(stream, kind)
        return stream.getvalue()

    assert is_tiny(file(28, "PNG"))
    assert not is_tiny(file(33, "PNG"))
    assert not is_tiny(file(28, "JPEG"))
    assert not is_tiny(file(28, "PNG") + bytes(5000))
    # Pillow goes by the second header, and by one behind another chunk.
    first, second = file(28, "PNG"), file(5000, "PNG")
    assert not is_tiny(first[:33] + second[8:])
    assert not is_tiny(first[:8] + b"\x00\x00\x00\x08tEXt" + bytes(12) + second[8:])
