"""From the bytes of an image file to its pixels, upright, transparency over white paper."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from service.bombs import PNG, BoundedFile, tile_pixels
from service.errors import ApiError, EmptyFileError, ImageTooLargeError, NotAnImageError, quote

# JPEG includes MPO, which many phones write as .jpg: several in a row, the first is the picture.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
ENOUGH = 800  # pixels on the long side: JPEG can be decoded at 1/2, 1/4 or 1/8, but not below

_MAX_SIDE = 65_535  # pixels, as in JPEG; decoding costs something for each row, however short

_TINY_BYTES, _TINY_PIXELS = 4096, 32 * 32
_PNG_HEAD = PNG + b"\x00\x00\x00\rIHDR"
_HEAD_BYTES = 64 * 1024  # in which nearly every file says how large its picture is

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Picture:
    """Decoded pixels.

    `pixels` is (height, width) uint8 or, when the file is deeper, float32; or (height, width, 3)
    uint8, red first. Finite, in [0, `white`].
    """

    pixels: NDArray[np.uint8] | NDArray[np.float32]
    white: float


def decode(data: bytes, max_pixels: int) -> Picture:
    """The first frame of the picture in `data`, large JPEGs at a reduced size.

    Args:
        data: an encoded image in one of `FORMATS`.
        max_pixels: refuse a picture with more, before decoding it.

    Raises:
        EmptyFileError: there are no bytes.
        NotAnImageError: they are no such image, or a broken one.
        ImageTooLargeError: it has more than `max_pixels` pixels.

    """
    with _open(data, max_pixels) as image:
        scale = min(1.0, ENOUGH / max(image.size))
        enough = max(1, int(image.width * scale)), max(1, int(image.height * scale))
        image.draft(image.mode, enough)  # does nothing unless it is a JPEG
        image.load()
        return _to_picture(_upright(image))


def count_pixels(data: bytes, max_pixels: int) -> int:
    """How many pixels `decode` would decode, by the header: 0 of what it refuses by that."""
    try:
        with _open(data, max_pixels) as image:
            return image.width * image.height
    except ApiError:
        return 0


def is_tiny(data: bytes) -> bool:
    """Whether `data` are a small PNG file of few pixels, by its header.

    PNG, third edition, 11.2.1: behind the signature the first chunk, IHDR, begins with width and
    height, four bytes each. Pillow goes by the last one that there is.
    """
    if len(data) > _TINY_BYTES or not data.startswith(_PNG_HEAD) or data.count(b"IHDR") > 1:
        return False
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    return width * height <= _TINY_PIXELS


def weigh(data: bytes, max_pixels: int) -> tuple[str, int]:
    """The format of the picture in `data` and its pixels, by its first bytes; "" and 0 if unknown.

    It takes a fraction of a millisecond, whatever the picture, and need not be right.
    """
    # A TIFF's directory may be anywhere, and is read by jumps; WebP's reader wants it whole.
    head = data if data.startswith((b"II", b"MM", b"RIFF")) else data[:_HEAD_BYTES]
    try:
        with _open(head, max_pixels) as image:
            return image.format or "", image.width * image.height
    except ApiError:
        return "", 0


@contextmanager
def _open(data: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """The image, of which only the header has been read; a broken one fails with our errors."""
    if not data:
        raise EmptyFileError("the file is empty (0 bytes); send the bytes of an image")
    try:
        file = BoundedFile(data)
        with Image.open(file, formats=FORMATS) as image:
            _check_size(image, max_pixels)
            if image.format == "TIFF":
                _check_tile(tile_pixels(data), max_pixels)
            file.end_of_header()
            yield image
    except ApiError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("far too many", max_pixels) from None
    # Broken files make Pillow's readers raise nearly anything, from SyntaxError to struct.error.
    except Exception as error:
        raise NotAnImageError(_describe(data, error)) from error


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation says; a broken EXIF block says nothing."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        orientation = None
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _to_picture(image: Image.Image) -> Picture:
    if image.mode.startswith(("I", "F")):
        deep = np.asarray(image).astype(np.float32)
        return Picture(deep, 65535 if image.mode.startswith("I;16") else _white(deep))
    if image.has_transparency_data:
        image = _over_paper(image.convert("RGBA"))
    if image.mode in ("1", "L"):
        return Picture(np.asarray(image.convert("L")), 255)
    colour = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    return Picture(colour if _has_colour(colour) else np.ascontiguousarray(colour[..., 0]), 255)


def _has_colour(pixels: NDArray[np.uint8]) -> bool:
    """Whether red, green and blue differ anywhere in (h, w, 3) `pixels`."""
    few = pixels[::16, ::16]  # most coloured pictures show it there
    if (few[..., 0] != few[..., 1]).any() or (few[..., 0] != few[..., 2]).any():
        return True
    red, green, blue = cv2.split(pixels)
    return not (np.array_equal(red, green) and np.array_equal(red, blue))


def _over_paper(image: Image.Image) -> Image.Image:
    """Composed over white; over black where only that shows anything, as of a white pen."""
    for paper in ("white", "black"):
        composed = Image.alpha_composite(Image.new("RGBA", image.size, paper), image).convert("RGB")
        if any(np.ptp(extrema) > 0 for extrema in composed.getextrema()):
            break
    return composed


def _white(values: NDArray[np.float32]) -> float:
    """What white must be in 32-bit pixels, whose format does not say: the scale that they fit."""
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0:
        raise NotAnImageError(
            f"the image holds pixels from {low} to {high}, expected finite numbers from 0"
        )
    return next((white for white in (1.0, 255.0, 65535.0) if high <= white), high)


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if max(image.size) > _MAX_SIDE:
        raise ImageTooLargeError(
            f"the image is {image.width} x {image.height}, at most {_MAX_SIDE} pixels are allowed "
            "on a side; send a smaller one"
        )
    if image.width * image.height > max_pixels:
        raise _too_large(f"{image.width} x {image.height}", max_pixels)


def _check_tile(pixels: int, max_pixels: int) -> None:
    if pixels > max_pixels:
        raise _too_large(f"a tile of {pixels}", max_pixels)


def _too_large(size: str, max_pixels: int) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"the image has {size} pixels, at most {max_pixels} are allowed; send a smaller one"
    )


def _describe(data: bytes, error: Exception) -> str:
    expected = "expected a PNG, JPEG, WebP, BMP, GIF or TIFF image"
    if isinstance(error, UnidentifiedImageError):
        return (
            f"the file ({len(data)} bytes, starting {quote(data[:8])}) is not an image; {expected}"
        )
    return f"the image ({len(data)} bytes) is truncated or broken; {expected}, whole"
