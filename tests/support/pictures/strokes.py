"""Digits and letters as strokes of a pen, in the hands of several countries, and their ink.

    ink = paint(written(random.choice(DIGITS[7]), random), (300, 300), random, tall=0.6, pen=4)

A character is a list of strokes, a stroke a list of points (x, y) from (0, 0), the top left of a
box that is 1 tall, to about (0.7, 1).
"""

import cv2
import numpy as np

from tests.support.pictures.painting import Floats, Random
from training.data.drawn.pen_strokes import smooth

Stroke = list[tuple[float, float]]
Character = list[Stroke]

# A stroke is a smooth curve through its points; where it turns a corner, another begins.
DIGITS: dict[int, list[Character]] = {
    0: [
        [[(0.35, 0), (0.08, 0.2), (0, 0.55), (0.12, 0.9), (0.35, 1), (0.6, 0.85), (0.68, 0.45),
          (0.58, 0.12), (0.35, 0)]],
        [[(0.42, 0.04), (0.12, 0.1), (0, 0.5), (0.15, 0.92), (0.42, 0.98), (0.64, 0.65),
          (0.55, 0.15), (0.3, 0)]],
    ],
    1: [
        [[(0.3, 0), (0.28, 1)]],
        [[(0.05, 0.28), (0.35, 0)], [(0.35, 0), (0.35, 1)]],
        [[(0, 0.5), (0.2, 0.3), (0.4, 0)], [(0.4, 0), (0.38, 1)]],
        [[(0.1, 0.25), (0.38, 0)], [(0.38, 0), (0.38, 1)], [(0.08, 1), (0.66, 1)]],
    ],
    2: [
        [[(0.05, 0.2), (0.3, 0), (0.58, 0.2), (0.45, 0.55), (0, 1)], [(0, 1), (0.66, 1)]],
        [[(0.02, 0.22), (0.3, 0), (0.6, 0.25), (0.35, 0.7), (0.1, 0.95), (0.02, 0.85),
          (0.2, 0.8), (0.45, 0.95), (0.7, 0.92)]],
    ],
    3: [
        [[(0.05, 0.12), (0.35, 0), (0.58, 0.22), (0.25, 0.46)],
         [(0.25, 0.46), (0.62, 0.7), (0.35, 1), (0, 0.88)]],
        [[(0.05, 0), (0.6, 0)], [(0.6, 0), (0.28, 0.4)],
         [(0.28, 0.4), (0.64, 0.65), (0.4, 1), (0, 0.9)]],
    ],
    4: [
        [[(0.2, 0), (0, 0.62)], [(0, 0.62), (0.7, 0.62)], [(0.52, 0.3), (0.5, 1)]],
        [[(0.5, 0), (0, 0.68)], [(0, 0.68), (0.7, 0.68)], [(0.5, 0), (0.5, 1)]],
    ],
    5: [
        [[(0.6, 0), (0.1, 0)], [(0.1, 0), (0.06, 0.44)],
         [(0.06, 0.44), (0.4, 0.38), (0.62, 0.68), (0.35, 1), (0, 0.9)]],
        [[(0.12, 0), (0.08, 0.42), (0.45, 0.42), (0.6, 0.75), (0.3, 1), (0, 0.92)],
         [(0.12, 0), (0.66, 0)]],
    ],
    6: [
        [[(0.5, 0), (0.12, 0.4), (0, 0.75), (0.25, 1), (0.58, 0.78), (0.35, 0.52), (0.04, 0.7)]],
        [[(0.3, 0), (0.06, 0.5), (0.1, 0.9), (0.35, 1), (0.56, 0.78), (0.4, 0.56), (0.1, 0.78)]],
    ],
    7: [
        [[(0, 0), (0.62, 0)], [(0.62, 0), (0.22, 1)]],
        [[(0, 0.02), (0.64, 0)], [(0.64, 0), (0.2, 1)], [(0.12, 0.5), (0.66, 0.5)]],
        [[(0, 0.15), (0.02, 0)], [(0.02, 0), (0.62, 0)], [(0.62, 0), (0.35, 0.5), (0.25, 1)]],
    ],
    8: [
        [[(0.32, 0), (0.08, 0.2), (0.32, 0.46), (0.6, 0.75), (0.32, 1), (0.02, 0.76),
          (0.32, 0.46), (0.56, 0.2), (0.32, 0)]],
        [[(0.55, 0.1), (0.2, 0.02), (0.15, 0.3), (0.55, 0.65), (0.4, 0.98), (0.08, 0.85),
          (0.2, 0.55), (0.58, 0.2), (0.52, 0.06)]],
    ],
    9: [
        [[(0.55, 0.25), (0.3, 0), (0.04, 0.25), (0.28, 0.5), (0.55, 0.22)],
         [(0.55, 0.22), (0.52, 1)]],
        [[(0.56, 0.25), (0.3, 0), (0.04, 0.25), (0.28, 0.52), (0.56, 0.25), (0.58, 0.65),
          (0.35, 1), (0.04, 0.88)]],
    ],
}  # fmt: skip
LETTERS: dict[str, Character] = {
    "alpha": [[(0.7, 0.1), (0.4, 0.75), (0.15, 0.8), (0.02, 0.45), (0.2, 0.12), (0.4, 0.3),
               (0.7, 0.9)]],
    "gamma": [[(0, 0.05), (0.18, 0.1), (0.32, 0.6), (0.28, 1)], [(0.6, 0), (0.33, 0.6)]],
    "eta": [[(0, 0.05), (0.1, 0.1), (0.12, 0.62)],
            [(0.12, 0.3), (0.35, 0.02), (0.52, 0.2), (0.52, 1)]],
    "lambda": [[(0.05, 0), (0.2, 0.1), (0.62, 1)], [(0.36, 0.45), (0, 1)]],
    "theta": [*DIGITS[0][0], [(0, 0.5), (0.67, 0.5)]],
    "X": [[(0, 0), (0.66, 1)], [(0.62, 0), (0.02, 1)]],
    "R": [[(0.02, 0), (0, 1)], [(0, 0.02), (0.5, 0.05), (0.5, 0.42), (0.02, 0.5)],
          [(0.1, 0.5), (0.6, 1)]],
}  # fmt: skip

