"""GIF (89a): a screen, extensions, and frames, of which the first is the picture."""

import struct

from service.images.formats.file_limits import over_limit

SIGNATURES = b"GIF87a", b"GIF89a"
_EXTENSION, _FRAME, _TRAILER = b"!"[0], b","[0], b";"[0]
_GRAPHIC_CONTROL = 0xF9  # the extension that tells which colour is transparent


def read_size(data: bytes) -> tuple[int, int]:
    """Find the width and the height of the screen, or of what it and the first frame span."""
    width, height = struct.unpack_from("<HH", data, 6)
    _, frame = _find_frame(data)
    left, top, wide, high = struct.unpack_from("<4H", data, frame + 1)
    return max(width, left + wide), max(height, top + high)


def strip(data: bytes) -> tuple[bytes, int]:
    """Leave of a GIF's extensions only what tells of transparency; its orientation is always 1.

    Raises:
        NotAnImageError: it has absurdly many blocks in front of its first frame.
        ValueError: it has no frame.

    """
    controls, frame = _find_frame(data)
    start = _end_of_screen(data)
    return b"".join([data[:start], *controls, memoryview(data)[frame:]]), 1


def _end_of_screen(data: bytes) -> int:
    """Find where the header, the screen's size and its palette end."""
    flags = data[10]
    return 13 + (6 << (flags & 7) if flags & 0x80 else 0)


# Blocks of extensions, each of at most 255 bytes, in front of the first frame; a colour profile and
# an XMP packet take some 200. Larger: crafted files hold the interpreter for longer; smaller: files
# with long comments are refused.
_MOST_BLOCKS = 1_000


def _find_frame(data: bytes) -> tuple[list[bytes], int]:
    """Find the graphic control extensions in front of the first frame, and where it starts."""
    controls: list[bytes] = []
    at, end, left = _end_of_screen(data), len(data), _MOST_BLOCKS
    while at < end and data[at] != _TRAILER:
        if data[at] == _FRAME:
            return controls, at
        start, at = at, at + 1
        left -= 1
        if data[start] == _EXTENSION:
            at += 1
            while at < end and data[at] and left:
                at += 1 + data[at]
                left -= 1
            at += 1
            if data[start + 1 : start + 2] == bytes((_GRAPHIC_CONTROL,)):
                controls.append(data[start:at])
        if left <= 0:
            raise over_limit("blocks", _MOST_BLOCKS)
    raise ValueError("no frame")
