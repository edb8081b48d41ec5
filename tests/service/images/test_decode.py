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
from service.images.decode import ENOUGH, decode, is_tiny
from service.images.picture import Picture
from service.images.read_image import read_image
from tests.support.pictures.sound_images import encode
from tests.support.published import picture

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


# What was done to an upright picture that is stored with each of EXIF's orientations.
STORED: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.swapaxes(np.rot90(a, 2), 0, 1),
    8: lambda a: np.rot90(a, -1),
}


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[ExifTags.Base.Orientation] = orientation
    return found


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_followed(orientation: int, kind: str) -> None:
    upright = np.random.default_rng(0).integers(0, 256, (28, 20, 3), np.uint8)
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(stored, kind, exif=exif(orientation), **options)
    np.testing.assert_array_equal(decode(data, LIMIT).pixels, upright)


@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA", "I;16"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_large_picture_is_turned_as_a_small_one(orientation: int, mode: str) -> None:
    """It is taken from Pillow in parts: in some of them all is grey, in others it is not."""
    upright = np.zeros((1250, 1000, 3), np.uint8) + np.arange(1000, dtype=np.uint8)[:, np.newaxis]
    upright[700:, :300, 1] = 9
    image = Image.fromarray(upright)
    if mode == "I;16":
        image = Image.fromarray(upright[..., 1].astype("<u2"))
    else:
        image = image.convert(mode)
    shown = decode(encode(image, compress_level=1), 2_000_000).pixels
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](np.asarray(image))))
    data = encode(stored, compress_level=1, exif=exif(orientation))
    np.testing.assert_array_equal(decode(data, 2_000_000).pixels, shown)


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_the_orientation_may_be_in_xmp(kind: str) -> None:
    image = Image.linear_gradient("L").convert("RGB")
    turned = decode(encode(image, kind, xmp=XMP), LIMIT).pixels
    np.testing.assert_array_equal(turned, np.rot90(decode(encode(image, kind), LIMIT).pixels, -1))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")  # Pillow's
def test_broken_exif_does_not_hide_the_picture() -> None:
    data = encode(
        Image.fromarray(DIGIT), "JPEG", quality=95, exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff"
    )
    np.testing.assert_allclose(read_image(data, LIMIT).rows, DIGIT / 255, atol=0.2)


@pytest.mark.parametrize(
    ("mode", "options"),
    [("L", {}), ("RGB", {}), ("RGB", {"subsampling": 0}), ("RGB", {"progressive": True}),
     ("RGB", {"restart_marker_blocks": 1}), ("CMYK", {})],
)  # fmt: skip
@pytest.mark.parametrize("size", [(40, 30), (1700, 1001)])
def test_a_jpeg_without_its_end_is_read_if_its_rows_are_there(
    size: tuple[int, int], mode: str, options: dict[str, object]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    image = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode)
    data = encode(image, "JPEG", quality=90, **options)
    assert data.endswith(b"\xff\xd9")
    expected = decode(data, 2_000_000).pixels
    np.testing.assert_array_equal(decode(data[:-2], 2_000_000).pixels, expected)
    broken_off = data[: data.index(b"\xff\xda") + 24]  # in the first scan
    with pytest.raises(NotAnImageError, match="truncated"):
        decode(broken_off, 2_000_000)


def test_a_jpeg_that_ends_in_middle_grey_is_read() -> None:
    """Libjpeg gives such where rows are missing."""
    grey = decode(encode(Image.new("L", (40, 30), 128), "JPEG"), LIMIT).pixels
    np.testing.assert_array_equal(grey, np.full((30, 40), 128))


def bmp(pixels: NDArray[np.uint8]) -> bytes:
    """A BMP of version 5 of (h, w, 4) pixels, as Windows writes them to its clipboard."""
    height, width = pixels.shape[:2]
    data = pixels[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    sizes = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 32, 3, len(data), 0, 0, 0, 0)
    header = (sizes + masks).ljust(124, b"\0")
    return b"BM" + struct.pack("<IHHI", 138 + len(data), 0, 0, 138) + header + data


def test_a_bmp_that_is_all_transparent_is_opaque() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 4), np.uint8)
    pixels[..., 3] = 0
    np.testing.assert_array_equal(decode(bmp(pixels), LIMIT).pixels, pixels[..., :3])
    pixels[0, 0, 3] = 255
    shown = decode(bmp(pixels), LIMIT).pixels
    np.testing.assert_array_equal(shown[0, 0], pixels[0, 0, :3])
    assert (shown.reshape(-1, 3)[1:] == 255).all(), "white paper"


def test_a_gif_s_transparent_colour_is_paper() -> None:
    indices = (DIGIT < 128).astype(np.uint8)  # 0 on ink
    image = Image.fromarray(indices)
    image.putpalette([0, 0, 0, 90, 90, 90])
    data = encode(image, "GIF", transparency=1, comment=b"drawn by hand")
    np.testing.assert_array_equal(decode(data, LIMIT).pixels, 255 * indices)


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


def test_only_a_small_png_is_tiny() -> None:
    def file(side: int, kind: str) -> bytes:
        stream = io.BytesIO()
        Image.new("L", (side, side)).save(stream, kind)
        return stream.getvalue()

    assert is_tiny(file(28, "PNG"))
    assert not is_tiny(file(33, "PNG"))
    assert not is_tiny(file(28, "JPEG"))
    assert not is_tiny(file(28, "PNG") + bytes(5000))
    first, second = file(28, "PNG"), file(5000, "PNG")
    assert not is_tiny(first[:8] + b"\x00\x00\x00\x08tEXt" + bytes(12) + second[8:])
    two_headers = first[:33] + second[8:]  # of which Pillow would go by the second
    with pytest.raises(NotAnImageError, match="broken"):
        decode(two_headers, LIMIT)
