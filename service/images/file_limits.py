"""Small image files that would cost much, although they show few pixels: kept from Pillow.

Pillow reads metadata before pixels, in Python, without a limit; it decodes every scan of a JPEG,
and makes room for a whole tile of a TIFF. A file of 10 MiB was measured to take half a minute
(thousands of colour profiles in a PNG, of EXIF segments in a JPEG), one of 0.4 MB a minute and a
half (2,000 scans), and one of 0.3 kB to take 1.8 GB (a tile). None of it can be interrupted.
"""

import io
import re
from typing import Literal

from service.errors import NotAnImageError

# Metadata come in pieces, each read by itself; those of photographs are some hundreds.
_MOST_PIECES = 5_000
# Of pixels, which are read in large pieces, but for a BMP's runs and for PNGs of a few encoders.
_MOST_PIECES_OF_PIXELS = 500_000
# Progressive JPEGs have about ten scans, each of which is a pass over all pixels.
_MOST_SCANS = 50

PNG = b"\x89PNG\r\n\x1a\n"
# What bears on the pixels of the first frame, and their orientation.
_PNG_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND"})

_JPEG = b"\xff\xd8"
# Of a segment; between segments, and among the bits of a scan, other bytes than these may stand.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
_END_OF_IMAGE, _START_OF_SCAN = b"\xd9", b"\xda"

_BIG_TIFF = 43
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_BYTES_OF_TYPE = {1: 1, 3: 2, 4: 4, 6: 1, 8: 2, 9: 4, 16: 8, 17: 8}  # TIFF's whole numbers


class BoundedFile(io.BytesIO):
    """An image file for Pillow that refuses to be read in absurdly many pieces."""

    def __init__(self, data: bytes) -> None:
        """Hold `data`.

        Raises:
            NotAnImageError: it is a JPEG of absurdly many scans.

        """
        if data.startswith(PNG):
            data = _without_metadata(data)
        elif data.startswith(_JPEG):
            _check_scans(data)
        super().__init__(data)
        self._read, self._most = 0, _MOST_PIECES

    def end_of_header(self) -> None:
        """Allow for the pixels."""
        self._most = _MOST_PIECES_OF_PIXELS

    def read(self, size: int | None = -1, /) -> bytes:
        """As ever.

        Raises:
            NotAnImageError: this is one piece too many.

        """
        self._read += 1
        if self._read > self._most:
            raise _too_many_pieces(self._most)
        return super().read(size)


def tile_pixels(data: bytes) -> int:
    """How many pixels a TIFF says that each of its tiles has; 0 where it says nothing.

    Pillow keeps the last of several tags of one number, and libtiff decodes by the first; this is
    the most that any of them makes.
    """
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"

    def number(at: int, length: int) -> int:
        return int.from_bytes(data[at : at + length], order)

    # Classic TIFF and BigTIFF differ in the bytes of an offset, a count and an entry.
    start, counted, entry = (8, 8, 20) if number(2, 2) == _BIG_TIFF else (4, 2, 12)
    directory = number(start, start)
    first = directory + counted
    last = min(first + entry * number(directory, counted), len(data))
    sides = {_TILE_WIDTH: 0, _TILE_LENGTH: 0}
    for at in range(first, last, entry):
        if (tag := number(at, 2)) in sides:
            length = _BYTES_OF_TYPE.get(number(at + 2, 2), 4)
            sides[tag] = max(sides[tag], number(at + entry - start, length))
    return sides[_TILE_WIDTH] * sides[_TILE_LENGTH]


def _without_metadata(png: bytes) -> bytes:
    """`png` without the chunks that do not bear on its pixels."""
    kept, start = [PNG], len(PNG)
    while start < len(png):
        end = start + 12 + int.from_bytes(png[start : start + 4])  # length, name, data, checksum
        if png[start + 4 : start + 8] in _PNG_CHUNKS:
            kept.append(png[start:end])
        start = end
    return b"".join(kept)


def _check_scans(jpeg: bytes) -> None:
    """Refuse what would be decoded again and again; previews in the metadata do not count."""
    scans, place = 0, len(_JPEG)
    for _ in range(_MOST_PIECES):
        marker = _MARKER.search(jpeg, place)
        if not marker or marker[1] == _END_OF_IMAGE:
            return
        place = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2])
        scans += marker[1] == _START_OF_SCAN
        if scans > _MOST_SCANS:
            raise NotAnImageError(
                f"the JPEG has more than {_MOST_SCANS} scans; save it again, for example as PNG"
            )
    raise _too_many_pieces(_MOST_PIECES)


def _too_many_pieces(most: int) -> NotAnImageError:
    return NotAnImageError(
        f"the image is stored in more than {most} pieces; save it again, without metadata"
    )
