"""WebP: a RIFF of chunks, the first of which tells the size."""

import struct

from service.images.formats.file_limits import over_limit
from service.images.formats.tiff_directory import MOST_EXIF_BYTES, read_orientation

_LOSSY, _LOSSLESS, _EXTENDED = b"VP8 ", b"VP8L", b"VP8X"


def read_size(data: bytes) -> tuple[int, int]:
    """Read the width and the height, which the three kinds of WebP write in different ways."""
    kind = data[12:16]
    if kind == _LOSSY and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == _LOSSLESS and data[20:21] == b"\x2f":
        [bits] = struct.unpack_from("<L", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == _EXTENDED and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    raise ValueError("no size")


# Chunks of an extended WebP, one for each frame and a few for metadata. Larger: crafted files hold
# the interpreter for longer; smaller: long animations are refused.
_MOST_CHUNKS = 5_000
_EXIF, _XMP = b"EXIF", b"XMP "
_METADATA = _EXIF, _XMP, b"ICCP"  # which is a colour profile


def strip(data: bytes) -> tuple[bytes, int]:
    """Leave of a WebP all but metadata, which only extended ones have; read its orientation.

    Raises:
        NotAnImageError: it has absurdly many chunks.

    """
    if data[12:16] != _EXTENDED:
        return data, 1
    view, kept, found = memoryview(data), [], dict.fromkeys(_METADATA, b"")
    [size] = struct.unpack_from("<L", data, 4)
    at, end = 12, min(8 + size, len(data))
    for _ in range(_MOST_CHUNKS):
        if at + 8 > end:
            break
        kind, length = struct.unpack_from("<4sL", data, at)
        following = at + 8 + length + length % 2
        if kind in _METADATA:
            size -= following - at
            found[kind] = found[kind] or data[at + 8 : at + 8 + min(length, MOST_EXIF_BYTES)]
        else:
            kept.append(view[at:following])
        at = following
    else:
        raise over_limit("chunks", _MOST_CHUNKS)
    orientation = read_orientation(found[_EXIF], found[_XMP])
    return b"".join([b"RIFF", struct.pack("<L", max(size, 0)), b"WEBP", *kept]), orientation
