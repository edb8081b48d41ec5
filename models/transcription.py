"""From what a reader of lines gives at each step to a text, its confidence, and where it stands.

Training judges by it, and the service reads by it.

CTC (connectionist temporal classification: Graves et al. 2006, "Connectionist Temporal
Classification") gives each step of a line one of the characters or a blank. A text is read by every
path of steps that becomes it when repetitions are joined and then blanks are left out.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats

# A strip, in pixels: its height, that of its ink, the empty columns on either side, its width.
HEIGHT: Final = 32
INK: Final = 26
MARGIN: Final = 8
NARROWEST, WIDEST = 24, 1024
# Mean width of a strip's strokes: thinner ones are thickened, thicker ones thinned, so that pens
# look alike.
THINNEST, THICKEST = 2.0, 3.6
DIGITS: Final = 10  # the first classes
# Then what divides numbers (point, comma, minus and the like), anything else, and CTC's blank.
SEPARATOR, OTHER, BLANK = range(DIGITS, DIGITS + 3)
CLASSES: Final = DIGITS + 3
LABELS: Final = (*map(str, range(DIGITS)), "separator", "other")  # of all but the blank


_SLANT: Final = 0.12  # columns a row, by which two views are slanted, to either side
_LOWER: Final = 0.92  # height of a view that is lower, as a fraction
_LEAST: Final = 1e-30  # what a probability is taken for that is rounded to 0
_ROWS: Final = np.arange(HEIGHT) - (HEIGHT - 1) / 2  # from the middle


def views(strip: Floats) -> Floats:
    """The views (4, 32, W) in which a strip (32, W) is read, to be averaged: that errs less.

    They are the strip itself, slanted to the left and to the right, and a little lower; every
    column stays where it is.
    """
    taken = np.clip(_ROWS / _LOWER + (HEIGHT - 1) / 2, 0, HEIGHT - 1)
    above = np.minimum(taken.astype(int), HEIGHT - 2)
    share = (taken - above).astype(np.float32)[:, np.newaxis]
    lower = strip[above] * (1 - share) + strip[above + 1] * share
    lower[np.abs(_ROWS / _LOWER) > HEIGHT / 2] = 0
    return np.stack([strip, _slanted(strip, _SLANT), _slanted(strip, -_SLANT), lower])


def _slanted(strip: Floats, slant: float) -> Floats:
    """`strip` with each row moved to the right by `slant` for each row that it lies lower."""
    most = int(np.ceil(abs(slant) * HEIGHT / 2)) + 1
    padded = np.pad(strip, ((0, 0), (most, most)))
    width = strip.shape[1]
    starts = most - slant * _ROWS
    whole = np.floor(starts).astype(int)
    columns = whole[:, np.newaxis] + np.arange(width)
    share = (starts - whole).astype(np.float32)[:, np.newaxis]
    left, right = (np.take_along_axis(padded, columns + i, axis=1) for i in (0, 1))
    return np.asarray(left * (1 - share) + right * share, np.float32)


def average(probabilities: Floats) -> Floats:
    """The logarithm of the mean probabilities (steps, 13) of several views (n, steps, 13)."""
    mean = probabilities.mean(axis=0, dtype=np.float64)
    return np.asarray(np.log(np.maximum(mean, _LEAST)), np.float32)


@dataclass(frozen=True)
class Stretch:
    """One character of a text: its class, and the steps from `start` to before `end`."""

    label: int
    start: int
    end: int


def decode(probabilities: Floats) -> list[Stretch]:
    """The characters of the most probable path through (steps, 13), or their logarithms."""
    return join_path(probabilities.argmax(axis=1))


def join_path(best: NDArray[np.integer]) -> list[Stretch]:
    """The characters of a path of classes (steps,); neighbours of OTHER are one."""
    edges = np.flatnonzero(np.diff(best)) + 1
    starts = [0, *edges.tolist()]
    found: list[Stretch] = []
    for start, end in zip(starts, [*starts[1:], len(best)], strict=True):
        label = int(best[start])
        if label == BLANK:
            continue
        if label == OTHER and found and found[-1].label == OTHER:
            found[-1] = Stretch(OTHER, found[-1].start, end)
        else:
            found.append(Stretch(label, start, end))
    return found


def text_log_probability(log_probabilities: Floats, labels: list[int]) -> float:
    """The logarithm of the probability of all paths through (steps, 13) that read `labels`."""
    extended = np.full(2 * len(labels) + 1, BLANK)
    extended[1::2] = labels
    scores = log_probabilities.astype(np.float64)[:, extended]  # (steps, 2 * n + 1)
    # From a character a path may go on to the next one at once, if that is another one.
    skips = np.full(len(extended), -np.inf)
    skips[3::2] = np.where(extended[3::2] != extended[1:-2:2], 0.0, -np.inf)
    before = np.full(len(extended) + 2, -np.inf)  # with two places that no path comes from
    before[2:4] = scores[0, :2]
    for score in scores[1:]:
        ways = np.logaddexp(before[2:], before[1:-1])
        before[2:] = np.logaddexp(ways, before[:-2] + skips) + score
    return float(np.logaddexp.reduce(before[-2:] if labels else before[-1:]))


def calibrate(log_probability: float, temperature: float) -> float:
    """The confidence in a text, against all others together, at this temperature."""
    log_probability = min(log_probability, -1e-12)
    odds = log_probability - np.log(-np.expm1(log_probability))
    return float(1 / (1 + np.exp(min(-odds / temperature, 500.0))))


def digit_probabilities(log_probabilities: Floats, stretch: Stretch) -> list[float]:
    """The probability of each digit where `stretch` stands, which add up to 1."""
    weights = np.exp(log_probabilities[stretch.start : stretch.end, :DIGITS].astype(np.float64))
    summed = weights.sum(axis=0)
    return [float(share) for share in summed / summed.sum()]


def place(strip: Floats, stretches: list[Stretch], steps: int) -> list[tuple[int, int]]:
    """The columns of a strip (32, W), from the first to behind the last, that each character fills.

    Two neighbours are divided between their steps where the strip has the least ink.
    """
    if not stretches:
        return []
    columns = strip.sum(axis=0)
    width = len(columns)
    pace = width / steps
    middles = [round((s.start + s.end) / 2 * pace) for s in stretches]
    cuts = [0]
    for left, right in pairwise(middles):
        between = columns[left + 1 : max(right, left + 2)]
        lightest = np.flatnonzero(between <= between.min() + 1e-6)
        cuts.append(left + 1 + int(lightest[len(lightest) // 2]))
    return [_inked(columns, start, end) for start, end in pairwise([*cuts, width])]


def _inked(columns: Floats, start: int, end: int) -> tuple[int, int]:
    """The part from `start` to `end` without empty columns at its sides."""
    inked = np.flatnonzero(columns[start:end] > 0.25)
    return (start + int(inked[0]), start + int(inked[-1]) + 1) if len(inked) else (start, end)
