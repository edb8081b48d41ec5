"""Pictures drawn by strokes of a pen, of kinds that are hard to read: one function per kind.

    data = draw_digit("vignette", 7, seed=3)     # PNG or JPEG bytes, the same for the same seed
    data = draw_other("strip", seed=3)           # shows no single digit

Unlike MNIST's digits these have straight strokes, bars, feet and flags, and pens of any width.
"""

import zlib
from collections.abc import Callable

import cv2
import numpy as np

from tests.support.pictures.painting import (
    Bytes,
    Floats,
    Random,
    encode,
    finish,
    ink_on,
    light_from_a_side,
    ruling,
    sheet,
    smooth_noise,
    warp,
)  # fmt: skip
from tests.support.pictures.photos import (
    held,
    photo_size,
    rough_paper,
    shaded,
    soft_pencil,
    touching,
)
from tests.support.pictures.screens import paint_program, tool_box, web_canvas
from tests.support.pictures.strokes import DIGITS, LETTERS, paint, written

DigitKind = Callable[[list[Floats], Random], Bytes]
OtherKind = Callable[[Random], Bytes]
JPEG = ("fine_pen", "pencil", "vignette", "squared_pencil", "lamp", "empty_squares", "rough_paper",
        "soft_pencil", "held", "shaded", "empty_rough", "empty_held")  # fmt: skip


def draw_digit(kind: str, digit: int, seed: int) -> bytes:
    """The encoded picture of a `digit`."""
    random = np.random.default_rng([seed, zlib.crc32(kind.encode()), digit])
    hands = DIGITS[digit]
    strokes = written(hands[int(random.integers(len(hands)))], random)
    return _encode(kind, DIGIT_KINDS[kind](strokes, random), random)


def draw_other(kind: str, seed: int) -> bytes:
    """The encoded picture of something that is not one digit."""
    random = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    return _encode(kind, OTHER_KINDS[kind](random), random)


def _encode(kind: str, pixels: Bytes, random: Random) -> bytes:
    return encode(pixels, ".jpg" if kind in JPEG else ".png", random)


def hand(strokes: list[Floats], random: Random) -> Bytes:
    """A pen on plain paper."""
    size = (300, 300)
    ink = paint(strokes, size, random, random.uniform(0.4, 0.8), random.uniform(6, 16))
    return finish(ink_on(sheet(size, random), ink))


def small_hand(strokes: list[Floats], random: Random) -> Bytes:
    """28 x 28, as data sets have it, not made as MNIST's were."""
    side = int(random.integers(24, 40))
    ink = paint(strokes, (side, side), random, random.uniform(0.6, 0.95), random.uniform(1.5, 3.5))
    return finish(255 * ink if random.random() < 0.5 else 255 - 255 * ink)


def fine_pen(strokes: list[Floats], random: Random) -> Bytes:
    """A thin pen, large on plain paper, photographed."""
    size = photo_size(random)
    pen = random.uniform(0.003, 0.009) * max(size)
    ink = paint(strokes, size, random, random.uniform(0.5, 0.9), pen, 0.1)
    dark = random.uniform(0.4, 0.85)
    light = sheet(size, random, 215) * light_from_a_side(size, random, 0.7)[..., np.newaxis]
    return finish(light * (1 - dark * ink[..., np.newaxis]))


def straight_strokes(strokes: list[Floats], random: Random) -> Bytes:
    """A pen of any width in a picture that is cut close to the digit."""
    points = np.concatenate(strokes)
    wide, high = (points.max(axis=0) - points.min(axis=0)).tolist()
    aspect = float(np.clip(wide / high, 0.3, 1.2)) * random.uniform(0.9, 1.3)
    side = int(random.integers(64, 600))
    size = side, max(32, int(side * aspect))
    fit = min(size[0] / high, size[1] / wide) * max(wide, high) / min(size)
    pen = max(2.0, random.uniform(0.006, 0.04) * side)
    ink = paint(strokes, size, random, fit * random.uniform(0.8, 0.98), pen, 0.02)
    picture = ink_on(sheet(size, random, 240), ink * random.uniform(0.6, 1))
    return finish(255 - picture if random.random() < 0.3 else picture)


