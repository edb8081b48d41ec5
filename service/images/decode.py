"""From the bytes of an image file to its pixels, upright, transparency over white paper."""

import functools
import io
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from PIL import Image

from models.arrays import Floats
from service.errors import ApiError, EmptyFileError, ImageTooLargeError, NotAnImageError, quote
from service.images.arrays import Bytes
from service.images.decoder_messages import silence_decoders
from service.images.formats import jpeg, png, tiff
from service.images.image_file import FileHeader, sniff_format_and_size, strip_to_pixels
from service.images.picture import Picture
from service.images.upright import collect_upright

silence_decoders()

# Pixels on the long side that are enough. JPEGs can be decoded at a half, a quarter or an eighth,
# and are, but not below. Larger: photos take longer; smaller: small digits on them have few
# pixels.
ENOUGH = 800


def decode(data: bytes, max_pixels: int, enough: int = ENOUGH) -> Picture:
    """Decode the first frame of the picture in `data`, large JPEGs at a reduced size.

    Args:
        data: an encoded image of one of `FORMATS`.
        max_pixels: refuse a picture with more, before decoding it.
        enough: pixels on the long side below which no JPEG is reduced.

    Raises:
        EmptyFileError: there are no bytes.
        NotAnImageError: they are no such image, or a broken one.
        ImageTooLargeError: it has more than `max_pixels` pixels.

    """
    with _open(data, max_pixels) as (image, orientation):
        scale = min(1.0, enough / max(image.size))
        least = max(1, int(image.width * scale)), max(1, int(image.height * scale))
        image.draft(image.mode, least)  # does nothing unless it is a JPEG
        image.load()
        if _breaks_off(image, data):
            raise ValueError("rows are missing")
        return _to_picture(image, orientation)


def count_pixels(data: bytes, max_pixels: int) -> int:
    """How many pixels `decode` would decode, by the header; 0 of what it refuses by that."""
    header = sniff_format_and_size(data)
    is_too_large = header.pixels > max_pixels or max(header.width, header.height) > _MAX_SIDE
    return 0 if is_too_large else header.pixels


# Bytes of a file, and pixels, up to which reading takes less than half a millisecond. Larger: the
# event loop waits for it; smaller: pictures of MNIST's size are handed to a process.
_TINY_BYTES, _TINY_PIXELS = 4_096, 32 * 32


def is_tiny(data: bytes) -> bool:
    """Whether `data` are a small PNG file of few pixels."""
    if len(data) > _TINY_BYTES or not data.startswith(png.SIGNATURE):
        return False  # without a look at its size, which costs more in other formats
    return 0 < sniff_format_and_size(data).pixels <= _TINY_PIXELS


@contextmanager
def _open(data: bytes, max_pixels: int) -> Iterator[tuple[Image.Image, int]]:
    """Open an image, of which only the header is read, and its orientation; raise our errors."""
    if not data:
        raise EmptyFileError("the file is empty (0 bytes); send the bytes of an image")
    header = sniff_format_and_size(data)
    if not header.format:
        raise NotAnImageError(
            f"the file ({len(data)} bytes, starting {quote(data[:8])}) is not an image; {_EXPECTED}"
        )
    try:
        _check_size(header, data, max_pixels)
        pixels, orientation = strip_to_pixels(data, header.format)
        with Image.open(io.BytesIO(pixels), formats=[header.format]) as image:
            _check_agreement(image, header)
            yield image, orientation
    except (ApiError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("far too many", max_pixels) from None
    # Broken files make readers raise nearly anything, from SyntaxError to struct.error.
    except Exception as error:
        raise NotAnImageError(
            f"the image ({len(data)} bytes) is truncated or broken; {_EXPECTED}, whole"
        ) from error


_EXPECTED = "expected a PNG, JPEG, WebP, BMP, GIF or TIFF image"
# Pixels on a side, as in JPEG; decoding costs something for each row, however short.
_MAX_SIDE = 65_535


def _check_size(header: FileHeader, data: bytes, max_pixels: int) -> None:
    if max(header.width, header.height) > _MAX_SIDE:
        raise ImageTooLargeError(
            f"the image is {header.width} x {header.height}, at most {_MAX_SIDE} pixels are "
            "allowed on a side; send a smaller one"
        )
    if header.pixels > max_pixels:
        raise _too_large(f"{header.width} x {header.height}", max_pixels)
    if header.format == "TIFF":
        _check_tiles(*tiff.tile_pixels(data), max_pixels)


# Times the allowed pixels that all tiles of a TIFF may have. Larger: a small file of tiles that
# reach far beyond the picture takes longer; smaller: large pictures of sound tiles are refused.
_TILES_BEYOND = 2


def _check_tiles(pixels: int, of_all: int, max_pixels: int) -> None:
    if pixels > max_pixels:
        raise _too_large(f"a tile of {pixels}", max_pixels)
    if of_all > _TILES_BEYOND * max_pixels:
        raise _too_large(f"tiles of {of_all}", max_pixels)


def _check_agreement(image: Image.Image, header: FileHeader) -> None:
    """Refuse what Pillow reads another size of, as limits and estimates went by the header's."""
    if image.size != (header.width, header.height):
        raise ValueError("two sizes")


def _too_large(size: str, max_pixels: int) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"the image has {size} pixels, at most {max_pixels} are allowed; send a smaller one"
    )


