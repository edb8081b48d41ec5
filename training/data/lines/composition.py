"""A line while it is written: characters side by side in one hand, then paper and camera.

Lengths are in MNIST's pixels, of which a digit is 20 high, unless they are said to be of the page.
"""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np

from models.transcription import OTHER
from training.data.drawn import pen_strokes
from training.data.lines import damage
from training.data.lines.parts import Part, draw_curve
from training.data.lines.strips import Ink, Making, Random, make_strip

Spacing = Literal["apart", "tight", "touching", "wide", "groups", "cells", "letters"]
_INKED: Final = 110  # 255ths: what is fainter does not count when distances are kept


@dataclass(frozen=True)
class Line:
    """A line as a reader sees it: `strip` (32, W) uint8, light ink on dark.

    `labels` are its characters from left to right, by the numbers of their classes; neighbours of
    class OTHER are one. `centres` are the columns of their middles.
    """

    strip: Ink
    labels: tuple[int, ...]
    centres: tuple[int, ...]


@dataclass(frozen=True)
class _Hand:
    """How a line is written."""

    unit: float = 1.6  # pixels of the page
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
    def varied(random: Random, strength: float) -> "_Hand":
        return _Hand(
            unit=float(np.exp(random.uniform(np.log(15), np.log(44)))) / 20,
            slant=random.normal(0, 0.12) * strength,
            own_slant=0.07 * strength,
            turn=0.07 * strength,
            sizes=float(random.choice([0.04, 0.1, 0.2], p=[0.5, 0.35, 0.15])) * strength,
            widths=0.08 * strength,
            lifts=float(random.choice([0.03, 0.08, 0.18], p=[0.5, 0.35, 0.15])) * strength,
            width=float(np.exp(random.normal(0, 0.12) * strength)),
            slope=random.normal(0, 0.025) * strength,
            wave=random.uniform(0, 2.5) if random.random() < 0.3 * strength else 0.0,
            phase=random.uniform(0, 6),
            period=random.uniform(30, 120),
            pitch=random.uniform(20, 34),
        )


