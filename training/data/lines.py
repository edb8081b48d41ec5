"""Lines of digits, composed of single ones, as strips with their labels: what a line reader learns.

A line is drawn by its kind, a generator and the digits that may stand on it. So `draw` gives the
same line for the same seed, and lines of held-out digits have no digit in common with those that
train.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar, get_args

import cv2
import numpy as np

from training.data import line_damage, line_parts
from training.data.line_parts import Digits, Part
from training.data.strips import Ink, Making, Random, make_strip
from training.networks.configuration import OTHER, SEPARATOR

Kind = Literal[
    "apart", "touching", "long", "single", "hands", "mixed", "print", "marks", "letters", "other"
]
Spacing = Literal["apart", "tight", "touching", "wide", "groups", "cells"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
# How often each kind is drawn for training.
_MIXTURE: Final[dict[Kind, float]] = {
    "apart": 0.2,  # two to six of MNIST's digits; also "touching"
    "touching": 0.16,
    "long": 0.1,  # seven to twelve
    "single": 0.07,
    "hands": 0.14,  # drawn as other hands write them
    "mixed": 0.08,  # of both
    "print": 0.05,
    "marks": 0.08,  # with points, commas and the like
    "letters": 0.05,  # with letters or signs before, behind or between
    "other": 0.07,  # words, scribbles, blobs: no digit at all
}
_SPACINGS: Final[dict[Spacing, float]] = {
    "apart": 0.32,
    "tight": 0.16,
    "touching": 0.24,
    "wide": 0.1,
    "groups": 0.06,
    "cells": 0.12,
}


@dataclass(frozen=True)
class Line:
    """A line as a reader sees it: `strip` (32, W) uint8, light ink on dark.

    `labels` are its characters from left to right, by the numbers of their classes; neighbours of
    class OTHER are one. `centres` are the columns of their middles.
    """

    strip: Ink
    labels: tuple[int, ...]
    centres: tuple[int, ...]


def draw(digits: Digits, random: Random, kind: Kind | None = None) -> Line:
    """Draw a line of `kind`, by default of one that is drawn as often as it should be trained."""
    while True:
        chosen = kind or _choose(_MIXTURE, random)
        spacing = _choose(_SPACINGS, random)
        if chosen in ("apart", "touching"):
            spacing = chosen
        if line := compose(_characters(chosen, digits, random), chosen, spacing, random):
            return line


def draw_clean(digits: Digits, random: Random, kind: Kind) -> Line:
    """Draw a line without any damage, in one hand that writes evenly."""
    spacing: Spacing = "touching" if kind == "touching" else "apart"
    while True:
        characters = _characters(kind, digits, random)
        if line := compose(characters, kind, spacing, random, clean=True):
            return line


def draw_cells(digits: Digits, random: Random) -> Line:
    """Draw a line of two to six digits in the cells of a form."""
    while True:
        if line := compose(_characters("apart", digits, random), "apart", "cells", random):
            return line


T = TypeVar("T")


def _choose(shares: dict[T, float], random: Random) -> T:
    return list(shares)[random.choice(len(shares), p=list(shares.values()))]


Character = tuple[Callable[[], Part], int]  # what draws it, and its label


def _characters(kind: Kind, digits: Digits, random: Random) -> list[Character]:
    if kind == "other":
        return [(make, OTHER) for make in _no_digits(random)]
    count = int(random.integers(2, 7))
    if kind == "single":
        count = 1
    elif kind == "long":
        count = int(random.integers(7, 13))
    labels = random.integers(0, 10, count)
    if random.random() < 0.15:  # one digit several times
        labels = np.repeat(labels, random.integers(1, 4, count))[:count]
    by_hand = kind == "hands" or (kind in ("marks", "letters") and random.random() < 0.5)
    font = line_parts.any_font(random) if kind == "print" else None

    def make(digit: int) -> Part:
        if font is not None:
            return line_parts.printed(str(digit), font)
        if by_hand or (kind == "mixed" and random.random() < 0.5):
            return line_parts.hand_digit(digit, random)
        return digits.draw(digit, random)

    characters: list[Character] = [
        (lambda digit=digit: make(digit), digit) for digit in labels.tolist()
    ]
    if kind == "marks":
        _add_separators(characters, random)
    elif kind == "letters":
        _add_letters(characters, random)
    return characters


def _add_separators(characters: list[Character], random: Random) -> None:
    pen = random.uniform(1.8, 3.4)
    for _ in range(1 if random.random() < 0.7 else 2):
        first = 0 if random.random() < 0.3 else 1
        place = int(random.integers(first, len(characters) + 1))
        characters.insert(place, (lambda: line_parts.separator(random, pen), SEPARATOR))


def _add_letters(characters: list[Character], random: Random) -> None:
    font = None if random.random() < 0.7 else line_parts.any_font(random)

    def make() -> Part:
        if random.random() < 0.3:
            return line_parts.sign(random)
        return line_parts.letter(line_parts.clear_letter(random), random, font)

    for _ in range(random.integers(1, 4)):
        place = int(random.integers(0, len(characters) + 1))
        if random.random() < 0.6:
            place = 0 if random.random() < 0.4 else len(characters)
        characters.insert(place, (make, OTHER))


def _no_digits(random: Random) -> list[Callable[[], Part]]:
    what = random.random()
    if what < 0.25:
        return [lambda: line_parts.hand_letter(random)] * int(random.integers(2, 9))
    if what < 0.55:
        font = None if random.random() < 0.6 else line_parts.any_font(random)
        return [
            lambda character=character: line_parts.letter(character, random, font)
            for character in line_parts.word(random)
        ]
    if what < 0.8:
        return [lambda: line_parts.sign(random)] * int(random.integers(1, 5))
    if what < 0.92:
        return [lambda: line_parts.scribble(random)] * int(random.integers(1, 3))
    return [lambda: line_parts.texture(random)]


@dataclass(frozen=True)
class _Hand:
    """How a line is written; lengths in MNIST's pixels, of which `unit` tells the size."""

    unit: float = 1.6
    slant: float = 0.0
    own_slant: float = 0.0  # of each character besides; as all that follows, a deviation
    turn: float = 0.0
    sizes: float = 0.03
    widths: float = 0.0
    lifts: float = 0.02  # of 20 pixels
    width: float = 1.0
    slope: float = 0.0
    wave: float = 0.0
    phase: float = 0.0
    period: float = 100.0
    pitch: float = 28.0  # of the cells of a form

    @staticmethod
    def varied(random: Random) -> "_Hand":
        return _Hand(
            unit=float(np.exp(random.uniform(np.log(15), np.log(44)))) / 20,
            slant=random.normal(0, 0.12),
            own_slant=0.07,
            turn=0.07,
            sizes=float(random.choice([0.04, 0.1, 0.2], p=[0.5, 0.35, 0.15])),
            widths=0.08,
            lifts=float(random.choice([0.03, 0.08, 0.18], p=[0.5, 0.35, 0.15])),
            width=float(np.exp(random.normal(0, 0.12))),
            slope=random.normal(0, 0.025),
            wave=random.uniform(0, 2.5) if random.random() < 0.3 else 0.0,
            phase=random.uniform(0, 6),
            period=random.uniform(30, 120),
            pitch=random.uniform(20, 34),
        )


