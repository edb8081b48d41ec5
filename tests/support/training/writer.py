"""A writer: digits drawn by one hand, of which the shipped models misread some."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from training.data.drawn import pen_strokes
from training.data.drawn.pen_strokes import Skeleton

# Ways of writing that the shipped models read.
_ORDINARY = {
    0: "50,0 20,15 5,50 20,88 50,100 80,88 95,50 80,15 50,0",
    2: "15,25 35,3 62,2 82,20 78,45 50,75 22,95 / 95,96",
    3: "15,12 45,0 78,12 70,38 45,48 75,52 85,78 55,100 10,90",
    4: "22,2 12,40 30,62 60,60 90,52 ; 78,0 70,50 62,100",
    5: "85,2 25,2 / 20,45 / 50,36 82,48 88,72 65,96 30,100 8,88",
    6: "62,0 20,60 12,80 30,99 65,99 85,80 70,60 40,56 16,72",
    8: "50,5 32,15 38,36 62,36 68,15 50,5 ; 50,38 15,60 20,92 50,100 82,90 86,60 50,38",
}
# A 1 with a foot to its left, a 7 with a hook, a 9 like the letter g. None is what MNIST has as
# another digit, as a crossed 1 would be a 7: nobody could learn both.
_ODD = {
    1: "10,10 40,15 52,0 / 52,90 / 15,100",
    7: "8,25 10,5 / 90,5 / 45,100 15,95 10,80",
    9: "70,20 40,0 12,20 30,45 70,40 72,10 / 70,75 40,100 10,80 40,70 95,50",
}
ODD_DIGITS = tuple(_ODD)


@dataclass(frozen=True)
class Writer:
    """Draws digits, each in the writer's one way; points and pens vary."""

    ways: dict[int, Skeleton]

    def draw(self, digit: int, random: np.random.Generator) -> bytes:
        """Draw a digit, dark on white: a PNG of 128 x 128."""
        ink = pen_strokes.draw(self.ways[digit], random)
        file = io.BytesIO()
        Image.fromarray(255 - ink).save(file, "PNG")
        return file.getvalue()


def odd_writer() -> Writer:
    """The writer whose 1, 7 and 9 are odd."""
    return Writer({d: pen_strokes.parse(text) for d, text in {**_ORDINARY, **_ODD}.items()})
