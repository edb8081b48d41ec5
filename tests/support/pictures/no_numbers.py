"""Pictures in which there is no number to read: blank paper, words, scribbles, photographs."""

import functools
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tests.support.pictures.painting import (
    BLACK,
    Bytes,
    Random,
    finish,
    ink_on,
    light_from_a_side,
    sheet,
)
from tests.support.pictures.penned_pictures import OTHER_KINDS

_WORDS = (
    "Hello", "world", "Please pay", "receipt", "Anna", "Peter Kraft", "Milk and bread",
    "Thank you", "invoice", "market", "Write here", "Yours truly", "name", "address", "chapter",
    "kitchen", "phone", "Amount", "the end", "nothing", "Friday", "meeting", "paper", "Rent",
)  # fmt: skip
_PRINTS = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSans-Bold.ttf", "STIXGeneral.ttf")
_HANDS = (
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_SIMPLEX | cv2.FONT_ITALIC,
)  # fmt: skip


def draw_nothing(random: Random) -> Bytes:
    """One of the kinds below, with equal chance."""
    kinds = (blank, printed_words, written_words, scribble, photograph)
    return kinds[int(random.integers(len(kinds)))](random)


def blank(random: Random) -> Bytes:
    """Empty paper, plain, ruled or squared, under any light."""
    kind = ("gradient", "lamp", "empty_squares", "empty_frame")[int(random.integers(4))]
    return OTHER_KINDS[kind](random)


def printed_words(random: Random) -> Bytes:
    """One or two words in print."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(
        str(folder / _PRINTS[int(random.integers(len(_PRINTS)))]), int(random.integers(24, 90))
    )
    text = _WORDS[int(random.integers(len(_WORDS)))]
    left, top, right, bottom = font.getbbox(text)
    margin = int(random.integers(8, 60))
    size = int(right - left) + 2 * margin, int(bottom - top) + 2 * margin
    page = Image.new("L", size)
    ImageDraw.Draw(page).text((margin - left, margin - top), text, 255, font)
    return _on_paper(np.asarray(page), random)


def written_words(random: Random) -> Bytes:
    """One or two words of single strokes, as a pen writes them."""
    text = _WORDS[int(random.integers(len(_WORDS)))]
    font = _HANDS[int(random.integers(len(_HANDS)))]
    scale, thick = random.uniform(1, 3), int(random.integers(1, 6))
    (width, height), below = cv2.getTextSize(text, font, scale, thick)
    margin = int(random.integers(8, 60))
    ink = np.zeros((height + below + 2 * margin, width + 2 * margin), np.uint8)
    cv2.putText(ink, text, (margin, margin + height), font, scale, 255, thick, cv2.LINE_AA)
    return _on_paper(ink, random)


def scribble(random: Random) -> Bytes:
    """A pen that went to and fro."""
    size = int(random.integers(100, 400)), int(random.integers(150, 700))
    ink = np.zeros(size, np.uint8)
    steps = random.normal(0, random.uniform(10, 40), (int(random.integers(40, 160)), 2))
    bend = np.cumsum(steps, axis=0) + np.array(size[::-1]) / 2
    at = np.clip(bend, 10, np.array(size[::-1]) - 10)
    smooth = np.stack([np.convolve(axis, np.ones(3) / 3, "valid") for axis in at.T], axis=1)
    pen = int(random.integers(2, 9))
    cv2.polylines(ink, [np.round(smooth).astype(np.int32)], False, 255, pen, cv2.LINE_AA)
    return _on_paper(ink, random)


def photograph(random: Random) -> Bytes:
    """A part of a photograph: a temple, a flower, a portrait."""
    pictures = _photographs()
    whole = pictures[int(random.integers(len(pictures)))]
    height, width = whole.shape[:2]
    wide = int(random.integers(min(160, width // 2), width))
    tall = int(np.clip(wide * random.uniform(0.3, 1), 80, height))
    top, left = (
        int(random.integers(0, height - tall + 1)),
        int(random.integers(0, width - wide + 1)),
    )
    return whole[top : top + tall, left : left + wide]


@functools.cache
def _photographs() -> list[Bytes]:
    """Those that scikit-learn and Matplotlib bring."""
    from sklearn.datasets import load_sample_images

    hopper = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    with Image.open(hopper) as portrait:
        return [*load_sample_images().images, np.asarray(portrait.convert("RGB"))]


def _on_paper(drawn: Bytes, random: Random) -> Bytes:
    """What was `drawn` (h, w), light on dark, in dark ink on paper."""
    size = (drawn.shape[0], drawn.shape[1])
    ink = np.asarray(drawn * (random.uniform(0.6, 1) / 255), np.float32)
    picture = ink_on(sheet(size, random, 225), ink, BLACK)
    if random.random() < 0.5:
        picture = picture * light_from_a_side(size, random, 0.6)[..., np.newaxis]
    return finish(255 - picture if random.random() < 0.2 else picture)
