"""Digits drawn by a few lines, so that no data set is needed, and how alike two readings are."""

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.normalising.normalise import Reading, normalise
from service.images.picture import Picture

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def canvas(*strokes: list[tuple[int, int]], width: int = 14) -> Bytes:
    """Black strokes `width` pixels wide on white, (300, 300)."""
    pixels = np.full((300, 300), 255, np.uint8)
    for points in strokes:
        cv2.polylines(pixels, [np.array(points, np.int32)], False, 0, width, cv2.LINE_AA)
    return pixels


FIVE = [(190, 60), (110, 60), (105, 140), (160, 130), (195, 170), (180, 220), (140, 240), (95, 225)]
SEVEN = [(90, 70), (210, 70), (140, 240)]
FOUR = [(130, 60), (90, 160), (215, 160)], [(180, 60), (180, 240)]
ONE = [(150, 50), (150, 250)]
DIGITS = {"five": canvas(FIVE), "seven": canvas(SEVEN), "four": canvas(*FOUR)}

NUMERALS = {"1": canvas(ONE), "4": DIGITS["four"], "5": DIGITS["five"], "7": DIGITS["seven"]}


def write(*lines: str, tall: int = 60) -> Bytes:
    """Lines of the digits 1, 4, 5 and 7, each `tall` pixels tall, black on white."""
    rows = [np.hstack([NUMERALS[digit][:, 60:240] for digit in line]) for line in lines]
    wide = max(row.shape[1] for row in rows)
    padded = [np.pad(r, ((0, 0), (0, wide - r.shape[1])), constant_values=255) for r in rows]
    page = np.vstack(padded)
    size = round(page.shape[1] * tall / 200), round(page.shape[0] * tall / 200)
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def read(pixels: Bytes) -> Reading:
    """The reading of a picture (h, w) or (h, w, 3)."""
    return normalise(Picture(pixels, 255))


def likeness(one: Floats, other: Floats) -> float:
    """The correlation of two pictures, both blurred a little, for the best of small shifts."""
    first, second = (cv2.GaussianBlur(rows, (0, 0), 1.0) for rows in (one, other))
    shifts = [np.roll(second, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return max(float(np.corrcoef(first.ravel(), shifted.ravel())[0, 1]) for shifted in shifts)