@dataclass
class _Written:
    """The characters of a line so far, each with its place, in pixels of the line."""

    inks: list[tuple[Ink, float, float]] = field(default_factory=list)  # with left and top
    labels: list[int] = field(default_factory=list)
    centres: list[float] = field(default_factory=list)
    end: float = 0.0

    def __iter__(self) -> Iterator[tuple[Ink, float, float]]:
        return iter(self.inks)


def compose(
    characters: list[Character], kind: Kind, spacing: Spacing, random: Random, *, clean: bool = False
) -> Line | None:
    """Write `characters` on a line and make a strip of it.

    Args:
        characters: from left to right.
        kind: tells what may happen to them.
        spacing: how far they stand apart.
        random: draws all that varies.
        clean: an even hand, good paper and the service's own strip.

    Returns:
        The line; None if nothing is left of it, or if it is too long for a strip.

    """
    hand = _Hand() if clean else _Hand.varied(random)
    written = _Written()
    for make, label in characters:
        if not _write(written, make(), label, hand, kind, spacing, random):
            return None
    page, offset = _on_page(written, hand)
    if page is None:
        return None
    if not clean:
        page, cut = _damage(page, written, offset, hand, kind, spacing, random)
        offset -= cut
    if min(page.shape) < 8:
        return None
    times = 3 if hand.unit < 1 else 2 if hand.unit < 1.7 else 1
    if times > 1:
        size = (page.shape[1] * times, page.shape[0] * times)
        page = np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    level = 127.0 if clean else random.uniform(95, 150)
    strip = make_strip((page > level).astype(np.uint8), None if clean else Making.varied(random))
    if strip is None or strip.ink.shape[1] < 4 * len(written.labels):
        return None
    centres = [strip.column((centre + offset) * times) for centre in written.centres]
    return Line(strip.ink, tuple(written.labels), tuple(centres))


def _write(
    written: _Written,
    part: Part,
    label: int,
    hand: _Hand,
    kind: Kind,
    spacing: Spacing,
    random: Random,
) -> bool:
    """Write one more character; returns whether there is any ink in it."""
    ink = _transform(part, hand, random)
    left, top, width, height = cv2.boundingRect((ink > 110).astype(np.uint8))
    if not width:
        return False
    unit = hand.unit
    if spacing == "cells":
        middle = len(written.inks) * hand.pitch + random.uniform(-2, 2) * bool(written.inks)
        start = middle * unit - width / 2
    elif written.inks:
        start = written.end + _gap(kind, spacing, random) * unit
    else:
        start = 0.0
    wave = hand.wave * np.sin(hand.phase + start / unit / hand.period)
    lift = random.normal(0, hand.lifts) * 20 + wave + part.descent
    bottom = lift * unit + hand.slope * start
    written.inks.append((ink, start - left, bottom - height - top))
    if not (label == OTHER and written.labels and written.labels[-1] == OTHER):
        written.labels.append(label)
        written.centres.append(start + width / 2)
    written.end = start + width
    return True