_SMOOTH = 23  # pieces for each of a character's, so that a curve has no corners


def written(character: Character, random: Random) -> list[Floats]:
    """The strokes, each (n, 2), as one hand writes them once: moved, bent, slanted, stretched."""
    unsteady = random.uniform(0, 1)
    bent = unsteady * random.uniform(-0.1, 0.1, 2)
    shear, wide = random.uniform(-0.2, 0.2), random.uniform(0.75, 1.2)
    away = {
        point: unsteady * random.normal(0, 0.025, 2) for stroke in character for point in stroke
    }
    strokes = []
    for stroke in character:
        points = np.array([np.array(point) + away[point] for point in stroke])
        x, y = smooth(points, _SMOOTH).T
        x = x + shear * (0.5 - y) + bent[0] * (y - 0.5) ** 2
        strokes.append(np.stack([wide * x, y + bent[1] * (x - 0.3) ** 2], axis=1))
    return [stroke.astype(np.float32) for stroke in strokes]


_DRAWN = 600  # pixels on the shorter side at least, before a small picture is shrunk


def paint(
    strokes: list[Floats],
    size: tuple[int, int],
    random: Random,
    tall: float,
    pen: float,
    drift: float = 0.05,
) -> Floats:
    """Ink (h, w) in [0, 1] of `strokes` somewhere about the middle.

    Args:
        strokes: of `written`; none leave the picture empty.
        size: (h, w).
        random: for the place.
        tall: their longer side, as a share of the picture's shorter one; less where the picture is
            too narrow.
        pen: its width in pixels of the picture.
        drift: the most that the middle is off, as a share of the shorter side.

    """
    if not strokes:
        return np.zeros(size, np.float32)
    scale = max(1, -(-_DRAWN // min(size)))
    height, width = (side * scale for side in size)
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    unit = tall * min(height, width) / float((high - low).max())
    away = random.uniform(-drift, drift, 2) * min(height, width)
    spare = (np.array((width, height)) - unit * (high - low)) / 2
    start = spare + np.clip(away, -np.maximum(spare, 0), np.maximum(spare, 0))
    ink = np.zeros((height, width), np.uint8)
    for stroke in strokes:
        at = np.round((unit * (stroke - low) + start) * 16).astype(np.int32)
        cv2.polylines(ink, [at], False, 255, max(1, round(pen * scale)), cv2.LINE_AA, shift=4)
    if scale > 1:
        ink = np.asarray(cv2.resize(ink, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(ink / 255, dtype=np.float32)
