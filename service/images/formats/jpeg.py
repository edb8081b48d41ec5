"""JPEG (ITU T.81): segments, of which tables, frame and scans bear on the pixels."""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from service.images.formats.file_limits import over_limit
from service.images.formats.tiff_directory import read_orientation

SIGNATURE = b"\xff\xd8\xff"
_START_OF_IMAGE, _END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"
# Of segments; between two of them there may be other bytes.
_MARKERS = frozenset(range(0x02, 0xFF)) - frozenset(range(0xD0, 0xD9))
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Their pixels are in a single scan if the first has all components; others may have more.
_SEQUENTIAL_FRAMES = frozenset({0xC0, 0xC1, 0xC9})
_QUANTISATION, _APP1, _SCAN, _END = 0xDB, 0xE1, 0xDA, 0xD9
# With frames: Huffman and arithmetic tables, restart interval, and what JFIF and Adobe say of
# colour.
_BEAR_ON_PIXELS = _FRAMES | {_QUANTISATION, 0xC4, 0xCC, 0xDD, 0xE0, 0xEE}

# Bytes of quantisation tables in front of the pixels; encoders write 520 at most. Larger: Pillow
# takes longer to read crafted ones, in Python; smaller: files of odd encoders are refused.
_MOST_TABLE_BYTES = 4_096


def read_size(data: bytes) -> tuple[int, int]:
    """Read the width and the height from the frame's segment."""
    for marker, start, _ in _segments(data):
        if marker in _FRAMES:
            height, width = data[start + 5 : start + 7], data[start + 7 : start + 9]
            return int.from_bytes(width), int.from_bytes(height)
    raise ValueError("no frame")


def strip(data: bytes) -> tuple[bytes, int]:
    """Leave of a JPEG its tables, its frame and its scans, and add an end; read its orientation.

    Pictures that phones write behind the first go too.

    Raises:
        NotAnImageError: it has absurdly many segments, tables or scans.
        ValueError: it is broken.

    """
    kept, exif, xmp, frame, tables, start = [_START_OF_IMAGE], b"", b"", b"", 0, 0
    for marker, start, end in _segments(data):
        if marker == _APP1 and data.startswith(b"Exif\0\0", start + 4):
            exif = exif or data[start + 4 : end]
        elif marker == _APP1 and data.startswith(b"http://ns.adobe.com/xap/1.0/\0", start + 4):
            xmp = data[start + 4 : end]
        elif marker in _BEAR_ON_PIXELS:
            kept.append(data[start:end])
        if marker == _QUANTISATION:
            tables += end - start
            if tables > _MOST_TABLE_BYTES:
                raise over_limit("bytes of tables", _MOST_TABLE_BYTES)
        if marker in _FRAMES:
            if frame:
                raise ValueError("a second frame")
            frame = data[start:end]
    scans = memoryview(data)[start:]
    # Segments of frame and scan hold their number of components; a sequential frame has one scan
    # if that has all of them.
    has_all = frame[9:10] == data[start + 4 : start + 5]
    if not (frame and frame[1] in _SEQUENTIAL_FRAMES and has_all):
        scans = _checked(scans)
    return b"".join([*kept, scans, _END_OF_IMAGE]), read_orientation(exif, xmp)


def has_end(data: bytes) -> bool:
    """Whether a JPEG has an end, or breaks off."""
    *_, (_, start, _) = _segments(data)
    return _find_end(memoryview(data)[start:]) is not None


# Segments in front of the pixels. Cameras write a dozen, and up to 160 where metadata hold a depth
# map of 10 MB. Larger: crafted files hold the interpreter for longer; smaller: such are refused.
_MOST_SEGMENTS = 300
# Bytes between segments, together; a few cameras write some. Larger and smaller: as above.
_MOST_FILL_BYTES = 16_384


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Find the segments up to that of the first scan: marker, start and end of each."""
    start, fill = 2, _MOST_FILL_BYTES
    for _ in range(_MOST_SEGMENTS):
        if data[start] != 0xFF or data[start + 1] not in _MARKERS:
            found = _MARKER.search(data, start, start + fill)
            if found is None and start + fill < len(data):
                raise over_limit("bytes between segments", _MOST_FILL_BYTES)
            if found is None:
                break
            fill -= found.start() - start
            start = found.start()
        marker = data[start + 1]
        end = start + 2 + (data[start + 2] << 8 | data[start + 3])
        if marker == _END:
            break
        yield marker, start, end
        if marker == _SCAN:
            return
        start = end
    else:
        raise over_limit("segments", _MOST_SEGMENTS)
    raise ValueError("no scan")


# Scans, each of which is a pass over all pixels; progressive JPEGs have about ten. Larger: a small
# file takes minutes to decode; smaller: files of odd encoders are refused.
_MOST_SCANS = 50


def _checked(scans: memoryview) -> memoryview:
    """Cut `scans` off where the picture ends, and count them.

    Where there is a second, the first is whole, which has something of every row.
    """
    end = _find_end(scans)
    count = sum(np.count_nonzero(places) for places in _places(scans[:end], _SCAN))
    if count > _MOST_SCANS:
        raise over_limit("scans", _MOST_SCANS)
    if end is None and count < 2:
        raise ValueError("rows are missing")
    return scans[:end]


def _find_end(scans: memoryview) -> int | None:
    """Find where the first end of an image in `scans` begins."""
    for block, places in enumerate(_places(scans, _END)):
        if places.any():
            return block * _BLOCK + int(places.argmax())
    return None


_BLOCK = 1 << 20  # bytes; a larger one takes more memory, a smaller one more calls


def _places(scans: memoryview, marker: int) -> Iterator[NDArray[np.bool_]]:
    """Tell for each byte of `scans`, a block at a time, whether it begins a `marker`.

    NumPy finds two bytes ten times as fast as `bytes.find`.
    """
    values = np.frombuffer(scans, np.uint8)
    for at in range(0, len(values), _BLOCK):
        block = values[at : at + _BLOCK + 1]
        yield (block[:-1] == 0xFF) & (block[1:] == marker)
