"""How many real uploads are read right, and how many refused, by source.

Beside it stands the way of the tutorials, which refuses nothing, with the same model.

python -m tests.benchmarks.uploads FOLDER      # FOLDER/digits/SOURCE/LABEL_ANY.*
                                               # FOLDER/nondigits/SOURCE/*
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.arrays import Floats
from service.errors import ApiError
from service.images.read_image import Reading, read_image
from service.inference.classifier import Classifier
from tests.benchmarks.tools.reading_ways import (
    MAX_PIXELS,
    Way,
    classify,
    open_classifier,
    read_as_tutorials,
)
from tests.support.published import finished

BLANK = np.zeros((28, 28), np.float32)
HEADER = (
    f"{'source':<28}{'n':>6}{'ours':>9}{'tutorials':>11}{'refused':>9}{'right of rest':>15}"
    f"{'ms':>8}{'ms p95':>8}"
)


@dataclass(frozen=True)
class Outcome:
    """One source: shares right (NaN where there is no right), and milliseconds per picture.

    `refused` is the share that is not accepted, `rest` how much of the others is right.
    """

    count: int
    ours: float
    tutorials: float
    refused: float
    rest: float
    median: float
    slow: float

    def line(self, name: str) -> str:
        return (
            f"{name:<28}{self.count:>6}{_share(self.ours):>9}{_share(self.tutorials):>11}"
            f"{_share(self.refused):>9}{_share(self.rest):>15}{self.median:>8.1f}{self.slow:>8.1f}"
        )


def main() -> None:
    """Print one line per source."""
    arguments = _parse()
    classifier = open_classifier(arguments.models_dir, arguments.model)
    print(HEADER)
    for kind in ("digits", "nondigits"):
        for source in sorted((arguments.folder / kind).glob("*/")):
            if files := sorted(path for path in source.iterdir() if path.is_file()):
                outcome = judge(classifier, files, labelled=kind == "digits")
                print(outcome.line(f"{kind}/{source.name}"), flush=True)


def judge(classifier: Classifier, files: list[Path], *, labelled: bool) -> Outcome:
    """Read `files` both ways; with `labelled`, their names start with the digit."""
    readings, times = zip(*(_timed(path.read_bytes()) for path in files), strict=True)
    rows = np.stack([reading.rows for reading in readings])
    predictions = finished(classifier.prepare(rows, [reading.finding for reading in readings]))
    accepted = np.array([prediction.accepted for prediction in predictions])
    right = theirs = rest = float("nan")
    if labelled:
        labels = np.array([int(path.name[0]) for path in files])
        hits = np.array([prediction.digit for prediction in predictions]) == labels
        right, rest = float(hits.mean()), float(hits[accepted].mean()) if accepted.any() else rest
        baseline = [_or_blank(read_as_tutorials, path.read_bytes()) for path in files]
        theirs = float((classify(classifier, baseline) == labels).mean())
    median, slow = np.percentile(times, (50, 95)).tolist()
    refused = float(1 - accepted.mean())
    return Outcome(len(files), right, theirs, refused, rest, median, slow)


def _timed(data: bytes) -> tuple[Reading, float]:
    """The reading, a blank one where the file is refused, and the milliseconds that it took."""
    start = time.perf_counter()
    try:
        reading = read_image(data, MAX_PIXELS)
    except ApiError:
        reading = Reading(BLANK, "blank")
    return reading, 1000 * (time.perf_counter() - start)


def _or_blank(way: Way, data: bytes) -> Floats:
    try:
        return way(data)
    except OSError:
        return BLANK


def _share(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.1f} %"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How many real uploads are read right.")
    parser.add_argument("folder", type=Path, help="holds digits/SOURCE and nondigits/SOURCE")
    parser.add_argument("--model", default="lstm", help="a published model (default: lstm)")
    parser.add_argument("--models-dir", type=Path, default=Path("models"), help="where it is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
