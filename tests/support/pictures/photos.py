"""Photos of a digit on rough paper, in somebody's hand, in shade, or cut close to the strokes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.pictures.painting import (
    Bytes,
    Floats,
    Random,
    finish,
    ink_on,
    light_from_a_side,
    sheet,
    smooth_noise,
)
from tests.support.pictures.strokes import paint


def photo_size(random: Random, shortest: int = 500) -> tuple[int, int]:
    """Height and width of a photo, upright or not."""
    short = int(random.integers(shortest, 800))
    long = int(short * random.uniform(1, 1.5))
    return (long, short) if random.random() < 0.6 else (short, long)


def rough_paper(strokes: list[Floats], random: Random) -> Bytes:
    """A pen of any width on cardboard, cloth, wood, a wall, or stained paper."""
    size = photo_size(random, 200)
    pen = random.uniform(0.02, 0.13) * min(size)
    ink = paint(strokes, size, random, random.uniform(0.4, 0.85), pen, 0.1)
    rough = _TEXTURES[int(random.integers(len(_TEXTURES)))](size, random)
    rough *= random.uniform(5, 18) / float(rough.std())
    light = random.uniform(120, 230)
    paper = sheet(size, random, light, tint=25) + rough[..., np.newaxis]
    left = random.uniform(0.1, 0.45)  # of the paper's light, under the ink
    picture = paper * (1 - (1 - left) * ink[..., np.newaxis])
    picture = picture * light_from_a_side(size, random, 0.75)[..., np.newaxis]
    return finish(picture + random.normal(0, 2, (*size, 1)))


def _grain(size: tuple[int, int], random: Random) -> Floats:
    """Bumps of several sizes."""
    cells = [int(max(size) / step) for step in random.uniform(1.5, 16, 3)]
    return np.asarray(sum(smooth_noise(size, random, count) for count in cells), np.float32)


def _weave(size: tuple[int, int], random: Random) -> Floats:
    """Threads that cross."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    pitch, bend = random.uniform(4, 14), 2 * smooth_noise(size, random, 6)
    threads = np.sin(2 * np.pi * (x + bend) / pitch) + np.sin(2 * np.pi * (y + bend) / pitch)
    return np.asarray(threads + 0.6 * _grain(size, random), np.float32)


def _wood(size: tuple[int, int], random: Random) -> Floats:
    """Streaks along one side."""
    long = smooth_noise((size[0], size[1]), random, 5)
    y = np.arange(size[0], dtype=np.float32)[:, np.newaxis] + 6 * long
    streaks = np.interp(y, np.arange(-60, size[0] + 60), random.normal(0, 1, size[0] + 120))
    return np.asarray(streaks + 0.5 * smooth_noise(size, random, 8), np.float32)