class Composition:
    """A line to which characters are added from left to right."""

    def __init__(self, spacing: Spacing, random: Random, strength: float) -> None:
        """Begin a line.

        Args:
            spacing: how far its characters stand apart.
            random: draws all that varies.
            strength: of all that varies, from 0, an even hand on good paper, to 1, the worst.

        """
        self._spacing, self._random, self._strength = spacing, random, strength
        self._hand = _Hand.varied(random, strength)
        self._inks: list[tuple[Ink, float, float]] = []  # with left and top, of the page
        self._labels: list[int] = []
        self._centres: list[float] = []  # of the page
        self._end = 0.0  # of the page

    def write(self, part: Part, label: int) -> bool:
        """Add a character; returns whether there is any ink in it."""
        ink = self._transform(part)
        left, top, width, height = cv2.boundingRect((ink > _INKED).astype(np.uint8))
        if not width:
            return False
        hand, random, unit = self._hand, self._random, self._hand.unit
        if self._spacing == "cells":
            aside = random.uniform(-2, 2) if self._inks else 0.0
            start = (len(self._inks) * hand.pitch + aside) * unit - width / 2
        else:
            start = self._end + self._gap() * unit if self._inks else 0.0
        wave = hand.wave * np.sin(hand.phase + start / unit / hand.period)
        lift = random.normal(0, hand.lifts) * 20 + wave + part.descent
        bottom = lift * unit + hand.slope * start
        self._inks.append((ink, start - left, bottom - height - top))
        if not (label == OTHER and self._labels[-1:] == [OTHER]):
            self._labels.append(label)
            self._centres.append(start + width / 2)
        self._end = start + width
        return True

    def line(self) -> Line | None:
        """The line as a strip; None if nothing is left of it, or if it is too long for a strip."""
        left = min(x for _, x, _ in self._inks)
        page = self._page()
        if page is None:
            return None
        offset = self._margin - left
        page, cut = self._damage(page, offset)
        offset -= cut
        if min(page.shape) < 8:
            return None
        unit = self._hand.unit
        times = 3 if unit < 1 else 2 if unit < 1.7 else 1
        if times > 1:
            size = (page.shape[1] * times, page.shape[0] * times)
            page = np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        level = self._random.uniform(95, 150)
        making = Making.varied(self._random)
        strip = make_strip((page > level).astype(np.uint8), making)
        if strip is None or strip.ink.shape[1] < 4 * len(self._labels):
            return None
        centres = [strip.column((centre + offset) * times) for centre in self._centres]
        return Line(strip.ink, tuple(self._labels), tuple(centres))

    @property
    def _margin(self) -> int:
        """Pixels of the page around the ink."""
        return int(4 * self._hand.unit) + 2

    def _transform(self, part: Part) -> Ink:
        """The ink of `part` as the hand writes it, in pixels of the page."""
        hand, random = self._hand, self._random
        size = hand.unit / part.scale
        turn = random.normal(0, hand.turn)
        slant = hand.slant + random.normal(0, hand.own_slant)
        narrow = hand.width * np.exp(random.normal(0, hand.widths))
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        slanted = np.array([[narrow, -slant], [0, 1]]) @ turned
        linear = size * np.exp(random.normal(0, hand.sizes)) * slanted
        height, width = part.ink.shape
        corners = linear @ np.array([[0, width, 0, width], [0, 0, height, height]], float)
        low = corners.min(axis=1)
        wide, high = (int(extent) + 3 for extent in np.ceil(corners.max(axis=1) - low))
        ink = part.ink
        if size < 0.7:
            ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), 0.4 / size), np.uint8)
        moved = np.hstack([linear, (1 - low)[:, np.newaxis]])
        drawn = cv2.warpAffine(ink, moved, (wide, high), flags=cv2.INTER_CUBIC)
        if self._happens(0.02):  # fainter than its neighbours
            drawn = cv2.convertScaleAbs(drawn, alpha=random.uniform(0.7, 0.95))
        return np.asarray(drawn, np.uint8)

    def _happens(self, share: float) -> bool:
        """Whether something happens to this line that happens to such a share of the worst."""
        return self._random.random() < share * self._strength

    def _gap(self) -> float:
        """The distance of two boxes; negative where they overlap."""
        random = self._random
        match self._spacing:
            case "touching":
                overlaps = random.random() < 0.4
                return -random.uniform(0.5, 4) if overlaps else random.uniform(0.5, 6)
            case "tight":
                return random.uniform(-0.5, 2.5)
            case "wide":
                return random.uniform(6, 30)
            case "groups":
                return random.uniform(20, 40) if random.random() < 0.3 else random.uniform(1, 5)
            case "letters":
                return random.uniform(-1, 3.5)
            case _:
                return random.uniform(1.5, 9)

    def _page(self) -> Ink | None:
        """All characters on one page; None if it is too long."""
        left = min(x for _, x, _ in self._inks)
        top = min(y for _, _, y in self._inks)
        right = max(x + ink.shape[1] for ink, x, _ in self._inks)
        bottom = max(y + ink.shape[0] for ink, _, y in self._inks)
        margin = self._margin
        width, height = int(right - left) + 2 * margin + 2, int(bottom - top) + 2 * margin + 2
        if width > min(40 * height, 4000):
            return None
        page = np.zeros((height, width), np.uint8)
        for ink, x, y in self._inks:
            row, column = int(y - top) + margin, int(x - left) + margin
            view = page[row : row + ink.shape[0], column : column + ink.shape[1]]
            np.maximum(view, ink[: view.shape[0], : view.shape[1]], out=view)
        return page

    def _damage(self, page: Ink, offset: float) -> tuple[Ink, int]:
        """What paper, pen and camera do; returns the page, and how many columns it lost left."""
        unit, random = self._hand.unit, self._random
        if self._spacing == "letters" and len(self._inks) > 1 and random.random() < 0.35:
            self._join(page, offset)
        if random.random() < 0.6:
            page = damage.bend(page, unit, random, self._strength)
        if self._happens(0.1):
            damage.add_ruled_lines(page, unit, random)
        if self._spacing == "cells" and random.random() < 0.45:
            pitch = self._hand.pitch * unit
            damage.add_cells(page, unit, random, pitch, offset - pitch / 2)
        if self._happens(0.12):
            damage.add_specks(page, unit, random)
        if self._happens(0.07):
            damage.break_strokes(page, unit, random)
        if self._happens(0.3):
            page = damage.blur(page, unit, random)
        if self._happens(0.3):
            page = damage.add_grain(page, random)
        if self._happens(0.05):
            return damage.cut_edge(page, self._margin, unit, random)
        return page, 0

    def _join(self, page: Ink, offset: float) -> None:
        """Join the letters of a word by one stroke."""
        top = min(y for _, _, y in self._inks) - self._margin
        points = [
            (x + ink.shape[1] / 2 + offset, y + ink.shape[0] * self._random.uniform(0.5, 1) - top)
            for ink, x, y in self._inks
        ]
        width = max(1, round(self._hand.unit * self._random.uniform(1.2, 3)))
        draw_curve(page, pen_strokes.smooth(np.array(points)), width)