def pencil(strokes: list[Floats], random: Random) -> Bytes:
    """A pencil hardly darker than the paper, whose line breaks up on its grain."""
    size = photo_size(random)
    pen = random.uniform(0.003, 0.008) * max(size)
    ink = paint(strokes, size, random, random.uniform(0.2, 0.7), pen, 0.15)
    grain = np.clip(0.65 + 0.35 * smooth_noise(size, random, max(size) // 6), 0, 1)
    light = sheet(size, random, 205) * light_from_a_side(size, random, 0.75)[..., np.newaxis]
    light += random.normal(0, 2, (*size, 1))
    return finish(light * (1 - (ink * grain * random.uniform(0.12, 0.3))[..., np.newaxis]))


def vignette(strokes: list[Floats], random: Random) -> Bytes:
    """A phone's photo, dark towards its corners or lit from close by."""
    size = photo_size(random, 300)
    pen = random.uniform(0.005, 0.015) * max(size)
    ink = paint(strokes, size, random, random.uniform(0.3, 0.75), pen, 0.1)
    light = sheet(size, random, 225) * _falloff(size, random)[..., np.newaxis]
    return finish(light * (1 - random.uniform(0.35, 0.85) * ink[..., np.newaxis]))


def _falloff(size: tuple[int, int], random: Random) -> Floats:
    """(h, w) of light that falls off from somewhere about the middle."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    away = random.uniform(-0.2, 0.2, 2) + 0.5
    far = np.hypot(x / size[1] - away[0], y / size[0] - away[1]) / 0.7
    dark = random.uniform(0.4, 0.8)
    return np.asarray(1 - dark * np.clip(far, 0, 1) ** random.uniform(1.5, 4), np.float32)


def camera_frame(strokes: list[Floats], random: Random) -> Bytes:
    """A frame of a camera shrunk to 32 x 32: little contrast, noise."""
    size = (32, 32)
    ink = paint(strokes, size, random, random.uniform(0.45, 0.85), random.uniform(1.5, 3.5))
    ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), random.uniform(0.3, 0.8)), np.float32)
    noise = random.uniform(2, 6)
    step = noise * random.uniform(5, 12)
    paper = random.uniform(90, 190) * light_from_a_side(size, random, 0.85)
    ink = -ink if random.random() < 0.7 else ink
    return finish(paper + step * ink + random.normal(0, noise, size))


def gaps(strokes: list[Floats], random: Random) -> Bytes:
    """Strokes of a pixel with gaps between them."""
    side = int(random.integers(24, 65))
    broken = []
    for stroke in strokes:
        cut = int(random.integers(0, len(stroke)))
        wide = max(1, round(len(stroke) * random.uniform(0.02, 0.08)))
        broken += [stroke[: max(cut - wide, 0)], stroke[cut + wide :]]
    broken = [part for part in broken if len(part) > 2] or strokes
    ink = paint(broken, (side, side), random, random.uniform(0.6, 0.9), random.uniform(1, 1.5))
    ink = ink * random.uniform(0.5, 1) / float(ink.max())
    return finish(255 * ink if random.random() < 0.6 else 255 - 255 * ink)


def squared_pencil(strokes: list[Floats], random: Random) -> Bytes:
    """A pen or a pencil on squared paper, photographed a little aslant in uneven light."""
    size = photo_size(random)
    picture = _squared_paper(size, random)
    pen = random.uniform(0.005, 0.012) * max(size)
    ink = paint(strokes, size, random, random.uniform(0.25, 0.7), pen, 0.15)
    dark = random.uniform(0.35, 0.85)
    picture = picture * (1 - dark * ink[..., np.newaxis])
    return finish(_askew(picture * light_from_a_side(size, random, 0.6)[..., np.newaxis], random))


def _squared_paper(size: tuple[int, int], random: Random) -> Floats:
    """(h, w, 3), the lines printed unevenly, fainter than a pen."""
    coarse = size[0] * 300 // min(size), size[1] * 300 // min(size)
    lines = ruling(coarse, random, squared=bool(random.random() < 0.75))
    lines = np.asarray(cv2.resize(lines, size[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
    uneven = np.clip(0.8 + 0.2 * smooth_noise(size, random, 12), 0.2, 1)
    colour = np.array((0.5, 0.35, 0.2) if random.random() < 0.5 else (0.4, 0.4, 0.4))
    faint = (lines * uneven * random.uniform(0.25, 0.8))[..., np.newaxis] * colour
    return np.asarray(sheet(size, random, 220) * (1 - faint), np.float32)


def _askew(picture: Floats, random: Random) -> Floats:
    """`picture` (h, w, 3) as seen from somewhere else, and bent a little."""
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + random.uniform(-0.03, 0.03, (4, 2)) * min(height, width)
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return warp(picture, matrix.astype(np.float64))


def stripes(strokes: list[Floats], random: Random) -> Bytes:
    """A pen on paper with a coloured stripe or two along a side, as of a book or another sheet."""
    size = photo_size(random, 300)
    pen = random.uniform(0.006, 0.02) * max(size)
    paper, at = sheet(size, random), 0
    for _ in range(int(random.integers(1, 3))):
        wide = int(random.uniform(0.03, 0.1) * size[1])
        paper[:, at : at + wide] = random.uniform(20, 230, 3)
        at += wide
    paper = paper[:, ::-1] if random.random() < 0.5 else paper
    picture = ink_on(paper, paint(strokes, size, random, 0.6, pen))
    picture += random.normal(0, 3, picture.shape).astype(np.float32)
    return finish(picture * light_from_a_side(size, random, 0.8)[..., np.newaxis])


def marker_on_texture(strokes: list[Floats], random: Random) -> Bytes:
    """A bold pen on rough paper, cloth or wood."""
    size = photo_size(random, 200)
    pen = random.uniform(0.05, 0.12) * min(size)
    ink = paint(strokes, size, random, random.uniform(0.6, 0.85), pen)
    rough = smooth_noise(size, random, max(size) // 4) + smooth_noise(size, random, max(size) // 9)
    paper = sheet(size, random, 190, tint=30) + random.uniform(4, 14) * rough[..., np.newaxis]
    return finish(ink_on(np.asarray(paper, np.float32), ink, (60.0, 55.0, 60.0)))


def light_on_board(strokes: list[Floats], random: Random) -> Bytes:
    """Light ink on a dark board that is not lit evenly."""
    size = photo_size(random, 250)
    pen = random.uniform(0.008, 0.04) * max(size)
    ink = paint(strokes, size, random, random.uniform(0.4, 0.85), pen)
    board = sheet(size, random, random.uniform(50, 90), tint=20)
    picture = ink_on(board, ink * random.uniform(0.6, 1), (235.0, 235.0, 230.0))
    light = _falloff if random.random() < 0.5 else lambda s, r: light_from_a_side(s, r, 0.4)
    return finish(picture * light(size, random)[..., np.newaxis])


DIGIT_KINDS: dict[str, DigitKind] = {
    kind.__name__: kind
    for kind in (
        hand, small_hand, fine_pen, straight_strokes, pencil, vignette, camera_frame, gaps,
        squared_pencil, paint_program, stripes, marker_on_texture, light_on_board, rough_paper,
        soft_pencil, tool_box, web_canvas, held, touching, shaded,
    )
}  # fmt: skip


def letter(random: Random) -> Bytes:
    """A letter that looks like a digit, drawn as those are."""
    name = list(LETTERS)[int(random.integers(len(LETTERS)))]
    strokes = written(LETTERS[name], random)
    return hand(strokes, random) if random.random() < 0.5 else small_hand(strokes, random)


def gradient(random: Random) -> Bytes:
    """Grey that goes from one level to another, in a picture of any size."""
    size = int(random.integers(20, 500)), int(random.integers(20, 500))
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    angle, levels = random.uniform(0, 2 * np.pi), random.uniform(0, 255, 2)
    ramp = np.cos(angle) * x / size[1] + np.sin(angle) * y / size[0]
    ramp = np.asarray((ramp - ramp.min()) / (ramp.max() - ramp.min()), np.float32)
    grey = levels[0] + (levels[1] - levels[0]) * ramp ** random.uniform(0.6, 1.6)
    return finish(grey + random.normal(0, random.uniform(0, 2), size))


def lamp(random: Random) -> Bytes:
    """Empty paper under a lamp, or in a photo with dark corners."""
    size = photo_size(random, 200)
    light = _falloff(size, random)[..., np.newaxis]
    return finish(sheet(size, random, 225) * light + random.normal(0, 2, (*size, 1)))


def strip(random: Random) -> Bytes:
    """Five to twelve digits in a row."""
    side, count = int(random.integers(24, 120)), int(random.integers(5, 13))
    cells = []
    for _ in range(count):
        hands = DIGITS[int(random.integers(10))]
        strokes = written(hands[int(random.integers(len(hands)))], random)
        cells.append(paint(strokes, (side, side), random, 0.75, side * 0.06))
    ink = np.hstack(cells)
    return finish(ink_on(sheet(ink.shape, random), ink))


def empty_squares(random: Random) -> Bytes:
    """Squared or ruled paper with nothing on it."""
    size = photo_size(random)
    picture = _squared_paper(size, random)
    return finish(_askew(picture * light_from_a_side(size, random, 0.6)[..., np.newaxis], random))


def empty_frame(random: Random) -> Bytes:
    """A camera's frame of nothing, with noise."""
    size = (32, 32)
    paper = random.uniform(90, 190) * light_from_a_side(size, random, 0.85)
    return finish(paper + random.normal(0, random.uniform(2, 6), size))


def empty_rough(random: Random) -> Bytes:
    """Rough paper with nothing on it."""
    return rough_paper([], random)


def empty_program(random: Random) -> Bytes:
    """A drawing program before anything is drawn."""
    return tool_box([], random)


def empty_page(random: Random) -> Bytes:
    """A page before anything is drawn on it."""
    return web_canvas([], random)


def empty_held(random: Random) -> Bytes:
    """Empty paper that somebody holds."""
    return held([], random)


OTHER_KINDS: dict[str, OtherKind] = {
    kind.__name__: kind
    for kind in (
        letter, gradient, lamp, strip, empty_squares, empty_frame, empty_rough, empty_program,
        empty_page, empty_held,
    )
}  # fmt: skip
