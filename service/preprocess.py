"""From the bytes of an image to the rows that a model reads: 28 x 28, light ink on dark.

Simple on purpose: the digit is expected to fill the picture, as in MNIST.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from service.errors import ApiError, EmptyFileError, ImageTooLargeError, NotAnImageError, quote

SIDE = 28
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

_MID_GREY = 0.5
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(data: bytes, max_pixels: int) -> NDArray[np.float32]:
    """The picture in `data` as float32 (28, 28) in [0, 1], light ink on dark.

    A 28 x 28 grey picture that is light on dark already comes back bit for bit, divided by 255.

    Args:
        data: an encoded image in one of `FORMATS`; of several frames, the first counts.
        max_pixels: refuse a picture with more, before decoding it.

    Raises:
        EmptyFileError: there are no bytes.
        NotAnImageError: they are no such image, or a broken one.
        ImageTooLargeError: it has more than `max_pixels` pixels.

    """
    grey, white = _decode(data, max_pixels)
    scale = SIDE / max(grey.size)
    size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    # Bilinear in Pillow weighs every source pixel when it shrinks, and never overshoots.
    fitted = grey if grey.size == size else grey.resize(size, Image.Resampling.BILINEAR)
    ink = np.asarray(fitted, dtype=np.float32) / np.float32(white)  # (height, width), one is 28
    background = float(np.median(_border(ink)))
    if background > _MID_GREY:
        ink, background = 1 - ink, 1 - background
    return _pad(ink, background)


def _decode(data: bytes, max_pixels: int) -> tuple[Image.Image, float]:
    """The first frame, upright, in mode L (8 bits) or F (deeper), and the value of its white."""
    if not data:
        raise EmptyFileError("the file is empty (0 bytes); send the bytes of an image")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image, max_pixels)
            image.load()
            return _to_grey(_upright(image))
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


def _to_grey(image: Image.Image) -> tuple[Image.Image, float]:
    """Grey, and the value of white in it."""
    if image.mode.startswith(("I", "F")):
        deep = np.asarray(image).astype(np.float32)
        return Image.fromarray(deep), 65535 if image.mode.startswith("I;16") else _white(deep)
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    return image.convert("L"), 255


def _white(values: NDArray[np.float32]) -> float:
    """What white must be in 32-bit pixels, whose format does not say: the scale that they fit."""
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0:
        raise NotAnImageError(
            f"the image holds pixels from {low} to {high}, expected finite numbers from 0"
        )
    return next((white for white in (1.0, 255.0, 65535.0) if high <= white), high)


def _border(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outermost pixels, where paper is expected."""
    return np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])


def _pad(ink: NDArray[np.float32], background: float) -> NDArray[np.float32]:
    """Centre `ink` in 28 x 28 of `background`."""
    height, width = ink.shape
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    rows = np.full((SIDE, SIDE), background, dtype=np.float32)
    rows[top : top + height, left : left + width] = ink
    return rows


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise _too_large(f"{image.width} x {image.height}", max_pixels)


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
