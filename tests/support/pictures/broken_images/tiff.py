"""TIFFs that are broken, or made to cost much."""

import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def tiff(*tags: tuple[int, int, int, int], data: bytes = b"", following: int = 0) -> bytes:
    """A TIFF of these (tag, type, count, value), sound but for them; `data` starts at 1,000."""
    one, short = 1, 3
    sound = {
        256: (short, one, 28), 257: (short, one, 28), 258: (short, one, 8), 259: (short, one, 1),
        262: (short, one, 1), 273: (4, one, 1_000), 277: (short, one, 1), 278: (short, one, 28),
        279: (4, one, 784),
    }  # fmt: skip
    given = [tag for tag, *_ in tags]
    entries = [*tags, *((tag, *rest) for tag, rest in sound.items() if tag not in given)]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    return (head + directory + struct.pack("<I", following)).ljust(1_000, b"\0") + data + bytes(784)


def tiled(pixels: bytes, side: int, *, order: str = "<", large: bool = False) -> bytes:
    """A sound TIFF of 16 x 16 in a tile of `side` x `side`, 8 bits deep, in either byte order."""
    values = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 277: 1, 322: side, 323: side}
    offset, count, number, start = ("Q", "Q", 16, 16) if large else ("I", "H", 4, 8)
    end = start + 300
    values |= {324: end, 325: len(pixels)}
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if large else 42)
    head += struct.pack(f"{order}HHQ", 8, 0, start) if large else struct.pack(f"{order}I", start)
    directory = struct.pack(f"{order}{count}", len(values)) + b"".join(
        struct.pack(f"{order}HH{offset}{offset}", tag, number, 1, value)
        for tag, value in values.items()
    )
    return (head + directory).ljust(end, b"\0") + pixels


def in_rows(planes: NDArray[np.uint8], *, order: str = "<", large: bool = False) -> bytes:
    """A sound, uncompressed TIFF of `planes` (n, h, w), n of 1 or 3, in a strip for each row."""
    count, height, width = planes.shape
    offset, counter, number, start = ("Q", "Q", 16, 16) if large else ("I", "H", 4, 8)
    strips, behind = count * height, start + 300
    size = struct.calcsize(f"={offset}")
    pixels = behind + strips * size
    kind = 1 if count == 1 else 2  # grey in one plane, or colours in planes apart
    values = {
        256: (1, width), 257: (1, height), 258: (1, 8), 259: (1, 1), 262: (1, kind),
        273: (strips, behind), 277: (1, count), 278: (1, 1), 284: (1, kind),
    }  # fmt: skip
    offsets = struct.pack(f"{order}{strips}{offset}", *(pixels + width * i for i in range(strips)))
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if large else 42)
    head += struct.pack(f"{order}HHQ", 8, 0, start) if large else struct.pack(f"{order}I", start)
    directory = struct.pack(f"{order}{counter}", len(values)) + b"".join(
        struct.pack(f"{order}HH{offset}{offset}", tag, number, n, value)
        for tag, (n, value) in values.items()
    )
    return (head + directory).ljust(behind, b"\0") + offsets + planes.tobytes()


def _tiles(count: int, width: int, length: int) -> list[tuple[int, int, int, int]]:
    """The tags of that many tiles, all of which lie at 1,000."""
    return [(322, 4, 1, width), (323, 4, 1, length), (324, 4, count, 600), (325, 4, count, 600)]


def files() -> Iterator[tuple[str, bytes]]:
    """By what is wrong with each."""
    packed = zlib.compress(bytes(100_000))
    deflate = (259, 3, 1, 8)
    yield "tiff of no width", tiff((256, 3, 1, 0))
    yield "tiff of no size", tiff((256, 3, 1, 0), (257, 3, 1, 0))
    yield "tiff of the largest size", tiff((256, 4, 1, 2**32 - 1), (257, 4, 1, 2**32 - 1))
    yield "tiff of a width in words", tiff((256, 2, 4, 0x41414141))
    yield "tiff of a fractional width", tiff((256, 11, 1, 0x41E00000))
    yield "tiff that is its own next", tiff(following=8)
    yield "tiff inside of itself", tiff((330, 4, 1, 8), (34665, 4, 1, 8), (34853, 4, 1, 8))
    yield "tiff of a directory beyond its end", b"II*\0\xff\xff\xff\x7f" + bytes(100)
    yield "tiff of a directory at its start", b"II*\0\0\0\0\0" + bytes(100)
    yield (
        "tiff of many tags",
        b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 9, 5, 9, 9) * 65_535,
    )
    yield "tiff of values beyond its end", tiff((273, 4, 2**31, 8), (279, 4, 2**31, 8))
    yield (
        "tiff of large values",
        tiff(*((40_000 + i, 1, 4_000_000, 1_000) for i in range(50)), data=bytes(4_000_000)),
    )
    yield "tiff of a strip beyond its end", tiff((273, 4, 1, 2**31))
    yield "tiff of endless strips", tiff(deflate, (278, 4, 1, 2**32 - 1), data=packed)
    tile = ((322, 4, 1, 60_000), (323, 4, 1, 30_000), (324, 4, 1, 1_000), (325, 4, 1, 100))
    yield "tiff of a huge tile", tiff(deflate, *tile, data=packed)
    twice = ((322, 3, 1, 32), (323, 3, 1, 32), *tile)
    yield "tiff of a huge tile, denied", tiff(deflate, *sorted(twice, reverse=True), data=packed)
    yield "tiff of an empty tile", tiff(deflate, (322, 3, 1, 0), (323, 3, 1, 0), data=packed)
    yield "tiff of many channels", tiff((277, 3, 1, 65_535))
    yield "tiff of no bits", tiff((258, 3, 1, 0))
    yield "tiff of many bits", tiff((258, 3, 1, 65_535))
    for compression in (2, 3, 4, 5, 6, 7, 8, 32_773, 32_809, 34_712, 34_925, 50_000, 50_001, 9_999):
        junk = bytes(random.Random(compression).randbytes(784))
        yield f"tiff of compression {compression} junk", tiff((259, 3, 1, compression), data=junk)
    many = 1_000_000
    yield "tiff of many strips", tiff((273, 1, many, 1_000), (278, 3, 1, 1), data=bytes(many))
    rationals = struct.pack("<II", 1, 3) * 300_000
    yield "tiff of many rationals", tiff((282, 5, 300_000, 1_000), data=rationals)
    yield "tiff of some tags", tiff(*((30_000 + i, 3, 1, 7) for i in range(2_400)))
    beyond = tiff(deflate, (256, 4, 1, 640), (257, 4, 1, 640), *_tiles(40, 16, 200_000))
    yield "tiff of tiles far beyond it", beyond
    yield "tiff of too many tiles", tiff(deflate, *_tiles(5, 16, 16))
    yield "large tiff of an offset beyond", b"II+\0\x08\0\0\0" + b"\xff" * 8
    yield "large tiff of many tags", b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + b"\xff" * 8 + bytes(99)
