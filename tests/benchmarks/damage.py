"""How many drawn pictures are read right, by kind of damage, beside the way of the tutorials.

python -m tests.benchmarks.damage                       # MNIST's test digits (MNIST_ROOT or data/)
python -m tests.benchmarks.damage --dataset digits      # scikit-learn's, 8 x 8
python -m tests.benchmarks.damage --pen                 # digits of other hands, and what is none
python -m tests.benchmarks.damage --pen --seeds 3       # the same with the range of three draws
python -m tests.benchmarks.damage --sheet pairs.png     # a dozen hard cases, before and after
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.read_image import read_image
from service.inference.classifier import Classifier
from tests.benchmarks.tools.reading_ways import (
    MAX_PIXELS,
    classify,
    open_classifier,
    read_as_service,
    read_as_tutorials,
)
from tests.support.pictures.damaged_pictures import KINDS, draw
from tests.support.pictures.penned_pictures import (
    DIGIT_KINDS,
    OTHER_KINDS,
    draw_digit,
    draw_other,
)
from tests.support.published import finished

Bytes = NDArray[np.uint8]

HARD = (
    "strong_shadow", "squared", "ruled", "faint_pencil", "chalkboard", "table",
    "note", "tiny", "coloured_pen", "broken", "web_page", "mixed",
)  # fmt: skip
TILE = 168  # pixels; six times 28


def main() -> None:
    """Print one line per kind of damage."""
    arguments = _parse()
    if arguments.pen:
        classifier = open_classifier(arguments.models_dir, arguments.model)
        print_pen(classifier, arguments.count, arguments.seeds)
        return
    images, labels = load(arguments.dataset, arguments.count)
    if arguments.sheet:
        cv2.imwrite(str(arguments.sheet), sheet(images))
    classifier = open_classifier(arguments.models_dir, arguments.model)
    print(f"{'damage':<16}{'ours':>9}{'tutorials':>11}   of {len(labels)} {arguments.dataset}")
    means = []
    for kind in arguments.kinds or KINDS:
        pictures = [draw(kind, image, seed) for seed, image in enumerate(images)]
        shares = [
            float((classify(classifier, [way(data) for data in pictures]) == labels).mean())
            for way in (read_as_service, read_as_tutorials)
        ]
        means.append(shares)
        print(_line(kind, shares), flush=True)
    print(_line("mean", np.mean(means, axis=0).tolist()))


def print_pen(classifier: Classifier, count: int, draws: int) -> None:
    """Print one line for each kind of `count` pictures that are drawn by strokes of a pen.

    Each figure is the mean of several `draws` with other seeds, beside the least and the greatest.
    """
    starts = range(0, draws * count, count)
    _print_figures("digits", ("right", "tutorials", "refused", "accepted, wrong"))
    for kind in DIGIT_KINDS:
        figures = [_judge_digits(classifier, kind, range(at, at + count)) for at in starts]
        _print_figures(kind, _with_range(figures))
    _print_figures("no digit", ("refused",))
    for kind in OTHER_KINDS:
        figures = []
        for at in starts:
            _, accepted = judge(classifier, [draw_other(kind, at + each) for each in range(count)])
            figures.append([100 * float((~accepted).mean())])
        _print_figures(kind, _with_range(figures))
    print(f"percent of {count}" + (f"; {draws} draws: mean (min to max)" if draws > 1 else ""))


def _judge_digits(classifier: Classifier, kind: str, seeds: range) -> list[float]:
    """Percent right, by the tutorials' way, refused, and accepted and wrong."""
    labels = np.array(seeds) % 10
    pictures = [draw_digit(kind, seed % 10, seed) for seed in seeds]
    digits, accepted = judge(classifier, pictures)
    theirs = classify(classifier, [read_as_tutorials(data) for data in pictures])
    shares = digits == labels, theirs == labels, ~accepted, accepted & (digits != labels)
    return [100 * float(share.mean()) for share in shares]


def _with_range(draws: list[list[float]]) -> list[str]:
    """Each figure's mean over the `draws`, and its range where there are several."""
    figures = [(np.mean(figure), min(figure), max(figure)) for figure in zip(*draws, strict=True)]
    if len(draws) == 1:
        return [f"{mean:.1f}" for mean, _, _ in figures]
    return [f"{mean:.1f} ({least:.1f} to {most:.1f})" for mean, least, most in figures]


def _print_figures(name: str, figures: Sequence[str]) -> None:
    print(f"{name:<20}" + "".join(f"{figure:>23}" for figure in figures), flush=True)


def judge(
    classifier: Classifier, pictures: list[bytes]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The digit (n,) read in each picture, and whether it is accepted."""
    readings = [read_image(data, MAX_PIXELS) for data in pictures]
    rows = np.stack([reading.rows for reading in readings])
    found = finished(classifier.prepare(rows, [reading.finding for reading in readings]))
    return np.array([each.digit for each in found]), np.array([each.accepted for each in found])


def load(dataset: str, count: int) -> tuple[Bytes, NDArray[np.int64]]:
    """The first `count` test digits, (n, 28, 28) or (n, 8, 8), and their labels (n,)."""
    if dataset == "digits":
        from sklearn.datasets import load_digits

        found = load_digits()
        images, labels = found.images[-count:] * 15, found.target[-count:]
        return images.astype(np.uint8), labels.astype(np.int64)
    from training.data import mnist

    test = mnist.load(mnist.default_root()).test
    return test.images[:count].numpy(), test.labels[:count].numpy()


def sheet(images: Bytes) -> Bytes:
    """A dozen hard pictures, each beside the 28 x 28 that a model reads of it."""
    tiles = []
    for index, kind in enumerate(HARD):
        data = draw(kind, images[index % len(images)], index)
        before = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
        grey = np.asarray(255 * read_as_service(data), dtype=np.uint8)
        after = cv2.resize(grey, (TILE, TILE), interpolation=cv2.INTER_NEAREST)
        pair = np.hstack([_fitted(before), cv2.cvtColor(after, cv2.COLOR_GRAY2BGR)])
        tiles.append(np.pad(pair, ((4, 4), (4, 4), (0, 0)), constant_values=255))
    lines = [np.hstack(tiles[at : at + 3]) for at in range(0, len(tiles), 3)]
    return np.asarray(np.vstack(lines), dtype=np.uint8)


def _fitted(picture: NDArray[np.generic]) -> Bytes:
    """(TILE, TILE, 3), the picture in the middle of grey."""
    scale = TILE / max(picture.shape[:2])
    small = cv2.resize(np.asarray(picture, np.uint8), None, fx=scale, fy=scale,
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    height, width = small.shape[:2]
    tile = np.full((TILE, TILE, 3), 128, np.uint8)
    top, left = (TILE - height) // 2, (TILE - width) // 2
    tile[top : top + height, left : left + width] = small
    return tile


def _line(name: str, shares: list[float]) -> str:
    return f"{name:<16}{100 * shares[0]:>7.1f} %{100 * shares[1]:>9.1f} %"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Accuracy by kind of damage.")
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="default: all")
    parser.add_argument("--dataset", choices=("mnist", "digits"), default="mnist")
    parser.add_argument("--count", type=int, default=200, help="digits per kind (default: 200)")
    parser.add_argument("--pen", action="store_true", help="pictures drawn by strokes of a pen")
    parser.add_argument("--seeds", type=int, default=1, help="with --pen: draw so often, anew")
    parser.add_argument("--sheet", type=Path, help="write pairs of before and after to this PNG")
    parser.add_argument("--model", default="lstm", help="a published model (default: lstm)")
    parser.add_argument("--models-dir", type=Path, default=Path("models"), help="where it is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
