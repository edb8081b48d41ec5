"""BMP, from Windows and OS/2: a header, a palette, and rows of pixels, some packed by runs."""

import struct

from service.images.formats.file_limits import over_limit

SIGNATURE = b"BM"
_OS2_HEADER = 12  # bytes of the oldest header, whose numbers are shorter
_PACKED_BY_RUNS = 1, 2


def read_size(data: bytes) -> tuple[int, int]:
    """Read the width and the height, which is negative for rows from the top."""
    [header] = struct.unpack_from("<L", data, 14)
    if header == _OS2_HEADER:
        width, height = struct.unpack_from("<HH", data, 18)
        return width, height
    width, height = struct.unpack_from("<LL", data, 18)
    return width, 2**32 - height if height >> 24 == 0xFF else height


# Colours of a palette, of which 8 bits tell apart no more. Pillow looks at each, in Python.
_MOST_COLOURS = 256
# Bytes and pixels of a BMP that is packed by runs, which Pillow unpacks in Python, in a third of a
# second at these limits. Larger: a small file takes longer; smaller: drawings of old programs are
# refused.
_MOST_BYTES_OF_RUNS, _MOST_PIXELS_OF_RUNS = 500_000, 1_000_000


def strip(data: bytes) -> tuple[bytes, int]:
    """Give a BMP back as it is; its orientation is always 1.

    Raises:
        NotAnImageError: it has absurdly many colours or runs.

    """
    [header] = struct.unpack_from("<L", data, 14)
    if header > _OS2_HEADER:
        bits, packing = struct.unpack_from("<HL", data, 28)
        [colours] = struct.unpack_from("<L", data, 46)
        if bits <= 8 and colours > _MOST_COLOURS:
            raise over_limit("colours", _MOST_COLOURS)
        if packing in _PACKED_BY_RUNS:
            _check_runs(data)
    return data, 1


def _check_runs(data: bytes) -> None:
    width, height = read_size(data)
    if len(data) > _MOST_BYTES_OF_RUNS:
        raise over_limit("bytes of runs", _MOST_BYTES_OF_RUNS)
    if width * height > _MOST_PIXELS_OF_RUNS:
        raise over_limit("pixels packed by runs", _MOST_PIXELS_OF_RUNS)
