"""The kinds of lines, composed of single digits, as strips with their labels.

A line is drawn by its kind, a generator and the digits that may stand on it. So `draw` gives the
same line for the same seed, and lines of held-out digits have no digit in common with those that
train.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, Literal, TypeVar, get_args

import numpy as np

from models.transcription import OTHER, SEPARATOR
from training.data.lines import parts
from training.data.lines.composition import Composition, Line, Spacing
from training.data.lines.parts import Digits, Part
from training.data.lines.strips import Random

Kind = Literal[
    "apart", "touching", "long", "single", "hands", "mixed", "print", "marks", "letters", "other"
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
# How often each kind is drawn for training.
_MIXTURE: Final[dict[Kind, float]] = {
    "apart": 0.18,  # two to six of MNIST's digits; also "touching"
    "touching": 0.2,
    "long": 0.1,  # seven to twelve
    "single": 0.05,
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


def draw(digits: Digits, random: Random, kind: Kind | None = None) -> Line:
    """Draw a line of `kind`, by default of one that is drawn as often as it should be trained."""
    chosen = _choose(_MIXTURE, random) if kind is None else kind
    spacing = _choose(_SPACINGS, random)
    if chosen in ("apart", "touching"):
        spacing = chosen
    return _compose(digits, random, chosen, spacing, random.uniform())


def draw_clean(digits: Digits, random: Random, kind: Kind) -> Line:
    """Draw a line without any damage, in one hand that writes evenly."""
    spacing: Spacing = "touching" if kind == "touching" else "apart"
    return _compose(digits, random, kind, spacing, 0.0)


def draw_cells(digits: Digits, random: Random) -> Line:
    """Draw a line of two to six digits in the cells of a form."""
    return _compose(digits, random, "apart", "cells", random.uniform())


T = TypeVar("T")


def _choose(shares: dict[T, float], random: Random) -> T:
    return list(shares)[random.choice(len(shares), p=list(shares.values()))]


def _compose(digits: Digits, random: Random, kind: Kind, spacing: Spacing, strength: float) -> Line:
    """Compose a line; what leaves no ink, or is too long for a strip, is drawn anew."""
    while True:
        composition = Composition("letters" if kind == "other" else spacing, random, strength)
        if all(
            composition.write(make(), label) for make, label in _characters(kind, digits, random)
        ) and (line := composition.line()):
            return line


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
    if random.random() < 0.25:  # one digit several times
        labels = np.repeat(labels, random.integers(1, 4, count))[:count]
    by_hand = kind == "hands" or (kind in ("marks", "letters") and random.random() < 0.5)
    font = parts.any_font(random) if kind == "print" else None

    def make(digit: int) -> Part:
        if font is not None:
            return parts.printed(str(digit), font)
        if by_hand or (kind == "mixed" and random.random() < 0.5):
            return parts.hand_digit(digit, random)
        return digits.draw(digit, random)

    characters: list[Character] = [(partial(make, digit), digit) for digit in labels.tolist()]
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
        characters.insert(place, (lambda: parts.separator(random, pen), SEPARATOR))


def _add_letters(characters: list[Character], random: Random) -> None:
    font = None if random.random() < 0.7 else parts.any_font(random)

    def make() -> Part:
        if random.random() < 0.3:
            return parts.sign(random)
        return parts.letter(parts.clear_letter(random), random, font)

    for _ in range(random.integers(1, 4)):
        place = int(random.integers(0, len(characters) + 1))
        if random.random() < 0.6:
            place = 0 if random.random() < 0.4 else len(characters)
        characters.insert(place, (make, OTHER))


def _no_digits(random: Random) -> list[Callable[[], Part]]:
    what = random.random()
    if what < 0.25:
        return [lambda: parts.hand_letter(random)] * int(random.integers(2, 9))
    if what < 0.55:
        font = None if random.random() < 0.6 else parts.any_font(random)
        return [partial(parts.letter, character, random, font) for character in parts.word(random)]
    if what < 0.8:
        return [lambda: parts.sign(random)] * int(random.integers(1, 5))
    if what < 0.92:
        return [lambda: parts.scribble(random)] * int(random.integers(1, 3))
    return [lambda: parts.texture(random)]
