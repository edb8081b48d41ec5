"""From the bytes of an image file to its pixels, upright, transparency over white paper."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from service.errors import ApiError, EmptyFileError, ImageTooLargeError, NotAnImageError, quote
from service.images.file_limits import PNG, BoundedFile, tile_pixels
from service.images.picture import Picture

Bytes = NDArray[np.uint8]

# JPEG includes MPO, which many phones write as .jpg: several in a row, the first is the picture.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
ENOUGH = 800  # pixels on the long side: JPEG can be decoded at 1/2, 1/4 or 1/8, but not below

_MAX_SIDE = 65_535  # pixels, as in JPEG; decoding costs something for each row, however short

_TINY_BYTES, _TINY_PIXELS = 4096, 32 * 32
_PNG_HEAD = PNG + b"\x00\x00\x00\rIHDR"
_HEAD_BYTES = 64 * 1024  # in which nearly every file says how large its picture is

_SPARSE = 16  # of so many rows and columns one is looked at first

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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
    if image.mode in ("1", "L") and not image.has_transparency_data:
        return Picture(np.asarray(image.convert("L")), 255)
    pixels = _over_paper(image) if image.has_transparency_data else np.asarray(_as(image, "RGB"))
    grey = _grey(pixels)
    return Picture(pixels if grey is None else grey, 255)


def _as(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def _grey(pixels: Bytes) -> Bytes | None:
    """(h, w) of (h, w, 3) `pixels` if red, green and blue are alike everywhere."""
    few = pixels[::_SPARSE, ::_SPARSE]  # most coloured pictures show it there
    if (few[..., 0] != few[..., 1]).any() or (few[..., 0] != few[..., 2]).any():
        return None
    red = cv2.extractChannel(pixels, 0)
    alike = cv2.norm(cv2.cvtColor(red, cv2.COLOR_GRAY2RGB), pixels, cv2.NORM_INF) == 0
    return np.asarray(red, dtype=np.uint8) if alike else None


def _over_paper(image: Image.Image) -> Bytes:
    """(h, w, 3): composed over white; over black where only that shows anything, as of a white pen.

    A canvas that its page has filled is opaque, and taken as it is.
    """
    image = _as(image, "RGBA")
    pixels = np.asarray(image)
    if np.asarray(cv2.extractChannel(pixels, 3)).min() == 255:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), dtype=np.uint8)
    composed = _compose(image, "white")
    return _compose(image, "black") if _is_even(composed) else composed


def _compose(image: Image.Image, paper: str) -> Bytes:
    composed = Image.new("RGB", image.size, paper)
    composed.paste(image, mask=image)  # as alpha_composite onto what is opaque, and faster
    return np.asarray(composed)


def _is_even(pixels: Bytes) -> bool:
    """Whether all of (h, w, 3) `pixels` have one colour."""
    few = pixels[::_SPARSE, ::_SPARSE]  # enough to see that most have not
    return bool((few == few[0, 0]).all() and (pixels == pixels[0, 0]).all())


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
