"""What drawn pictures are made of: ink, paper, light, printed lines; and how they are encoded."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Random = np.random.Generator

BLACK = (25.0, 25.0, 30.0)


def encode(pixels: Bytes, suffix: str, random: Random) -> bytes:
    """`pixels` (h, w), (h, w, 3) RGB or (h, w, 4) RGBA as the bytes of a file."""
    if pixels.ndim == 3:
        swap = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
        pixels = np.asarray(cv2.cvtColor(pixels, swap), dtype=np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(12, 50))]
    _, data = cv2.imencode(suffix, pixels, quality if suffix == ".jpg" else [])
    return data.tobytes()


def enlarge(digit: Floats, height: int) -> Floats:
    """The digit (28, 28) or (8, 8) in [0, 1] with smooth strokes, `height` pixels tall."""
    blurred = cv2.GaussianBlur(digit, (3, 3), 0.6) if len(digit) > 8 else digit
    large = cv2.resize(blurred, (height, height), interpolation=cv2.INTER_CUBIC)
    steep = 10 * max(1.0, height / 150)
    ink = 1.1 / (1 + np.exp(-steep * (large - 0.4))) - 0.05
    return np.asarray(np.clip(ink, 0, 1), dtype=np.float32)


def layer(
    digit: Floats,
    random: Random,
    size: tuple[int, int] = (300, 300),
    tall: tuple[float, float] = (0.55, 0.85),
    drift: float = 0.08,
) -> Floats:
    """Ink (h, w) in [0, 1] of the digit somewhere about the middle.

    `tall` is the range of the 28 rows' height and `drift` the most that the middle is off, both
    shares of the shorter side.
    """
    height, width = size
    side = int(min(size) * random.uniform(*tall))
    ink = enlarge(digit, side)
    x, y = random.uniform(-drift, drift, 2) * min(size)
    shift = np.array([[1, 0, (width - side) / 2 + x], [0, 1, (height - side) / 2 + y]], np.float32)
    return np.asarray(cv2.warpAffine(ink, shift, (width, height)), dtype=np.float32)


def sheet(size: tuple[int, int], random: Random, light: float = 235, tint: float = 8) -> Floats:
    """Even paper (h, w, 3), a little tinted and grainy."""
    colour = light + random.uniform(-tint, tint, 3)
    grain = random.normal(0, 2, (*size, 1))
    return np.asarray(colour + grain, dtype=np.float32)


def ink_on(paper: Floats, ink: Floats, colour: tuple[float, float, float] = BLACK) -> Floats:
    """`paper` (h, w, 3) painted with `colour` where `ink` (h, w) is 1."""
    return paper + ink[..., np.newaxis] * (np.asarray(colour, np.float32) - paper)


def finish(picture: NDArray[np.floating[Any]]) -> Bytes:
    return np.asarray(np.clip(picture, 0, 255) + 0.5).astype(np.uint8)


def smooth_noise(size: tuple[int, int], random: Random, cells: int) -> Floats:
    """(h, w) about normal, varying over a `cells`-th of the picture."""
    coarse = random.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def light_from_a_side(size: tuple[int, int], random: Random, least: float) -> Floats:
    """(h, w) in [`least`, 1]: light that falls off in some direction, and unevenly."""
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    ramp = np.cos(angle) * x / size[1] + np.sin(angle) * y / size[0]
    ramp += 0.15 * smooth_noise(size, random, 4)
    ramp = (ramp - ramp.min()) / (ramp.max() - ramp.min())
    return np.asarray(least + (1 - least) * ramp, dtype=np.float32)


def shadow(size: tuple[int, int], random: Random, depth: float) -> Floats:
    """(h, w): `depth` on one side of a slightly soft, slanted edge, 1 on the other."""
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    beyond = np.cos(angle) * (x / size[1] - 0.5) + np.sin(angle) * (y / size[0] - 0.5)
    edge = 1 / (1 + np.exp(-(beyond - random.uniform(-0.2, 0.2)) * random.uniform(30, 150)))
    return np.asarray(1 - (1 - depth) * edge, dtype=np.float32)


def folds(size: tuple[int, int], random: Random) -> Floats:
    """(h, w) about 1: light on a sheet that was folded, with a shade or gleam at each crease."""
    light = np.ones(size, np.float32)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    for angle in random.uniform(0, np.pi, random.integers(2, 6)):
        right, down = random.uniform(0.15, 0.85, 2) * size[::-1]
        away = (np.cos(angle) * (x - right) + np.sin(angle) * (y - down)) / min(size)
        depth = random.uniform(0.15, 0.25) if random.random() < 0.6 else -random.uniform(0.05, 0.15)
        slope = random.uniform(0.03, 0.08) * np.sign(away) * np.exp(-np.abs(away) / 0.15)
        light *= 1 - depth * np.exp(-np.maximum(away, 0) / 0.02) * (away > 0) - slope
    return light


def ruling(size: tuple[int, int], random: Random, *, squared: bool) -> Floats:
    """(h, w) ink of printed lines, a little aslant."""
    gap = int(random.uniform(0.06, 0.14) * size[0])
    thick = int(random.integers(1, 3))
    slant = np.tan(np.radians(random.uniform(-2.5, 2.5)))
    start = int(random.integers(0, gap))
    lines = np.zeros(size, np.float32)
    height, width = size
    for at in range(start - gap * 4, max(size) + gap * 4, gap):
        drop = int(slant * width)
        cv2.line(lines, (0, at), (width, at + drop), 1.0, thick, cv2.LINE_AA)
        if squared:
            cv2.line(lines, (at, 0), (at - int(slant * height), height), 1.0, thick, cv2.LINE_AA)
    return np.clip(lines, 0, 1)


def warp(picture: Floats, matrix: NDArray[np.float64]) -> Floats:
    size = picture.shape[1], picture.shape[0]
    return np.asarray(
        cv2.warpPerspective(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
