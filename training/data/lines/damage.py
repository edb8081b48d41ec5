"""What happens to a line on paper: bends, rests of print, specks, gaps, blur, and a cut edge.

The service takes lines and boxes of a form away, but seldom all of them; what stays is on the strip
beside the digits, and a reader has to read past it.
"""

import cv2
import numpy as np

from training.data.lines.strips import Ink, Random


def bend(line: Ink, unit: float, random: Random, strength: float) -> Ink:
    """Bend `line` (h, w) elastically, by at most 2.4 times `strength` of MNIST's pixels.

    `unit` is the size of one of them in it.
    """
    height, width = line.shape
    amount, step = random.uniform(0, 2.4) * strength * unit, 7 * unit
    nodes = (2, int(height / step) + 3, int(width / step) + 3)
    across, down = (
        np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR))
        for part in random.uniform(-amount, amount, nodes).astype(np.float32)
    )
    across += np.arange(width, dtype=np.float32)
    down += np.arange(height, dtype=np.float32)[:, np.newaxis]
    return np.asarray(cv2.remap(line, across, down, cv2.INTER_LINEAR), np.uint8)


def add_ruled_lines(line: Ink, unit: float, random: Random) -> None:
    """Draw rests of one or two ruled lines: long, thin, here and there interrupted."""
    height, width = line.shape
    thick = max(1, round(random.uniform(0.4, 1.3) * unit))
    for _ in range(random.integers(1, 3)):
        anywhere, below = random.uniform(0.1, 1) * height, height - random.uniform(2, 8) * unit
        y = anywhere if random.random() < 0.6 else below
        tilt, x = random.normal(0, 0.01), random.uniform(-1, 0.7) * width
        while x < width:
            end = x + random.uniform(14, 90) * unit
            ends = (int(x), int(y + tilt * x)), (int(end), int(y + tilt * end))
            cv2.line(line, *ends, random.uniform(170, 255), thick, cv2.LINE_AA)
            x = end + random.uniform(1, 60) * unit


def add_cells(line: Ink, unit: float, random: Random, pitch: float, start: float) -> None:
    """Draw rests of printed cells that are `pitch` wide; the first begins at the column `start`."""
    height, width = line.shape
    thick = max(1, round(random.uniform(0.3, 1.2) * unit))
    top = int(random.uniform(0, 3) * unit)
    bottom = height - 1 - int(random.uniform(0, 3) * unit)
    kept, shade = random.uniform(0.2, 1), random.uniform(170, 255)
    for x in np.arange(start - pitch, width, pitch):
        if random.random() >= kept:
            continue
        ends = (top, bottom)
        if random.random() < 0.3:
            low, high = sorted(random.uniform(top, bottom, 2).astype(int).tolist())
            ends = (low, high)
        # What is as high as a digit would be a one.
        if not 0.3 < (ends[1] - ends[0]) / (bottom - top) < 0.75:
            cv2.line(line, (int(x), ends[0]), (int(x), ends[1]), shade, thick, cv2.LINE_AA)
    for y in (top, bottom):
        if random.random() < kept:
            cv2.line(line, (0, y), (width, y), shade, thick, cv2.LINE_AA)


def add_specks(line: Ink, unit: float, random: Random) -> None:
    """Draw up to six specks, smaller than a point is."""
    height, width = line.shape
    for _ in range(random.integers(1, 7)):
        radius = max(0.4, random.uniform(0.28, 0.77) * unit)
        at = (int(random.uniform(0, width) * 8), int(random.uniform(0, height) * 8))
        shade = random.uniform(150, 255)
        cv2.circle(line, at, int(radius * 8), shade, cv2.FILLED, cv2.LINE_AA, shift=3)


def break_strokes(line: Ink, unit: float, random: Random) -> None:
    """Rub out a few thin lines, as a dry pen leaves them."""
    height, width = line.shape
    for _ in range(random.integers(1, 5)):
        start = random.uniform(0, [width, height], 2)
        end = start + random.normal(0, 8 * unit, 2)
        thick = max(1, round(unit * random.uniform(0.3, 1.1)))
        ends = (int(start[0]), int(start[1])), (int(end[0]), int(end[1]))
        cv2.line(line, *ends, 0, thick, cv2.LINE_AA)


def blur(line: Ink, unit: float, random: Random) -> Ink:
    """Blur `line` by up to a pixel of MNIST's."""
    sigma = random.uniform(0.4, 1.1) * max(0.7 * unit, 0.8)
    return np.asarray(cv2.GaussianBlur(line, (0, 0), sigma), np.uint8)


def add_grain(line: Ink, random: Random) -> Ink:
    """Make the ink, and what is next to it, uneven."""
    height, width = line.shape
    nodes = (height // 2 + 1, width // 2 + 1)
    noise = random.normal(0, random.uniform(5, 45), nodes).astype(np.float32)
    noise = np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR))
    near = cv2.dilate(line, np.ones((3, 3), np.uint8)) > 20
    return np.asarray(np.clip(line + noise * near, 0, 255), np.uint8)


def cut_edge(line: Ink, margin: int, unit: float, random: Random) -> tuple[Ink, int]:
    """Cut the `margin` and up to four of MNIST's pixels off one side, as an edge of a picture does.

    Returns:
        The rest, and how many pixels went on the left.

    """
    side, cut = random.integers(4), margin + int(random.uniform(0, 4) * unit)
    height, width = line.shape
    match side:
        case 0:
            return line[:, cut:], cut
        case 1:
            return line[:, : width - cut], 0
        case 2:
            return line[cut:], 0
        case _:
            return line[: height - cut], 0
