"""What stands on a line: digits of MNIST, of other hands and of print, and what is no digit.

Every part is drawn at its own size, and says how large it is beside MNIST's digits, which are 20
pixels high, and how far it reaches below the line that they stand on.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.data.datasets import Split
from training.data.drawn import hands, pen_strokes, signs
from training.data.drawn.outliers import LETTERS, PENS, PRINTS
from training.data.lines.strips import Ink, Random

MOST_FADED = 60  # 255ths: what is fainter is not part of a digit's box
_DRAWN = 64  # pixels along each side of a drawing that is as large as two and a half digits
_DRAWN_SCALE = 2.5  # pixels of a drawing for each of MNIST's
_PRINT_HEIGHT = 40  # pixels of a printed digit
# Letters of words, most of them small. Some look like digits, but not amid others that do not.
_ALPHABET = "abcdefghijklmnopqrstuvwxyz" * 2 + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CLEAR = tuple(character for character in LETTERS if character.isascii())

Source = Literal["mnist", "hands", "print"]


@dataclass(frozen=True)
class Part:
    """One character: its ink, pixels of it for each pixel of MNIST's, and how far it descends.

    The descent is in MNIST's pixels; above the line it is negative.
    """

    ink: Ink
    scale: float
    descent: float = 0.0


class Digits:
    """Images of digits, by label."""

    def __init__(self, images: Split) -> None:
        """Take the images of one split; lines of them are of that split."""
        self._images = images.images.cpu().numpy()
        labels = images.labels.cpu().numpy()
        self._members = [np.flatnonzero(labels == digit) for digit in range(10)]

    def draw(self, digit: int, random: Random) -> Part:
        """One of the images of `digit`."""
        members = self._members[digit]
        return Part(crop(self._images[members[random.integers(len(members))]]), 1.0)


def hand_digit(digit: int, random: Random) -> Part:
    """Draw a digit as hands write it that MNIST does not have."""
    return _drawing(hands.draw_digit(digit, random, slant=0.15))


def hand_letter(random: Random) -> Part:
    """Draw a letter of a word, which may be one that looks like a digit."""
    if random.random() < 0.25:
        return hand_digit(int(random.choice([0, 1, 1, 2, 5, 6, 9])), random)
    return _drawing(signs.draw_letter(random))


def sign(random: Random) -> Part:
    """Draw a letter of any alphabet, or a sign."""
    return _drawing(signs.draw(random))


def crop(ink: Ink) -> Ink:
    """Cut `ink` to its box, with a rim of one pixel; unchanged where there is none."""
    left, top, width, height = cv2.boundingRect((ink > MOST_FADED).astype(np.uint8))
    if not width:
        return ink
    return np.pad(ink[top : top + height, left : left + width], 1)


def _drawing(ink: Ink) -> Part:
    smaller = cv2.resize(ink, (_DRAWN, _DRAWN), interpolation=cv2.INTER_AREA)
    return Part(crop(np.asarray(smaller, np.uint8)), _DRAWN_SCALE)


@functools.cache
def _fonts() -> tuple[ImageFont.FreeTypeFont, ...]:
    folder = Path(mpl.get_data_path(), "fonts", "ttf")
    files = sorted(path for pattern in PRINTS for path in folder.glob(pattern))
    # One size has letters only.
    kept = [path for path in files if "Display" not in path.name]
    return tuple(ImageFont.truetype(path, 56) for path in kept)


def any_font(random: Random) -> int:
    """The number of a font that is drawn at random."""
    return int(random.integers(len(_fonts())))


@functools.lru_cache(maxsize=4096)
def printed(character: str, font: int) -> Part:
    """A printed `character`, as large as its font has it beside a digit."""
    zero, character_box = _printed_box("0", font), _printed_box(character, font)
    (_, top, _, bottom), (_, _, _, lowest) = zero, character_box
    times = _PRINT_HEIGHT / (bottom - top)
    left, upper, right, lower = character_box
    size = (max(1, round((right - left) * times)), max(1, round((lower - upper) * times)))
    page = Image.new("L", (160, 160))
    ImageDraw.Draw(page).text((40, 40), character, 255, _fonts()[font])
    ink = np.array(page.crop(character_box).resize(size, Image.Resampling.BICUBIC))
    return Part(np.pad(ink, 1), _PRINT_HEIGHT / 20, (lowest - bottom) * times * 20 / _PRINT_HEIGHT)


def _printed_box(character: str, font: int) -> tuple[int, int, int, int]:
    page = Image.new("L", (160, 160))
    ImageDraw.Draw(page).text((40, 40), character, 255, _fonts()[font])
    box = page.getbbox()
    if box is None:
        raise ValueError(f"font {_fonts()[font].getname()} has no {character!r}")
    return box


def letter(character: str, random: Random, font: int | None) -> Part:
    """A letter printed in `font`, or as a pen draws it if that is None."""
    if font is not None:
        return printed(character, font)
    pen = int(PENS[random.integers(len(PENS))])
    page = np.zeros((100, 120), np.uint8)
    cv2.putText(page, character, (30, 65), pen, 1.8, 255, int(random.integers(2, 7)), cv2.LINE_AA)
    left, top, width, height = cv2.boundingRect(page)
    ink = page[max(top - 1, 0) : top + height + 1, max(left - 1, 0) : left + width + 1]
    return Part(ink, 2.0, (top + height - 65) / 2)


def clear_letter(random: Random) -> str:
    """A letter that looks like no digit."""
    return _CLEAR[random.integers(len(_CLEAR))]


def word(random: Random) -> list[str]:
    """Two to nine letters, of which more than half look like no digit."""
    letters = [_ALPHABET[random.integers(len(_ALPHABET))] for _ in range(random.integers(2, 10))]
    for place in random.permutation(len(letters))[: max(1, int(len(letters) * 0.6))]:
        letters[place] = clear_letter(random)
    return letters


def scribble(random: Random) -> Part:
    """A smooth line through a few points, in their order along the line or in none."""
    width, count = int(random.integers(40, 160)), int(random.integers(4, 16))
    points = np.stack([random.uniform(4, width - 4, count), random.uniform(4, 60, count)], axis=1)
    if random.random() < 0.5:
        points = points[np.argsort(points[:, 0])]
    page = np.zeros((64, width), np.uint8)
    draw_curve(page, pen_strokes.smooth(points), int(random.integers(2, 8)))
    return Part(crop(page), 3.0)


def texture(random: Random) -> Part:
    """Blobs and stripes, as pictures of no writing leave them."""
    height, width = 64, int(random.integers(40, 500))
    grain = np.exp(random.uniform(np.log(3), np.log(24), 2))
    nodes = (int(height / grain[0]) + 2, int(width / grain[1]) + 2)
    noise = random.normal(0, 1, nodes).astype(np.float32)
    smooth = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return Part(crop(np.where(smooth > random.uniform(0, 0.9), 255, 0).astype(np.uint8)), 3.0)


_MARK_SCALE = 4.0  # pixels of a mark for each of MNIST's
# A slash is left out, for a slanted 1 of MNIST's looks alike.
_MARKS = {
    "point": 0.33,
    "comma": 0.32,
    "minus": 0.25,
    "colon": 0.05,
    "apostrophe": 0.05,
}


def separator(random: Random, pen: float) -> Part:
    """Draw a mark that divides numbers, with a pen that is `pen` of MNIST's pixels wide."""
    kind = str(random.choice(list(_MARKS), p=list(_MARKS.values())))
    page = np.zeros((160, 120), np.uint8)
    unit, width = _MARK_SCALE, max(1, round(pen * _MARK_SCALE))
    if kind in ("point", "colon"):
        radius = max(pen * 0.55, random.uniform(1.1, 2.3)) * unit
        axes = (max(1, int(radius * random.uniform(0.8, 1.25))), max(1, int(radius)))
        places = [100, int(100 - random.uniform(8, 13) * unit)][: 2 if kind == "colon" else 1]
        for y in places:
            cv2.ellipse(page, (60, y), axes, 0, 0, 360, 255, cv2.FILLED, cv2.LINE_AA)
        descent = random.uniform(-1, 1.5)
    elif kind == "comma":
        length, lean = random.uniform(3.5, 8) * unit, random.uniform(0, 0.7)
        bow = random.choice([-0.5 * lean, 0.12]) * length  # straight, or curved
        bend = np.array([[60, 60], [60 + bow, 60 + length / 2], [60 - length * lean, 60 + length]])
        draw_curve(page, pen_strokes.smooth(bend), width)
        if random.random() < 0.4:
            cv2.circle(page, (60, 60), max(1, round(width * 0.8)), 255, cv2.FILLED, cv2.LINE_AA)
        descent = length / unit * random.uniform(0.35, 0.9)
    elif kind == "apostrophe":
        length, lean = random.uniform(3.5, 6) * unit, random.uniform(-0.1, 0.5)
        draw_curve(page, np.array([[60, 60], [60 - length * lean, 60 + length]]), width)
        descent = -random.uniform(13, 17)
    else:
        length = random.uniform(5, 12) * unit
        rise = length * random.uniform(-0.2, 0.15)
        draw_curve(page, np.array([[20, 80], [20 + length, 80 + rise]]), width)
        descent = -random.uniform(6.5, 11)
    return Part(crop(page), unit, descent)


def draw_curve(page: Ink, points: pen_strokes.Points, width: int) -> None:
    """Draw a line through `points` (n, 2), x and y, `width` pixels wide, onto `page`."""
    at = np.rint(points * 8).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(page, [at], False, 255, width, cv2.LINE_AA, shift=3)
