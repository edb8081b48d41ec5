"""Pictures of handwritten numbers, by kind, the same for the same seed.

    number = draw("touching", pool, seed=3)      # its `data` is a PNG or JPEG file
    number.text                                  # "30714"; lines are divided by "\n"

`pool` of `digit_lines` says of which digits they are composed: of MNIST's test digits where they
judge, and of its training digits where something is chosen.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from tests.support.pictures.digit_lines import Pool, Spacing, compose, enlarge
from tests.support.pictures.no_numbers import draw_nothing
from tests.support.pictures.painting import (
    BLACK,
    Bytes,
    Floats,
    Random,
    encode,
    finish,
    folds,
    ink_on,
    light_from_a_side,
    ruling,
    shadow,
    sheet,
    warp,
)

Box = tuple[int, int, int, int]  # left, top, width, height in pixels of the picture


@dataclass(frozen=True)
class Number:
    """An encoded picture, what it says, and the box of each digit where nothing moved them.

    `boxes` is empty where the picture was bent afterwards.
    """

    data: bytes
    text: str
    boxes: list[Box]


@dataclass(frozen=True)
class _Page:
    """The ink (h, w) of a number, and each digit's box in it."""

    ink: Floats
    text: str
    boxes: list[Box]


Kind = Callable[[Pool, Random], tuple[Bytes, str, list[Box]]]


def draw(kind: str, pool: Pool, seed: int) -> Number:
    """The picture of `kind` that `seed` gives."""
    random = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    pixels, text, boxes = KINDS[kind](pool, random)
    suffix = ".jpg" if kind == "paper" and random.random() < 0.5 else ".png"
    return Number(encode(pixels, suffix, random), text, boxes)


def _digits(random: Random, fewest: int, most: int) -> str:
    return "".join(map(str, random.integers(0, 10, random.integers(fewest, most + 1))))


def _written(
    texts: list[str], pool: Pool, random: Random, spacing: Spacing, tall: tuple[float, float]
) -> _Page:
    """A page with `texts` one below the other, its margins at random.

    Args:
        texts: of each line.
        pool: of digits.
        random: draws all that varies.
        spacing: of the digits.
        tall: range of a digit's height in pixels.

    """
    scale = random.uniform(*tall) / 20
    lines = [enlarge(compose(text, pool, random, spacing), scale) for text in texts]
    unit = 20 * scale
    gaps = [round(unit * random.uniform(0.35, 1)) for _ in lines]
    margin = [round(unit * random.uniform(0.25, 1.5)) for _ in range(4)]
    wide = max(line.ink.shape[1] for line in lines)
    height = sum(line.ink.shape[0] for line in lines) + sum(gaps[1:]) + margin[0] + margin[1]
    ink = np.zeros((height, wide + margin[2] + margin[3]), np.float32)
    top, boxes = margin[0], []
    for line, gap in zip(lines, [*gaps[1:], 0], strict=True):
        left = margin[2] + round(random.uniform(0, min(wide - line.ink.shape[1], unit)))
        rows, columns = line.ink.shape
        ink[top : top + rows, left : left + columns] = line.ink
        boxes += [_moved(box, left, top) for box in line.boxes]
        top += rows + gap
    return _Page(ink, "\n".join(texts), boxes)


def _moved(box: tuple[int, int, int, int], x: int, y: int) -> Box:
    left, top, right, bottom = box
    return left + x, top + y, right - left, bottom - top


_TALL = (24.0, 130.0)


def apart(pool: Pool, random: Random) -> tuple[Bytes, str, list[Box]]:
    """Two to six digits, apart, in black on even paper."""
    page = _written([_digits(random, 2, 6)], pool, random, Spacing(), _TALL)
    return finish(ink_on(sheet(page.ink.shape, random), page.ink)), page.text, page.boxes


def touching(pool: Pool, random: Random) -> tuple[Bytes, str, list[Box]]:
    """The same, but a third of all neighbours overlap by 1 to 4 pixels at MNIST's scale."""
    spacing = Spacing(touching=1 / 3)
    page = _written([_digits(random, 2, 6)], pool, random, spacing, _TALL)
    return finish(ink_on(sheet(page.ink.shape, random), page.ink)), page.text, page.boxes


def long(pool: Pool, random: Random) -> tuple[Bytes, str, list[Box]]:
    """Seven to twelve digits, apart."""
    page = _written([_digits(random, 7, 12)], pool, random, Spacing(), _TALL)
    return finish(ink_on(sheet(page.ink.shape, random), page.ink)), page.text, page.boxes


def lines(pool: Pool, random: Random) -> tuple[Bytes, str, list[Box]]:
    """Two or three lines of one to six digits."""
    texts = [_digits(random, 1, 6) for _ in range(int(random.integers(2, 4)))]
    page = _written(texts, pool, random, Spacing(), _TALL)
    return finish(ink_on(sheet(page.ink.shape, random), page.ink)), page.text, page.boxes