def _fibres(size: tuple[int, int], random: Random) -> Floats:
    """Short threads in all directions, darker and lighter."""
    found = np.zeros(size, np.float32)
    for _ in range(size[0] * size[1] // 400):
        start = random.uniform((0, 0), size[::-1])
        along = random.normal(0, random.uniform(3, 12), 2)
        end = start + along
        shade, thick = float(random.normal(0, 1)), int(random.integers(1, 3))
        cv2.line(found, start.astype(int).tolist(), end.astype(int).tolist(), shade, thick)
    return found + 0.3 * _grain(size, random)


_TEXTURES = _grain, _weave, _wood, _fibres


def soft_pencil(strokes: list[Floats], random: Random) -> Bytes:
    """A soft pencil, grey and broad, that leaves the grain of the paper white, perhaps twice."""
    size = photo_size(random, 300)
    tall, pen = random.uniform(0.3, 0.75), random.uniform(0.004, 0.018) * max(size)
    ink = paint(strokes, size, random, tall, pen, 0.1)
    if random.random() < 0.4:  # gone over again
        away = np.eye(2, 3) + np.array([[0, 0, 1], [0, 0, 1]]) * random.normal(0, pen, (2, 1))
        again = cv2.warpAffine(ink, away, size[::-1])
        ink = np.maximum(ink, 0.8 * np.asarray(again, np.float32))
    grain = smooth_noise(size, random, int(max(size) / random.uniform(1.2, 4)))
    covered = 1 / (1 + np.exp(-4 * (grain + random.uniform(0, 1.5))))
    smudge = np.asarray(cv2.GaussianBlur(ink, (0, 0), 2 * pen), np.float32)
    dark = random.uniform(0.2, 0.55)
    light = sheet(size, random, 215) * light_from_a_side(size, random, 0.65)[..., np.newaxis]
    light += random.normal(0, 2, (*size, 1))
    return finish(light * (1 - dark * np.maximum(ink * covered, 0.15 * smudge)[..., np.newaxis]))


def held(strokes: list[Floats], random: Random) -> Bytes:
    """Paper that somebody holds: fingers lie over its edges, or a pen reaches in."""
    size = photo_size(random, 300)
    pen = random.uniform(0.008, 0.035) * max(size)
    ink = paint(strokes, size, random, random.uniform(0.3, 0.6), pen, 0.1)
    picture = ink_on(sheet(size, random, 220), ink * random.uniform(0.6, 1))
    near = cv2.dilate(ink, np.ones((9, 9), np.uint8)) > 0
    skin = random.uniform((140, 95, 70), (235, 195, 170))
    for _ in range(int(random.integers(1, 4))):
        over, colour = _reaching_in(size, random, skin)
        if near[over > 0.02].any():
            continue
        shade = np.asarray(cv2.GaussianBlur(over, (0, 0), 0.015 * max(size)), np.float32)
        picture = picture * (1 - 0.35 * shade[..., np.newaxis])
        round_ = 0.75 + 0.25 * np.asarray(cv2.GaussianBlur(over, (0, 0), 0.02 * max(size)))
        shaped = round_[..., np.newaxis] * colour
        picture += over[..., np.newaxis] * (shaped - picture)
    light = light_from_a_side(size, random, 0.7)[..., np.newaxis]
    return finish(picture * light + random.normal(0, 2, (*size, 1)))


def _reaching_in(
    size: tuple[int, int], random: Random, skin: NDArray[np.float64]
) -> tuple[Floats, NDArray[np.float64]]:
    """(h, w) in [0, 1] of a finger or a pen from outside, and its colour (3,)."""
    is_pen = random.random() < 0.25
    colour = random.uniform(0, 200, 3) if is_pen else skin
    wide = (random.uniform(0.015, 0.03) if is_pen else random.uniform(0.07, 0.16)) * max(size)
    side, along = int(random.integers(4)), random.uniform(0.05, 0.95)
    depth = random.uniform(0.05, 0.3)
    root = {0: (along, -0.3), 1: (along, 1.3), 2: (-0.3, along), 3: (1.3, along)}[side]
    tip = {0: (along, depth), 1: (along, 1 - depth), 2: (depth, along), 3: (1 - depth, along)}[side]
    tip = tip[0] + random.uniform(-0.1, 0.1), tip[1] + random.uniform(-0.1, 0.1)
    start, end = ((np.array(point) * size[::-1]).astype(int).tolist() for point in (root, tip))
    over = np.zeros(size, np.float32)
    cv2.line(over, start, end, 1.0, max(2, int(wide)), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(over, (0, 0), random.uniform(0.5, 2.5)), np.float32), colour


def touching(strokes: list[Floats], random: Random) -> Bytes:
    """A pen in a picture that is cut so close, or a little closer, that strokes meet its border."""
    points = np.concatenate(strokes)
    wide, high = (points.max(axis=0) - points.min(axis=0)).tolist()
    aspect = float(np.clip(wide / high, 0.3, 1.2))
    side = int(random.integers(40, 600))
    size = side, max(24, int(side * aspect))
    fit = min(size[0] / high, size[1] / wide) * max(wide, high) / min(size)
    pen = max(1.5, random.uniform(0.02, 0.14) * side)
    ink = paint(strokes, size, random, fit * random.uniform(0.92, 1.05), pen, 0.02)
    light = sheet(size, random, 225) * light_from_a_side(size, random, 0.8)[..., np.newaxis]
    picture = ink_on(np.asarray(light, np.float32), ink * random.uniform(0.6, 1))
    return finish(255 - picture if random.random() < 0.3 else picture)


def shaded(strokes: list[Floats], random: Random) -> Bytes:
    """Paper with the shade of a hand, a head or a phone over a corner or two."""
    size = photo_size(random, 300)
    pen = random.uniform(0.005, 0.03) * max(size)
    ink = paint(strokes, size, random, random.uniform(0.3, 0.75), pen, 0.1)
    light = np.ones(size, np.float32)
    for _ in range(int(random.integers(1, 4))):
        over = np.zeros(size, np.float32)
        corner = random.integers(0, 2, 2) * size[::-1]
        around = corner + random.normal(0, 0.3, (7, 2)) * size[::-1]
        hull = np.asarray(cv2.convexHull(around.astype(np.int32)), np.int32)
        cv2.fillConvexPoly(over, hull, 1.0)
        soft = random.uniform(0.004, 0.08) * max(size)
        over = np.asarray(cv2.GaussianBlur(over, (0, 0), soft), np.float32)
        light *= 1 - random.uniform(0.25, 0.65) * over
    picture = sheet(size, random, 225) * light[..., np.newaxis]
    picture = picture * (1 - random.uniform(0.4, 0.85) * ink[..., np.newaxis])
    return finish(picture + random.normal(0, 2, (*size, 1)))