def _breaks_off(image: Image.Image, data: bytes) -> bool:
    """Whether a JPEG ends before its last row; if only its end marker is missing, it does not.

    Where there is no more data libjpeg goes on in middle grey, which is 127 or 128.
    """
    if image.format != "JPEG":
        return False
    last = image.getpixel((image.width - 1, image.height - 1))
    values = last if isinstance(last, tuple) else (last,)
    return {127, 128}.issuperset(values) and not jpeg.has_end(data)


def _to_picture(image: Image.Image, orientation: int) -> Picture:
    if image.mode.startswith(("I", "F")):
        deep = collect_upright(image, orientation, _to_floats)
        return Picture(deep, 65535 if image.mode.startswith("I;16") else _white_of(deep))
    if _is_transparent(image):
        return Picture(_over_paper(image, orientation), 255)
    is_grey = image.mode in ("1", "L")
    convert = functools.partial(_to_bytes, mode="L" if is_grey else "RGB")
    return Picture(collect_upright(image, orientation, convert), 255)


def _to_floats(band: Image.Image) -> Floats:
    return np.asarray(band).astype(np.float32)


def _white_of(values: Floats) -> float:
    """What white is in 32-bit pixels, whose format does not say: the scale that they fit.

    Raises:
        NotAnImageError: some are negative, or no numbers.

    """
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0:
        raise NotAnImageError(
            f"the image holds pixels from {low} to {high}, expected finite numbers from 0"
        )
    return next((white for white in (1.0, 255.0, 65535.0) if high <= white), high)


def _is_transparent(image: Image.Image) -> bool:
    """Whether an image has transparency; a BMP that is all transparent has none.

    Windows writes 0 for alpha where it means nothing, and shows such pictures opaque.
    """
    if image.format == "BMP" and image.mode == "RGBA":
        return image.getchannel("A").getbbox() is not None
    return image.has_transparency_data


def _over_paper(image: Image.Image, orientation: int) -> Bytes:
    """Compose over white; over black where only that shows anything, as of a white pen."""
    composed = collect_upright(image, orientation, functools.partial(_compose, paper="white"))
    if not _is_even(composed):
        return composed
    del composed  # before there is another of its size
    return collect_upright(image, orientation, functools.partial(_compose, paper="black"))


def _compose(band: Image.Image, paper: str) -> Bytes:
    band = _as(band, "RGBA")
    composed = Image.new("RGB", band.size, paper)
    composed.paste(band, mask=band)  # as alpha_composite onto what is opaque, and faster
    return _to_bytes(composed, "RGB")


def _to_bytes(band: Image.Image, mode: str) -> Bytes:
    """(h, w) of grey bands, be their `mode` L or RGB, and (h, w, 3) of others."""
    pixels = np.asarray(_as(band, mode))
    grey = _grey_of(pixels) if mode == "RGB" else pixels
    return pixels if grey is None else grey


def _as(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


# Of so many rows and columns one is looked at first, which tells of most pictures that they have
# colour. Larger: fewer show it there; smaller: looking takes longer.
_SPARSE = 16


def _grey_of(pixels: Bytes) -> Bytes | None:
    """(h, w) of (h, w, 3) `pixels` if red, green and blue are alike everywhere."""
    few = pixels[::_SPARSE, ::_SPARSE]
    if (few[..., 0] != few[..., 1]).any() or (few[..., 0] != few[..., 2]).any():
        return None
    red = cv2.extractChannel(pixels, 0)
    is_grey = cv2.norm(cv2.cvtColor(red, cv2.COLOR_GRAY2RGB), pixels, cv2.NORM_INF) == 0
    return np.asarray(red, dtype=np.uint8) if is_grey else None


def _is_even(pixels: Bytes) -> bool:
    """Whether all of (h, w) or (h, w, 3) `pixels` have one colour."""
    first = pixels[0, 0]
    if (pixels[::_SPARSE, ::_SPARSE] != first).any():
        return False
    rows = range(0, len(pixels), 64)  # some at a time, as the comparison takes memory too
    return not any((pixels[top : top + 64] != first).any() for top in rows)
