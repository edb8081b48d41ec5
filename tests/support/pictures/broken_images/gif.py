"""GIFs that are broken, or made to cost much."""

import struct
from collections.abc import Iterator

from tests.support.pictures.sound_images import whole

MANY = 200_000  # pieces: of a few bytes each, they fit into a request


def files() -> Iterator[tuple[str, bytes]]:
    """By what is wrong with each."""
    sound = whole()["gif"]
    body = 13 + 3 * (2 << (sound[10] & 7))  # behind the palette
    frame = sound.index(b",", body)

    def with_extra(extra: bytes) -> bytes:
        return sound[:body] + extra + sound[body:]

    def with_frame(left: int, top: int, width: int, height: int) -> bytes:
        place = struct.pack("<HHHH", left, top, width, height)
        return sound[: frame + 1] + place + sound[frame + 9 :]

    yield "gif of no frame", sound[:body] + b";"
    yield "gif of no size", sound[:6] + bytes(4) + sound[10:]
    yield "gif of the largest size", sound[:6] + b"\xff" * 4 + sound[10:]
    yield "gif of a frame outside", with_frame(60_000, 60_000, 28, 28)
    yield "gif of a frame too large", with_frame(0, 0, 65_535, 65_535)
    yield "gif of an empty frame", with_frame(0, 0, 0, 0)
    yield "gif without a palette", sound[:10] + bytes((sound[10] & 0x7F,)) + sound[11:]
    yield "gif with a palette too short", sound[:10] + bytes((sound[10] & 0xF8,)) + sound[11:]
    for bits in (0, 13, 255):
        yield f"gif of {bits} bits", sound[: frame + 10] + bytes((bits,)) + sound[frame + 11 :]
    yield "gif of clear junk", with_extra(b"!\xf9\4\xff\xff\xff\xff\0")
    yield "gif of a long comment", with_extra(b"!\xfe" + (b"\xff" + bytes(255)) * 20_000 + b"\0")
    yield "gif of many comments", with_extra(b"!\xfe\1x\0" * MANY)
    yield "gif of many extensions", with_extra(b"!\x99\1x\0" * MANY)
    yield "gif of much padding", with_extra(bytes(5_000_000))
