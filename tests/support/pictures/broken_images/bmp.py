"""BMPs that are broken, or made to cost much."""

import struct
from collections.abc import Iterator


def bmp(width: int, height: int, *, bits: int = 8, packing: int = 0, data: bytes = b"") -> bytes:
    """A BMP with a grey palette; `packing` 1 is by runs."""
    palette = b"".join(bytes((i, i, i, 0)) for i in range(256))
    offset = 54 + len(palette)
    head = struct.pack("<IHHI", offset + len(data), 0, 0, offset)
    size = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, len(data), 0, 0, 256, 0)
    return b"BM" + head + size + palette + data


def files() -> Iterator[tuple[str, bytes]]:
    """By what is wrong with each."""
    rows = bytes(range(28)) * 28
    yield "bmp of no size", bmp(0, 0, data=rows)
    yield "bmp of a negative width", bmp(-28, 28, data=rows)
    yield "bmp of the lowest height", bmp(28, -(2**31), data=rows)
    yield "bmp of the largest size", bmp(2**31 - 1, 2**31 - 1, data=rows)
    yield "bmp of too few rows", bmp(28, 29, data=rows)
    for bits in (0, 2, 3, 16, 65_535):
        yield f"bmp of {bits} bits", bmp(28, 28, bits=bits, data=rows)
    for packing in (2, 3, 4, 99):
        yield f"bmp of packing {packing}", bmp(28, 28, packing=packing, data=rows)
    yield "bmp of pixels beyond its end", bmp(28, 28, data=rows)[:10] + b"\xff" * 4 + bytes(2_000)
    yield "bmp of an odd header", b"BM" + bytes(8) + b"\x36\0\0\0\x07\0\0\0" + bytes(100)
    yield "bmp of colours without end", bmp(28, 28, data=rows).replace(b"\0\1\0\0", b"\xff" * 4, 1)
    yield "bmp of many colours", bmp(28, 28, data=rows).replace(b"\0\1\0\0", b"\0\0\1\0", 1)
    yield "bmp of ends of lines", bmp(60_000, 40, packing=1, data=b"\1\x55\0\0" * 40)
    yield "bmp of short runs", bmp(2_000, 2_000, packing=1, data=b"\1\x55" * 1_000_000)
    yield "bmp of jumps", bmp(2_000, 2_000, packing=1, data=b"\0\2\1\0" * 1_000_000)
    yield "bmp of a jump out", bmp(28, 28, packing=1, data=b"\0\2\xff\xff" * 1_000)
    yield "bmp of runs without end", bmp(28, 28, packing=1, data=b"\xff\x55" * 1_000)
