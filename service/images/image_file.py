"""An image file's bytes: its format and size by the first of them, and what bears on its pixels."""

import struct
from typing import NamedTuple, Protocol

from service.errors import ApiError
from service.images.formats import bmp, gif, jpeg, png, tiff, webp
from service.images.formats.tiff_directory import SIGNATURES as TIFF_SIGNATURES


class _Format(Protocol):
    """What the module of a format does; of a broken file it raises one of `_BROKEN`."""

    def read_size(self, data: bytes) -> tuple[int, int]:
        """Read the width and the height of a picture."""

    def strip(self, data: bytes) -> tuple[bytes, int]:
        """Leave what bears on the pixels; read the orientation, from 1 to 8 as in EXIF."""


_FORMATS: dict[str, _Format] = {
    "PNG": png, "JPEG": jpeg, "WEBP": webp, "BMP": bmp, "GIF": gif, "TIFF": tiff,
}  # fmt: skip
FORMATS = tuple(_FORMATS)
_BROKEN = (ValueError, IndexError, struct.error, ApiError)


class FileHeader(NamedTuple):
    """The format, one of `FORMATS` or none, and the size in pixels, 0 x 0 if it cannot be read."""

    format: str
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """How many there are."""
        return self.width * self.height


def sniff_format_and_size(data: bytes) -> FileHeader:
    """Read a file's format and size from its first bytes, without a library.

    It takes some microseconds, and up to 0.2 ms for crafted files. A picture that turns out to have
    another size is never decoded.
    """
    form = _sniff_format(data)
    if not form:
        return FileHeader("", 0, 0)
    try:
        width, height = _FORMATS[form].read_size(data)
    except _BROKEN:
        return FileHeader(form, 0, 0)
    return FileHeader(form, width, height) if min(width, height) > 0 else FileHeader(form, 0, 0)


def _sniff_format(data: bytes) -> str:
    if data.startswith(png.SIGNATURE):
        return "PNG"
    if data.startswith(jpeg.SIGNATURE):
        return "JPEG"
    if data.startswith(b"RIFF") and data.startswith(b"WEBP", 8):
        return "WEBP"
    if data.startswith(gif.SIGNATURES):
        return "GIF"
    if data.startswith(TIFF_SIGNATURES):
        return "TIFF"
    return "BMP" if data.startswith(bmp.SIGNATURE) else ""


def strip_to_pixels(data: bytes, form: str) -> tuple[bytes, int]:
    """Leave of a file of format `form` what bears on its pixels; and read its orientation.

    Raises:
        NotAnImageError: it is stored in absurdly many pieces.
        Exception: it is broken.

    """
    return _FORMATS[form].strip(data)
