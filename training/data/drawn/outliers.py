"""Outliers: pictures that do not show one digit, but letters, signs, scribbles, shapes and more.

A classifier that was trained on digits alone is sure of everything that it reads. Trained on
outliers, too, with all ten digits as equally right answers, it learns to be unsure (outlier
exposure: Hendrycks, Mazeika and Dietterich 2019, arXiv:1812.04606), so that a low confidence tells
that a picture shows no digit.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from training.data.drawn import pen_strokes, signs
from training.data.sklearn_digits import to_mnist

Ink = NDArray[np.uint8]  # light on dark
Random = np.random.Generator

SIDE = 112  # pixels of the square canvas, four times MNIST's
# Without those that look like somebody's digit: B D G I O Q S Z, b g i j l o q s z, / | ( ) !
LETTERS = "ACEFHJKLMNPRTUVWXYacdefhkmnprtuvwxy"
# Greek and Cyrillic, without those that look like a digit or like a Latin letter left out above.
LETTERS += "ΓΔΘΛΞΠΣΦΨΩαγεζηθκλμνπρτφχψωЖИЛПФЦШЩЪЫЮЯгджиклмнптфхцшщъыюя"
SYMBOLS = "+-*=#@%&?<>^~$:;,.\u20ac\u00a7\u2192\u221a\u2211\u221e\u2605\u2665\u266a\u2713\u263a"
# OpenCV's Hershey fonts consist of single strokes, as a pen draws them; some also come slanted.
PENS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
    cv2.FONT_HERSHEY_SIMPLEX | cv2.FONT_ITALIC,
    cv2.FONT_HERSHEY_COMPLEX | cv2.FONT_ITALIC,
)
# Matplotlib's fonts are of printed letters: with and without serifs, bold and slanted.
PRINTS = ("DejaVuS*.ttf", "STIXGeneral*.ttf", "cmr10.ttf", "cmss10.ttf", "cmtt10.ttf", "cmb10.ttf")
LETTER_HEIGHT = 64  # pixels, about; leaves a margin for bending


def draw(count: int, digits: Tensor, seed: int) -> Tensor:
    """Draw outliers, each of a kind chosen at random.

    Args:
        count: how many.
        digits: (n, 28, 28) uint8, training images; some outliers show several of them in a row.
        seed: the same seed gives the same outliers.

    Returns:
        (count, 28, 28) uint8 in MNIST's form: light ink on dark, 20 x 20, centred by mass.

    """
    random = np.random.default_rng(seed)
    sources = digits.cpu().numpy()
    kinds: dict[Callable[[Random], Ink], float] = {
        _letter: 0.33,
        signs.draw: 0.25,
        _symbol: 0.07,
        _scribble: 0.09,
        _shape: 0.07,
        _texture: 0.03,
        _shade: 0.05,
        lambda random: _several(random, sources): 0.11,
    }
    chosen = random.choice(len(kinds), count, p=list(kinds.values()))
    pictures = [_in_mnist_form(list(kinds)[kind], random) for kind in chosen]
    return torch.from_numpy(np.array(pictures, np.uint8).reshape(count, 28, 28))


def _in_mnist_form(kind: Callable[[Random], Ink], random: Random) -> NDArray[np.uint8]:
    ink = kind(random)
    while not ink.any():  # all of it was bent out of the frame
        ink = kind(random)
    return to_mnist(ink / 255)


def _letter(random: Random) -> Ink:
    return _glyph(random, LETTERS)


def _symbol(random: Random) -> Ink:
    return _glyph(random, SYMBOLS)


def _glyph(random: Random, characters: str) -> Ink:
    character = str(random.choice(list(characters)))
    write = _printed if random.random() < 0.4 else _penned
    return _bend(random, write(random, character))


def _penned(random: Random, character: str) -> Ink:
    font, pen = int(random.choice(PENS)), int(random.integers(2, 11))
    (width, height), _ = cv2.getTextSize(character, font, 1, 1)
    scale = LETTER_HEIGHT / max(width, height, 1)
    corner = (round(SIDE - width * scale) // 2, round(SIDE + height * scale) // 2)
    ink = _canvas()
    cv2.putText(ink, character, corner, font, scale, 255, pen, cv2.LINE_AA)
    return ink


def _printed(random: Random, character: str) -> Ink:
    font = _printed_fonts()[random.integers(len(_printed_fonts()))]
    page = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(page).text((SIDE / 2, SIDE / 2), character, 255, font, anchor="mm")
    return np.array(page)


@functools.cache
def _printed_fonts() -> tuple[ImageFont.FreeTypeFont, ...]:
    folder = Path(mpl.get_data_path(), "fonts", "ttf")
    files = sorted(path for pattern in PRINTS for path in folder.glob(pattern))
    return tuple(ImageFont.truetype(path, LETTER_HEIGHT * 5 // 4) for path in files)


def _scribble(random: Random) -> Ink:
    """A smooth line through a few random points."""
    knots = random.uniform(16, SIDE - 16, (int(random.integers(4, 14)), 2))
    closed = random.random() < 0.3
    line = pen_strokes.smooth(np.vstack([knots, knots[:2]]) if closed else knots)
    ink = _canvas()
    cv2.polylines(
        ink, [line.round().astype(np.int32)], False, 255, int(random.integers(4, 12)), cv2.LINE_AA
    )
    return ink


def _shape(random: Random) -> Ink:
    """An ellipse, a polygon, its outline, or a flat bar; a steep bar would be a one."""
    ink, pen = _canvas(), int(random.integers(4, 12))
    kind = random.choice(["blob", "polygon", "outline", "bar"])
    if kind == "blob":
        axes = tuple(int(axis) for axis in random.integers(12, 44, 2))
        cv2.ellipse(ink, (SIDE // 2, SIDE // 2), axes, 0, 0, 360, 255, cv2.FILLED, cv2.LINE_AA)
        return ink
    # An outline with more corners would be a zero.
    corners = {"bar": 2, "outline": int(random.integers(3, 5))}.get(
        kind, int(random.integers(3, 9))
    )
    angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    if kind == "bar":
        angles = random.uniform(-0.4, 0.4, 2) + np.array([0, np.pi])
    radii = random.uniform(16, 44, (corners, 1))
    points = SIDE / 2 + radii * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outline = [points.round().astype(np.int32)]
    if kind == "polygon":
        cv2.fillPoly(ink, outline, 255, cv2.LINE_AA)
    else:
        cv2.polylines(ink, outline, True, 255, pen, cv2.LINE_AA)
    return ink


def _texture(random: Random) -> Ink:
    """Blotches of one random size, as a photograph leaves them."""
    noise = random.random((SIDE, SIDE), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), float(random.uniform(2, 12)))
    limit = np.quantile(smooth, random.uniform(0.4, 0.9))
    return np.where(smooth > limit, 255, 0).astype(np.uint8)


def _shade(random: Random) -> Ink:
    """What is left of a shadow, a vignette or a lamp: broad, with one soft edge or two."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE - 0.5
    turn = random.uniform(0, 2 * np.pi)
    across = np.cos(turn) * x + np.sin(turn) * y
    kind = random.choice(["side", "band", "corners", "spot"])
    if kind == "side":
        field = across - random.uniform(-0.3, 0.3)
    elif kind == "band":
        field = random.uniform(0.12, 0.3) - np.abs(across)
    else:
        centre = random.uniform(-0.25, 0.25, 2)
        far = np.hypot((x - centre[0]) * random.uniform(0.6, 1.6), y - centre[1])
        field = far - random.uniform(0.3, 0.6) if kind == "corners" else 0.35 - far
    window = np.zeros((SIDE, SIDE), bool)
    low, high = random.integers(0, SIDE // 3, 2), random.integers(2 * SIDE // 3, SIDE, 2)
    window[low[0] : high[0], low[1] : high[1]] = True
    soft = np.clip(field / random.uniform(0.02, 0.5) + 0.5, 0, 1) * window
    return np.asarray(soft * 255, np.uint8)


def _several(random: Random, digits: NDArray[np.uint8]) -> Ink:
    """Two or three digits in a row, or a strip of many."""
    count = random.integers(2, 4) if random.random() < 0.75 else random.integers(4, 13)
    chosen = digits[random.integers(0, len(digits), int(count))]
    columns = [image.any(axis=0).nonzero()[0] for image in chosen]
    gap = np.zeros((28, int(random.integers(1, 8))), np.uint8)
    parts: list[NDArray[np.uint8]] = []
    for image, used in zip(chosen, columns, strict=True):
        parts += [gap, image[:, used[0] : used[-1] + 1]] if len(used) else [gap]
    return cv2.resize(np.hstack(parts), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def _bend(random: Random, ink: Ink) -> Ink:
    """Rotate, slant, widen and warp `ink` smoothly, as a hand would draw it."""
    field = random.normal(0, 1, (2, 5, 5)).astype(np.float32) * random.uniform(0, 5)
    warp = [cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for part in field]
    turn = np.deg2rad(random.uniform(-15, 15))
    slant, width = random.uniform(-0.3, 0.3), random.uniform(0.7, 1.4)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) - SIDE / 2
    across = (np.cos(turn) * x + np.sin(turn) * y) * width + slant * y + warp[0]
    down = np.cos(turn) * y - np.sin(turn) * x + warp[1]
    return cv2.remap(  # type: ignore[return-value]
        ink,
        (across + SIDE / 2).astype(np.float32),
        (down + SIDE / 2).astype(np.float32),
        cv2.INTER_LINEAR,
    )


def _canvas() -> Ink:
    return np.zeros((SIDE, SIDE), np.uint8)
