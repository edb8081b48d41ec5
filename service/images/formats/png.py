"""PNG, third edition: chunks, of which IHDR, PLTE, tRNS and IDAT bear on the pixels."""

import struct

from service.images.formats.file_limits import over_limit
from service.images.formats.tiff_directory import MOST_EXIF_BYTES, read_orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = SIGNATURE + b"\x00\x00\x00\rIHDR"
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
Chunks = list[bytes | memoryview]
_READ_CHUNK = struct.Struct(">I4s").unpack_from

# Chunks of a file at most, or one for each so many bytes of a larger file. libpng writes pixels in
# chunks of 8 kB and others in larger ones; of metadata there are a dozen. Larger: crafted files
# hold the interpreter for longer; smaller: files of odd writers are refused.
_MOST_CHUNKS, _BYTES_OF_A_CHUNK = 5_000, 2_048
# Bytes of a palette or its transparency; they have 768 and 256 at most.
_MOST_PALETTE_BYTES = 1_024


def read_size(data: bytes) -> tuple[int, int]:
    """The width and the height, which the first chunk holds."""
    if not data.startswith(_HEAD):
        raise ValueError("IHDR is not the first chunk")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def strip(data: bytes) -> tuple[bytes, int]:
    """Leave of a PNG its header, palette and pixels, the pixels in one chunk; and its orientation.

    Raises:
        NotAnImageError: it has absurdly many chunks.
        ValueError: it is broken.

    """
    kept: dict[bytes, bytes] = {}
    pixels: Chunks = []
    exif = b""
    view, at = memoryview(data), len(SIGNATURE)
    most = max(_MOST_CHUNKS, len(data) // _BYTES_OF_A_CHUNK)
    for _ in range(most):
        if at + 8 > len(data):
            break
        length, kind = _READ_CHUNK(data, at)
        end = at + 12 + length  # behind length, kind, data and checksum
        if kind == b"IDAT":
            pixels.append(view[at + 8 : end - 4])
        elif kind == b"eXIf":
            exif = data[at + 8 : min(end - 4, at + 8 + MOST_EXIF_BYTES)]
        elif kind in (b"IHDR", b"PLTE", b"tRNS"):
            if (kind == b"IHDR" and kept) or length > _MOST_PALETTE_BYTES:
                raise ValueError("a second header, or a palette too large")
            kept[kind] = data[at:end]
        elif kind == b"IEND":
            break
        at = end
    else:
        raise over_limit("chunks", most)
    size = sum(map(len, pixels))
    # Pillow reads the checksum of this chunk, but does not compare it.
    joined: Chunks = [struct.pack(">I4s", size, b"IDAT"), *pixels, bytes(4)] if pixels else []
    return b"".join([SIGNATURE, *kept.values(), *joined, _END]), read_orientation(exif)
