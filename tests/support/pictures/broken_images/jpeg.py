"""JPEGs that are broken, or made to cost much."""

import struct
from collections.abc import Iterator

from PIL import Image

from tests.support.pictures.sound_images import encode, whole

MANY = 200_000  # pieces: of a few bytes each, they fit into a request


def segment(kind: int, data: bytes) -> bytes:
    """A JPEG's segment."""
    return bytes((0xFF, kind)) + struct.pack(">H", len(data) + 2) + data


def exif_loop() -> bytes:
    """A directory that is its own next, its own EXIF, its own GPS and its own makernote."""
    entries = [struct.pack("<HHII", tag, 4, 1, 8) for tag in (0x112, 0x8769, 0x8825, 0x927C)]
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 4) + b"".join(entries) + struct.pack("<I", 8)


def rationals(count: int) -> bytes:
    """A directory whose orientation and resolution are as many fractions each."""
    tags = [struct.pack("<HHII", tag, 5, count, 50) for tag in (0x112, 0x11A)]
    unit = struct.pack("<HHII", 0x128, 3, 1, 2)
    directory = struct.pack("<H", 3) + b"".join([*tags, unit]) + bytes(4)
    return b"II*\0\x08\0\0\0" + directory + struct.pack("<II", 1, 3) * count


def scans(count: int, side: int = 28) -> bytes:
    """A progressive JPEG whose last scan comes `count` times more."""
    data = encode(Image.new("L", (side, side), 200), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


def files() -> Iterator[tuple[str, bytes]]:
    """By what is wrong with each."""
    sound, progressive = whole()["jpeg L"], whole()["jpeg progressive"]
    size, start = sound.index(b"\xff\xc0") + 5, sound.index(b"\xff\xda")

    def with_size(height: int, width: int) -> bytes:
        return sound[:size] + struct.pack(">HH", height, width) + sound[size + 4 :]

    def with_extra(extra: bytes) -> bytes:
        return sound[:2] + extra + sound[2:]

    yield "jpeg of no height", with_size(0, 28)
    yield "jpeg of no size", with_size(0, 0)
    yield "jpeg of the largest size", with_size(65_535, 65_535)
    yield "jpeg of too large a size", with_size(2_000, 2_000)
    yield "jpeg without a scan", sound[:start] + b"\xff\xd9"
    yield "jpeg of two beginnings", sound[:2] * 2 + sound[2:]
    yield "jpeg of an unknown depth", sound[: size - 1] + b"\x0c" + sound[size:]
    yield "jpeg of too many channels", sound[: size + 4] + b"\xff" + sound[size + 5 :]
    for kind, what in ((0xC4, "codes"), (0xDB, "tables"), (0xC0, "frame")):
        at = sound.index(bytes((0xFF, kind)))
        length = 2 + struct.unpack_from(">H", sound, at + 2)[0]
        yield f"jpeg without its {what}", sound[:at] + sound[at + length :]
        yield f"jpeg of {what} without length", sound[: at + 2] + b"\0\0" + sound[at + 4 :]
    yield "jpeg of lossless coding", sound.replace(b"\xff\xc0", b"\xff\xc3")
    yield "jpeg of arithmetic coding", sound.replace(b"\xff\xc0", b"\xff\xc9")
    yield "jpeg progressive in name", sound.replace(b"\xff\xc0", b"\xff\xc2")
    yield "jpeg of scans without a beginning", progressive[:2] + progressive[-200:]
    yield "jpeg of many scans", scans(2_000, side=2_000)
    yield "jpeg with restarts everywhere", with_extra(segment(0xDD, b"\0\1"))
    yield "jpeg with an exif loop", with_extra(segment(0xE1, b"Exif\0\0" + exif_loop()))
    yield "jpeg with exif junk", with_extra(segment(0xE1, b"Exif\0\0MM\0*" + b"\xff" * 60))
    yield "jpeg with much exif", with_extra(segment(0xE1, b"Exif\0\0" + bytes(300)) * 20_000)
    fractions = rationals(300_000)
    cut = (fractions[at : at + 65_000] for at in range(0, len(fractions), 65_000))
    many = b"".join(segment(0xE1, b"Exif\0\0" + part) for part in cut)
    yield "jpeg with much exif in few segments", sound[:2] + many + sound[20:]  # without JFIF's
    tables = segment(0xDB, (b"\0" + b"\1" * 64) * 1_000)
    yield "jpeg of many tables", with_extra(tables * 40)
    yield "jpeg with a profile's middle", with_extra(segment(0xE2, b"ICC_PROFILE\0\x05\x09junk"))
    yield "jpeg of many segments", with_extra(segment(0xFE, b"") * MANY)
    yield "jpeg of much padding", with_extra(b"\xff" * 5_000_000)
    yield "jpeg of many restarts", with_extra(b"\xff\xd0" * 1_000_000)
    index = b"MPF\0II*\0\x08\0\0\0\2\0" + struct.pack("<HHII", 0xB001, 4, 1, 2**31)
    entries = struct.pack("<HHII", 0xB002, 7, 32, 2**31)
    yield (
        "mpo of pictures that are not there",
        with_extra(segment(0xE2, index + entries + bytes(36))),
    )
    yield (
        "jpeg with photoshop's junk",
        with_extra(segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\xff\xff\xff\xff")),
    )