def boxes(pool: Pool, random: Random) -> tuple[Bytes, str, list[Box]]:
    """A form with one printed cell for each of two to nine digits."""
    text = _digits(random, 2, 9)
    tall = random.uniform(26, 80)
    cell = round(tall * random.uniform(1.3, 1.8)), round(tall * random.uniform(1.1, 1.6))
    space = 0 if random.random() < 0.6 else round(tall * random.uniform(0.1, 0.4))
    margin = round(tall * random.uniform(0.2, 1))
    size = cell[0] + 2 * margin, len(text) * (cell[1] + space) + 2 * margin
    ink, print_ = np.zeros(size, np.float32), np.zeros(size, np.float32)
    thick = max(1, round(tall * random.uniform(0.02, 0.06)))
    places: list[Box] = []
    for place, digit in enumerate(text):
        left = margin + place * (cell[1] + space)
        corner = left + cell[1], margin + cell[0]
        cv2.rectangle(print_, (left, margin), corner, 1.0, thick)
        line = enlarge(compose(digit, pool, random, Spacing()), tall / 20)
        spare = [max(0, side - own) for side, own in zip(cell, line.ink.shape, strict=True)]
        y, x = (round(most * random.uniform(0.25, 0.75)) for most in spare)
        at = np.s_[margin + y : margin + y + line.ink.shape[0],
                   left + x : left + x + line.ink.shape[1]]  # fmt: skip
        window = ink[at]
        np.maximum(window, line.ink[: window.shape[0], : window.shape[1]], out=window)
        places += [_moved(box, left + x, margin + y) for box in line.boxes]
    colours = (
        (30.0, 30.0, 30.0),
        (120.0, 120.0, 125.0),
        (210.0, 120.0, 110.0),
        (90.0, 120.0, 200.0),
    )
    paper = ink_on(sheet(size, random), print_, colours[int(random.integers(len(colours)))])
    return finish(ink_on(paper, ink, _pen(random))), text, places


def single(pool: Pool, random: Random) -> tuple[Bytes, str, list[Box]]:
    """One digit as MNIST has it, 28 x 28, light on dark."""
    digit = _digits(random, 1, 1)
    images = pool[digit]
    return images[int(random.integers(len(images)))], digit, []


def _pen(random: Random) -> tuple[float, float, float]:
    pens = (BLACK, (30.0, 40.0, 140.0), (70.0, 70.0, 75.0), (170.0, 30.0, 40.0))
    return pens[int(random.integers(len(pens)))]


def paper(pool: Pool, random: Random) -> tuple[Bytes, str, list[Box]]:
    """Two to six digits, apart, on paper in some light, ruled or squared, blurred, from aslant."""
    page = _written([_digits(random, 2, 6)], pool, random, Spacing(), (30.0, 110.0))
    size = page.ink.shape
    picture = sheet(size, random, random.uniform(190, 245))
    kind = random.random()
    if kind < 0.45:
        lines = _ruled(size, random, squared=kind < 0.22)
        print_ = (110.0, 130.0, 190.0) if random.random() < 0.6 else (120.0, 120.0, 120.0)
        picture = ink_on(picture, lines * random.uniform(0.3, 0.9), print_)
    picture = ink_on(picture, page.ink * random.uniform(0.6, 1), _pen(random))
    light = random.random()
    if light < 0.5:
        picture = picture * light_from_a_side(size, random, 0.35)[..., np.newaxis]
    elif light < 0.7:
        picture = picture * shadow(size, random, 0.5)[..., np.newaxis]
    elif light < 0.8:
        picture = picture * folds(size, random)[..., np.newaxis]
    if random.random() < 0.5:
        picture = _askew(picture, random)
    if random.random() < 0.4:
        blur = random.uniform(0.02, 0.05) * page.boxes[0][3]
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.float32)
    if random.random() < 0.5:
        grain = random.normal(0, random.uniform(3, 20), picture.shape)
        picture = np.asarray(picture + grain, np.float32)
    if random.random() < 0.3:
        picture = 255 - picture
    return finish(picture), page.text, []


def _ruled(size: tuple[int, int], random: Random, *, squared: bool) -> Floats:
    """Printed lines (h, w), as of a part of a sheet that is not much larger than a line of it."""
    side = max(size)
    lines = ruling((side, side), random, squared=squared)
    return np.asarray(lines[: size[0], : size[1]], dtype=np.float32)


def _askew(picture: Floats, random: Random) -> Floats:
    """The same seen from aslant and turned by up to 6 degrees; nothing leaves the picture."""
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    shorter = min(height, width)
    moved = corners + random.uniform(-0.06, 0.06, (4, 2)) * shorter
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(random.uniform(-6, 6)), 1)
    moved = moved @ turn[:, :2].T + turn[:, 2]
    low, high = moved.min(axis=0), moved.max(axis=0)
    matrix = cv2.getPerspectiveTransform(corners, (moved - low).astype(np.float32))
    wide, tall = np.ceil(high - low).astype(int).tolist()
    grown = cv2.copyMakeBorder(
        picture, 0, max(0, tall - height), 0, max(0, wide - width), cv2.BORDER_REPLICATE
    )
    return warp(np.asarray(grown, np.float32), matrix.astype(np.float64))


def nothing(pool: Pool, random: Random) -> tuple[Bytes, str, list[Box]]:
    """No number: blank paper, words, scribbles, or a photograph."""
    del pool
    return draw_nothing(random), "", []


KINDS: dict[str, Kind] = {
    kind.__name__: kind for kind in (apart, paper, touching, long, boxes, lines, single, nothing)
}
