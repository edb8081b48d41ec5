"""WebPs that are broken, or made to cost much."""

import struct
from collections.abc import Iterator

from tests.support.pictures.broken_images.jpeg import rationals
from tests.support.pictures.sound_images import whole

MANY = 200_000  # pieces: of a few bytes each, they fit into a request


def riff(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    """A WebP of these chunks; its size is right unless another is given."""
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body) if size is None else size) + b"WEBP" + body


def files() -> Iterator[tuple[str, bytes]]:
    """By what is wrong with each."""
    lossy = whole()["webp"][20:]  # behind the header of its one chunk
    canvas = b"\x02\0\0\0\xff\xff\xff\xff\xff\xff"  # animated, of 16,777,216 x 16,777,216
    loop = (b"ANIM", bytes(6))
    yield "webp of no chunk", riff()
    yield "webp of the wrong size", riff((b"VP8 ", lossy), size=2**32 - 1)
    yield "webp of a size too small", riff((b"VP8 ", lossy), size=10)
    yield "webp of no size", riff((b"VP8 ", lossy[:6] + bytes(4) + lossy[10:]))
    yield "webp of the largest size", riff((b"VP8 ", lossy[:6] + b"\xff\x3f" * 2 + lossy[10:]))
    yield "webp lossless junk", riff((b"VP8L", b"\x2f" + b"\xff" * 100))
    yield "webp of a canvas alone", riff((b"VP8X", canvas))
    yield "webp of a huge canvas", riff((b"VP8X", canvas), loop, (b"ANMF", bytes(16)))
    yield "webp of no frames", riff((b"VP8X", canvas[:4] + b"\x1b\0\0" * 2), loop)
    yield (
        "webp of a frame outside",
        riff((b"VP8X", canvas[:4] + b"\x1b\0\0" * 2), loop, (b"ANMF", b"\xff" * 16 + lossy)),
    )
    yield (
        "webp of clear junk",
        riff(
            (b"VP8X", b"\x10" + canvas[1:4] + b"\x1b\0\0" * 2),
            (b"ALPH", b"\xff" * 9),
            (b"VP8 ", lossy),
        ),
    )
    extended = (b"VP8X", b"\x08\0\0\0" + b"\x1b\0\0" * 2)
    exif = (b"EXIF", rationals(300_000))
    yield "webp with much exif", riff(extended, (b"VP8 ", lossy), exif)
    junk = [(b"junk", b"")] * MANY
    yield "extended webp of many chunks", riff(extended, (b"VP8 ", lossy), *junk)
    yield "webp of many chunks", riff((b"VP8 ", lossy), *[(b"junk", b"")] * MANY)