def _transform(part: Part, hand: _Hand, random: Random) -> Ink:
    """The ink of `part` as `hand` writes it, in pixels of the line."""
    size = hand.unit / part.scale
    turn = random.normal(0, hand.turn)
    slant = hand.slant + random.normal(0, hand.own_slant)
    narrow = hand.width * np.exp(random.normal(0, hand.widths))
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = size * np.exp(random.normal(0, hand.sizes)) * np.array([[narrow, -slant], [0, 1]])
    linear = linear @ turned
    height, width = part.ink.shape
    corners = linear @ np.array([[0, width, 0, width], [0, 0, height, height]], float)
    low = corners.min(axis=1)
    wide, high = (int(extent) + 3 for extent in np.ceil(corners.max(axis=1) - low))
    ink = part.ink
    if size < 0.7:
        ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), 0.4 / size), np.uint8)
    moved = np.hstack([linear, (1 - low)[:, np.newaxis]])
    drawn = np.asarray(cv2.warpAffine(ink, moved, (wide, high), flags=cv2.INTER_CUBIC), np.uint8)
    if hand.turn and random.random() < 0.02:  # fainter than its neighbours
        drawn = np.asarray(cv2.convertScaleAbs(drawn, alpha=random.uniform(0.7, 0.95)), np.uint8)
    return drawn


def _gap(kind: Kind, spacing: Spacing, random: Random) -> float:
    """The distance of two boxes in MNIST's pixels; negative where they overlap."""
    if kind == "other":
        return random.uniform(-1, 3.5)
    match spacing:
        case "touching":
            overlaps = random.random() < 0.4
            return -random.uniform(0.5, 4) if overlaps else random.uniform(0.5, 6)
        case "tight":
            return random.uniform(-0.5, 2.5)
        case "wide":
            return random.uniform(6, 30)
        case "groups":
            return random.uniform(20, 40) if random.random() < 0.3 else random.uniform(1, 5)
        case _:
            return random.uniform(1.5, 9)


def _margin(hand: _Hand) -> int:
    return int(4 * hand.unit) + 2


def _on_page(written: _Written, hand: _Hand) -> tuple[Ink | None, float]:
    """Put all characters on one page; returns it, and the column of the line's start on it."""
    left = min(x for _, x, _ in written)
    top = min(y for _, _, y in written)
    right = max(x + ink.shape[1] for ink, x, _ in written)
    bottom = max(y + ink.shape[0] for ink, _, y in written)
    margin = _margin(hand)
    width, height = int(right - left) + 2 * margin + 2, int(bottom - top) + 2 * margin + 2
    if width > min(40 * height, 4000):
        return None, 0.0
    page = np.zeros((height, width), np.uint8)
    for ink, x, y in written:
        row, column = int(y - top) + margin, int(x - left) + margin
        view = page[row : row + ink.shape[0], column : column + ink.shape[1]]
        np.maximum(view, ink[: view.shape[0], : view.shape[1]], out=view)
    return page, margin - left


def _damage(
    page: Ink,
    written: _Written,
    offset: float,
    hand: _Hand,
    kind: Kind,
    spacing: Spacing,
    random: Random,
) -> tuple[Ink, int]:
    """What paper, pen and camera do; returns the page, and how many columns it lost on the left."""
    unit = hand.unit
    if kind == "other" and len(written.inks) > 1 and random.random() < 0.35:
        _join(page, written, offset, hand, random)
    if random.random() < 0.6:
        page = line_damage.bend(page, unit, random)
    if random.random() < 0.1:
        line_damage.add_ruled_lines(page, unit, random)
    if spacing == "cells" and random.random() < 0.45:
        pitch = hand.pitch * unit
        line_damage.add_cells(page, unit, random, pitch, offset - pitch / 2)
    if random.random() < 0.12:
        line_damage.add_specks(page, unit, random)
    if random.random() < 0.07:
        line_damage.break_strokes(page, unit, random)
    if random.random() < 0.3:
        page = line_damage.blur(page, unit, random)
    if random.random() < 0.3:
        page = line_damage.add_grain(page, random)
    if random.random() < 0.05:
        return line_damage.cut_edge(page, _margin(hand), unit, random)
    return page, 0


def _join(page: Ink, written: _Written, offset: float, hand: _Hand, random: Random) -> None:
    """Join the letters of a word by one stroke."""
    top = min(y for _, _, y in written) - _margin(hand)
    points = [
        (x + ink.shape[1] / 2 + offset, y + ink.shape[0] * random.uniform(0.5, 1) - top)
        for ink, x, y in written
    ]
    width = max(1, round(hand.unit * random.uniform(1.2, 3)))
    line_parts.draw_curve(page, line_parts.pen_strokes.smooth(np.array(points)), width)
