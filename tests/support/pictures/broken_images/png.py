"""PNGs that are broken, or made to cost much."""

import struct
import zlib
from collections.abc import Iterator

from tests.support.pictures.broken_images.jpeg import exif_loop, rationals

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MANY = 200_000  # pieces: of a few bytes each, they fit into a request


def chunk(name: bytes, data: bytes = b"", checksum: int | None = None) -> bytes:
    """A PNG's chunk; its checksum is right unless another is given."""
    checksum = zlib.crc32(name + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def png(
    width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 0, extra: bytes = b""
) -> bytes:
    """A PNG that claims this size and holds the filtered `rows`; `extra` precedes them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return SIGNATURE + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def files() -> Iterator[tuple[str, bytes]]:
    """By what is wrong with each."""
    rows = (b"\0" + bytes(range(28))) * 28
    yield "png of no width", png(0, 28, rows)
    yield "png of no size", png(0, 0, b"")
    yield "png of the largest size", png(2**31 - 1, 2**31 - 1, rows)
    yield "png of a negative size", png(2**32 - 1, 28, rows)
    yield "png of too few rows", png(28, 29, rows)
    yield "png of far too many rows", png(28, 28, rows * 10_000)
    yield "png that unpacks to much", png(28, 28, bytes(50_000_000))
    yield "png of one pixel column", png(1, 65_535, bytes(2 * 65_535))
    yield "png of an unknown filter", png(28, 28, (b"\x09" + bytes(28)) * 28)
    yield "png of an unknown depth", png(28, 28, rows, depth=3)
    yield "png of an unknown colour", png(28, 28, rows, colour=5)
    yield "png without its palette", png(28, 28, rows, colour=3)
    yield "png with a palette too short", png(28, 28, rows, colour=3, extra=chunk(b"PLTE", b"abc"))
    yield "png with a palette cut", png(28, 28, rows, colour=3, extra=chunk(b"PLTE", b"ab"))
    yield "png with odd transparency", png(28, 28, rows, extra=chunk(b"tRNS", b"a"))
    yield "png with a wrong checksum", png(28, 28, rows).replace(b"IEND\xae", b"IEND\0")
    damaged = chunk(b"PLTE", b"abc", checksum=0)
    yield "png with a wrong checksum before", png(28, 28, rows, colour=3, extra=damaged)
    yield "png of a chunk without end", png(28, 28, rows, extra=b"\xff\xff\xff\xffPLTE")
    yield "png of two headers", png(28, 28, rows, extra=png(9_999, 9_999, b"")[8:33])
    yield "png with exif junk", png(28, 28, rows, extra=chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"))
    yield "png with much exif", png(28, 28, rows, extra=chunk(b"eXIf", rationals(300_000)))
    headless = png(28, 28, rows)[len(SIGNATURE) :]
    yield "png of data before its header", SIGNATURE + chunk(b"prVt", bytes(70_000)) + headless
    yield "png with an exif loop", png(28, 28, rows, extra=chunk(b"eXIf", exif_loop()))
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1_000_000)))
    yield "png of many profiles", png(28, 28, rows, extra=profile * 9_000)
    yield "png of many profiles behind", png(28, 28, rows)[:-12] + profile * 9_000
    text = chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(1_000_000)))
    yield "png of much text", png(28, 28, rows, extra=text * 1_000)
    yield "png of many chunks", png(28, 28, rows, extra=chunk(b"prVt") * MANY)
    yield "png of many orientations", png(28, 28, rows, extra=chunk(b"eXIf", b"II") * MANY)
    yield "png of many empty pieces", png(28, 28, rows, extra=chunk(b"IDAT") * MANY)
    frames = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    yield "png of frames that are not there", png(28, 28, rows, extra=frames)
