"""Sound image files damaged at random: read or refused, nothing else may happen."""

import random

from tests.support.pictures.sound_images import whole

HEADER = 64  # bytes; where most of what a format says of itself stands
# What numbers of a header go wrong at.
ODD = [b"\0", b"\xff", b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\x80"]

Chance = random.Random


def place(data: bytes, chance: Chance) -> int:
    """A place in `data`, in its header as often as behind."""
    last = max(0, len(data) - 1)
    return chance.randint(0, min(HEADER, last) if chance.random() < 0.5 else last)


def overwritten(data: bytes, chance: Chance) -> bytes:
    at, new = place(data, chance), chance.choice([*ODD, chance.randbytes(chance.randint(1, 4))])
    return data[:at] + new + data[at + len(new) :]


def flipped(data: bytes, chance: Chance) -> bytes:
    at = place(data, chance)
    return (
        data[:at]
        + bytes(byte ^ 1 << chance.randrange(8) for byte in data[at : at + 1])
        + data[at + 1 :]
    )


def without_a_piece(data: bytes, chance: Chance) -> bytes:
    first, last = sorted((place(data, chance), place(data, chance)))
    return data[:first] + data[last:]


def repeated(data: bytes, chance: Chance) -> bytes:
    first, last = sorted((place(data, chance), place(data, chance)))
    return data[:last] + data[first:last] * chance.randint(1, 20) + data[last:]


def spliced(data: bytes, chance: Chance) -> bytes:
    other = chance.choice(list(whole().values()))
    return data[: place(data, chance)] + other[place(other, chance) :]


def cut(data: bytes, chance: Chance) -> bytes:
    return data[: place(data, chance) + 1]


WAYS = [overwritten, flipped, without_a_piece, repeated, spliced, cut]


def damaged(name: str, chance: Chance) -> bytes:
    """The sound file of this name after up to four damages."""
    data = whole()[name]
    for _ in range(chance.randint(1, 4)):
        data = chance.choice(WAYS)(data, chance)
    return data
