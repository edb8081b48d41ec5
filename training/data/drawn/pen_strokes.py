"""Pictures drawn from pen strokes: a skeleton, varied at random as hands and pens vary.

A skeleton is text. Points are "x,y" in percent of a square, y downwards; a smooth line runs through
them. "/" is a corner at the point before it, ";" lifts the pen. `"30,25 50,0 / 50,100"` is a 1 with
a flag: up to the top, and straight down from there.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (n, 2), x and y
Ink = NDArray[np.uint8]  # light on dark
Random = np.random.Generator

SIDE = 128  # pixels of the square canvas
_DRAWN = 100  # pixels of the longer side of what is drawn on it
_PIECES = 8  # straight pieces between two points of a skeleton


@dataclass(frozen=True)
class Skeleton:
    """Pen strokes, each of smooth lines (k, 2) that meet in corners, in a square of side 100."""

    strokes: tuple[tuple[Points, ...], ...]


def parse(text: str) -> Skeleton:
    """Read a skeleton.

    Raises:
        ValueError: a point is not two numbers, or a line has fewer than two points.

    """
    strokes: list[tuple[Points, ...]] = []
    for stroke in text.split(";"):
        lines: list[Points] = []
        for part in stroke.split("/"):
            points = [[float(number) for number in point.split(",")] for point in part.split()]
            line = np.array([lines[-1][-1].tolist(), *points] if lines else points)
            if line.ndim != 2 or line.shape[1] != 2 or len(line) < 2:
                raise ValueError(f"{part!r} in the skeleton {text!r}, expected points as x,y")
            lines.append(line)
        strokes.append(tuple(lines))
    return Skeleton(tuple(strokes))


def draw(skeleton: Skeleton, random: Random, *, slant: float = 0.3, gaps: float = 0.1) -> Ink:
    """Draw `skeleton` as some hand would with some pen.

    Its points are moved; the whole is bent, stretched, slanted and turned. The pen is thin or
    thick, round or broad-nibbed, and pressed more or less.

    Args:
        skeleton: what to draw.
        random: draws all that varies.
        slant: the largest shift of the top against the bottom, as a fraction of the height.
        gaps: the share of drawings whose line is broken somewhere, as by a dry pen.

    Returns:
        (128, 128) uint8; the longer side of the drawing's box is about 100 pixels.

    """
    moved = random.uniform(0, 5)
    strokes = [
        np.vstack([smooth(line) for line in _move(stroke, random, moved)])
        for stroke in skeleton.strokes
    ]
    whole = _bend(np.vstack(strokes), random, slant)
    strokes = np.split(whole, np.cumsum([len(stroke) for stroke in strokes])[:-1])
    # In a box of 20 pixels most of MNIST's strokes are 1.5 to 4 wide; what is uploaded is made so.
    width = random.uniform(1.5, 3.8) * _DRAWN / 20
    return _ink(strokes, random, width, broken=random.random() < gaps)


def smooth(points: Points, pieces: int = _PIECES) -> Points:
    """Points along a Catmull-Rom spline through `points`, (n, 2); `pieces` from one to the next."""
    if len(points) == 2:  # a straight line
        straight: Points = np.linspace(points[0], points[1], pieces + 1)
        return straight
    ends = np.vstack([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    a, b, c, d = (ends[i : len(ends) - 3 + i, np.newaxis] for i in range(4))
    t = np.linspace(0, 1, pieces, endpoint=False)[:, np.newaxis]
    curve = (
        b
        + (c - a) * t / 2
        + (2 * a - 5 * b + 4 * c - d) * t**2 / 2
        + (3 * b - a - 3 * c + d) * t**3 / 2
    )
    return np.vstack([curve.reshape(-1, 2), points[-1:]])


def _move(stroke: tuple[Points, ...], random: Random, far: float) -> list[Points]:
    """Move every point by about `far` percent; lines that meet in a corner still do."""
    lines: list[Points] = []
    for line in stroke:
        moved = line + random.normal(0, far, line.shape)
        if lines:
            moved[0] = lines[-1][-1]
        lines.append(moved)
    return lines


def _bend(points: Points, random: Random, slant: float) -> Points:
    """Bend, stretch, slant and turn all `points`, then fit them to the canvas."""
    centred = points - 50
    for _ in range(2):  # waves that are longer than a stroke
        along = random.normal(0, 1, 2)
        phase = centred @ (along / np.hypot(*along)) / random.uniform(25, 70)
        centred = centred + np.sin(phase + random.uniform(0, 6))[:, np.newaxis] * random.normal(
            0, 2.5, 2
        )
    stretch, shear = np.exp(random.uniform(-0.5, 0.35)), random.uniform(-slant * 0.7, slant)
    turn = np.deg2rad(random.uniform(-9, 9))
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    drawn = centred @ (turned @ np.array([[stretch, -shear], [0, 1]])).T
    low, high = drawn.min(axis=0), drawn.max(axis=0)
    fitted: Points = (drawn - (low + high) / 2) * (_DRAWN / max(*(high - low), 1.0)) + SIDE / 2
    return fitted


def _ink(strokes: list[Points], random: Random, width: float, *, broken: bool) -> Ink:
    """Draw `strokes` with a pen that is `width` pixels wide."""
    ink = np.zeros((SIDE, SIDE), np.uint8)
    pressure = random.uniform(0, 0.35) if random.random() < 0.5 else 0.0
    nib = np.zeros(2)
    if random.random() < 0.3:  # broad: a thinner line is drawn twice, side by side
        nib = random.uniform(-0.25, 0.25, 2) * width
        width *= 0.7
    for stroke in strokes:
        wave = np.sin(np.arange(len(stroke)) / random.uniform(4, 20) + random.uniform(0, 6))
        widths = np.maximum(np.rint(width * (1 + pressure * wave)), 1).astype(int)
        kept = np.ones(len(stroke), bool)
        if broken:
            start = int(random.integers(0, len(stroke)))
            kept[start : start + int(random.integers(1, 4))] = False
        for offset in {tuple(nib), tuple(-nib)}:
            at = np.rint((stroke + offset) * 8).astype(int).tolist()
            for i in range(1, len(at)):
                if kept[i]:
                    cv2.line(ink, at[i - 1], at[i], 255, int(widths[i]), cv2.LINE_AA, shift=3)
    return ink
