"""Image files that are broken, or made to cost much, each by a name that says how.

    for name, data in broken().items(): ...

All are made here, the same every time: some by hand, some of sound files by a seeded generator.
"""

import functools
import random
from collections.abc import Iterator

from tests.support.pictures.broken_images import bmp, gif, jpeg, png, tiff, webp
from tests.support.pictures.sound_images import whole

Files = Iterator[tuple[str, bytes]]


@functools.cache
def broken() -> dict[str, bytes]:
    """Every file by its name."""
    kinds = (
        _no_image,
        png.files,
        jpeg.files,
        gif.files,
        tiff.files,
        bmp.files,
        webp.files,
        _damaged,
    )
    return {name: data for kind in kinds for name, data in kind()}


def _no_image() -> Files:
    yield "text", b"hello"
    yield "html", b"<!doctype html><img src=x>"
    yield "svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    yield "pdf", b"%PDF-1.7\n"
    yield "pickle", b"\x80\x04cos\nsystem\n(S'true'\ntR."
    yield "zip", b"PK\x03\x04" + bytes(26)
    yield "zeros", bytes(100_000)
    for start in (png.SIGNATURE, b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"RIFF"):
        yield f"{start!r} alone", start
        yield f"{start!r} and zeros", start + bytes(1000)
        yield f"{start!r} and ones", start + b"\xff" * 1000


def _damaged() -> Files:
    """Each sound file cut, overwritten, and grown together with another, by a fixed seed."""
    names = list(whole())
    for name, data in whole().items():
        chance = random.Random(name)
        for share in (0.1, 0.5, 0.9):
            yield f"{name}, cut at {share}", data[: int(share * len(data))]
        noisy = bytearray(data)
        for at in chance.sample(range(8, len(data)), 8):
            noisy[at] = chance.randrange(256)
        yield f"{name}, noisy", bytes(noisy)
        middle = len(data) // 2
        yield f"{name}, a hole in it", data[:middle] + bytes(50) + data[middle + 50 :]
        other = chance.choice(names)
        yield f"{name}, ends as {other}", data[:middle] + whole()[other][-middle:]
        yield f"{name}, a head of ones", data[:12] + b"\xff" * 12 + data[24:]
