"""How many pictures of numbers are read right, by kind, beside Tesseract and the way of demos.

python -m tests.benchmarks.numbers                        # composed of MNIST's test digits
python -m tests.benchmarks.numbers --digits validation    # of training images, to develop by
python -m tests.benchmarks.numbers --sheet numbers.png    # twenty pictures with the boxes drawn
python -m tests.benchmarks.numbers --ceiling              # texts whose digits can all be read
python -m tests.benchmarks.numbers --time                 # how long a picture takes

Right is a text that is right as a whole; of the kind `nothing`, a picture that is refused.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from models import manifest
from service.images.arrays import Bytes
from service.images.read_image import read_image
from service.images.read_number import read_number
from service.inference.backends import open_backend
from service.inference.classifier import Classifier
from service.inference.model import Model
from service.inference.number import NumberPrediction
from service.inference.transcriber import Transcriber
from service.number_prediction import number_prediction
from tests.benchmarks.peers import contours, tesseract
from tests.benchmarks.tools.reading_ways import MAX_PIXELS, classify, open_classifier
from tests.support.pictures.digit_lines import Pool, Spacing, compose, enlarge, pool_of
from tests.support.pictures.number_pictures import KINDS, Number, draw
from tests.support.pictures.painting import encode, finish
from tests.support.published import finished

# Percent of the texts that are to be right; None where no goal was set.
GOALS: dict[str, float | None] = {
    "apart": 98.5, "paper": 96, "touching": 92, "long": 95, "boxes": 95, "lines": None,
    "single": None, "nothing": 97,
}  # fmt: skip
# The seeds of what judges; those from which on pictures are drawn to develop by.
JUDGING, DEVELOPING = 0, 100_000


@dataclass(frozen=True)
class Outcome:
    """Percent of one kind: `right`, accepted, accepted though wrong; of others that are right."""

    right: float
    accepted: float
    wrong: float
    tesseract: float | None
    mode: int | None
    contours: float

    def line(self, kind: str) -> str:
        """A row of the table."""
        goal = GOALS[kind]
        peer = "-" if self.tesseract is None else f"{self.tesseract:.1f} (mode {self.mode})"
        return (
            f"{kind:<10}{goal or '-':>6}{self.right:>8.1f}{self.accepted:>10.1f}{self.wrong:>17.1f}"
            f"{peer:>17}{self.contours:>7.1f}"
        )


def main() -> None:
    """Print one line for each kind."""
    arguments = _parse()
    pool = load_pool(arguments.digits)
    reader = NumberReader(arguments.models_dir, arguments.model)
    classifier = open_classifier(arguments.models_dir, "lstm")
    if arguments.sheet:
        Image.fromarray(draw_sheet(reader, pool)[..., ::-1]).quantize(64).save(
            arguments.sheet, optimize=True
        )
        return
    if arguments.time:
        print_times(reader, pool)
        return
    first = JUDGING if arguments.digits == "test" else DEVELOPING
    if arguments.ceiling:
        seeds = range(first, first + arguments.count)
        accurate = open_classifier(arguments.models_dir, "accurate")
        print_ceilings(arguments.kinds or KINDS, pool, accurate, seeds)
        return
    print(f"of {arguments.count} of each kind, from {arguments.digits} digits, in percent")
    print(f"{'kind':<10}{'goal':>6}{'right':>8}{'accepted':>10}{'accepted, wrong':>17}"
          f"{'Tesseract':>17}{'demo':>7}")  # fmt: skip
    wrong = []
    for kind in arguments.kinds or KINDS:
        numbers = [draw(kind, pool, first + seed) for seed in range(arguments.count)]
        outcome = judge(kind, numbers, reader, classifier, peers=not arguments.alone)
        wrong.append(outcome.wrong)
        print(outcome.line(kind), flush=True)
        if kind == "single":
            print(f"{'/predict':<16}{_share_of_classifier(classifier, numbers):>8.1f}")
    print(f"{'all':<10}{'':>24}{np.mean(wrong):>17.1f}   milliseconds: {reader.milliseconds()}")


def print_ceilings(
    kinds: Iterable[str], pool: Pool, classifier: Classifier, seeds: Sequence[int]
) -> None:
    """Print the percentage of texts whose every digit `classifier` reads from MNIST's own image."""
    marked = {digit: _mark_misread(pool[digit], int(digit), classifier) for digit in pool}
    for kind in kinds:
        if kind != "nothing":
            same = [draw(kind, pool, at).data == draw(kind, marked, at).data for at in seeds]
            print(f"{kind:<10}{100 * np.mean(same):>6.1f}", flush=True)


def _mark_misread(images: Bytes, digit: int, classifier: Classifier) -> Bytes:
    """`images` (n, 28, 28) of `digit`; those that are misread are so black that pictures differ."""
    read = classify(classifier, list(images.astype(np.float32) / 255))
    black = np.where(images > 30, 255, images)  # of the same extent, so that all else stays
    return np.where((read == digit)[:, np.newaxis, np.newaxis], images, black).astype(np.uint8)


# Width and height of the pictures that are timed, and their format.
TIMED = ((1000, 200, ".png"), (1000, 200, ".jpg"), (4000, 3000, ".jpg"))


def print_times(reader: "NumberReader", pool: Pool) -> None:
    """Print how many milliseconds of the processor a picture of six digits takes."""
    for width, height, suffix in TIMED:
        random = np.random.default_rng(0)
        line = enlarge(compose("407193", pool, random, Spacing()), 0.0035 * width)
        page = np.full((height, width), 235, np.float32)
        tall, wide = line.ink.shape
        top, left = (height - tall) // 2, (width - wide) // 2
        page[top : top + tall, left : left + wide] *= 1 - line.ink
        data = encode(finish(page + random.normal(0, 2, page.shape)), suffix, random)
        times = []
        for _ in range(11):
            start = time.process_time()
            prediction = reader(data)
            times.append(1000 * (time.process_time() - start))
        print(f"{width} x {height} {suffix}: {np.median(times):.0f} ms, read {prediction.text}")


class NumberReader:
    """Reads pictures as the service does, on one thread, and times it."""

    def __init__(self, models_dir: Path, name: str) -> None:
        described = manifest.read(models_dir / name)
        folder = models_dir / name
        backend = open_backend("onnxruntime", folder, described, device="cpu", threads=1)
        self._transcriber = Transcriber(Model(described, backend))
        self._seconds: list[float] = []

    def __call__(self, data: bytes) -> NumberPrediction:
        """What stands in an encoded picture."""
        start = time.perf_counter()
        reading = read_number(data, MAX_PIXELS)
        read = [finished(self._transcriber.prepare(strip.ink)) for strip in reading.strips]
        prediction = number_prediction(self._transcriber, reading, read)
        self._seconds.append(time.perf_counter() - start)
        return prediction

    def milliseconds(self) -> str:
        """The median and the 95th percentile of all pictures so far."""
        median, slow = 1000 * np.percentile(self._seconds, (50, 95))
        return f"{median:.1f}, 95th percentile {slow:.1f}"


def judge(
    kind: str,
    numbers: Sequence[Number],
    reader: Callable[[bytes], NumberPrediction],
    classifier: Classifier,
    *,
    peers: bool,
) -> Outcome:
    """Read `numbers` in all ways."""
    pictures, texts = [number.data for number in numbers], [number.text for number in numbers]
    ours = [reader(data) for data in pictures]
    accepted = np.array([prediction.accepted for prediction in ours])
    hits = np.array([p.text == text for p, text in zip(ours, texts, strict=True)])
    right = ~accepted if kind == "nothing" else hits
    by_mode: dict[int, float] = {}
    if peers and tesseract.is_installed():
        modes = {mode: tesseract.read_all(pictures, mode) for mode in tesseract.MODES}
        by_mode = {mode: _share(found, texts) for mode, found in modes.items()}
    best = max(by_mode, key=lambda mode: by_mode[mode], default=None)
    demo = [_read_contours(classifier, data) for data in pictures] if peers else [""] * len(texts)
    return Outcome(
        100 * float(right.mean()),
        100 * float(accepted.mean()),
        100 * float((accepted & ~hits).mean()),
        None if best is None else by_mode[best],
        best,
        _share(demo, texts),
    )


def _share(found: Sequence[str], texts: Sequence[str]) -> float:
    return 100 * float(np.mean([one == other for one, other in zip(found, texts, strict=True)]))


def _share_of_classifier(classifier: Classifier, numbers: Sequence[Number]) -> float:
    """Percent of single digits that are read right as `/predict` reads them."""
    digits = [read_image(number.data, MAX_PIXELS).rows for number in numbers]
    found = [str(digit) for digit in classify(classifier, digits)]
    return _share(found, [number.text for number in numbers])


def _read_contours(classifier: Classifier, data: bytes) -> str:
    digits = contours.cut_digits(data)
    return "".join(map(str, classify(classifier, digits).tolist())) if digits else ""


def load_pool(digits: str) -> Pool:
    """MNIST's digits of one split: `test`, or `validation`, which is of its training images."""
    from training.data import mnist

    found = mnist.load(mnist.default_root())
    split = found.test if digits == "test" else found.validation
    return pool_of(split.images.numpy(), split.labels.numpy())


TILE = (300, 190)  # pixels across and down


def draw_sheet(reader: NumberReader, pool: Pool) -> Bytes:
    """Twenty pictures, the boxes that were found drawn over them, and what was read above."""
    kinds = [kind for kind in KINDS if kind not in ("single", "nothing")]
    tiles = []
    for place in range(20):
        number = draw(kinds[place % len(kinds)], pool, DEVELOPING + place)
        tiles.append(_tile(number, reader(number.data)))
    rows = [np.hstack(tiles[at : at + 4]) for at in range(0, 20, 4)]
    return np.asarray(np.vstack(rows), dtype=np.uint8)


def _tile(number: Number, prediction: NumberPrediction) -> Bytes:
    pixels = np.asarray(cv2.imdecode(np.frombuffer(number.data, np.uint8), cv2.IMREAD_COLOR))
    scale = min((TILE[0] - 10) / pixels.shape[1], (TILE[1] - 34) / pixels.shape[0])
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for line in prediction.lines:
        for digit in line.digits:
            left, top, width, height = (round(scale * side) for side in digit.box)
            cv2.rectangle(small, (left, top), (left + width, top + height), (40, 40, 230), 1)
    tile = np.full((TILE[1], TILE[0], 3), 255, np.uint8)
    tile[28 : 28 + small.shape[0], 5 : 5 + small.shape[1]] = small
    said = prediction.text.replace("\n", " / ")
    note = f"{said}  {prediction.confidence:.2f} {prediction.reason or ''}"
    colour = (30, 30, 30) if prediction.text == number.text else (0, 0, 220)
    cv2.putText(tile, note, (5, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return tile


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How many pictures of numbers are read right.")
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="default: all")
    parser.add_argument("--digits", choices=("test", "validation"), default="test", help="MNIST's")
    parser.add_argument("--count", type=int, default=200, help="pictures per kind (default: 200)")
    parser.add_argument("--alone", action="store_true", help="without Tesseract and demos")
    parser.add_argument("--sheet", type=Path, help="write twenty pictures with boxes to this PNG")
    parser.add_argument("--ceiling", action="store_true", help="texts whose digits can all be read")
    parser.add_argument("--time", action="store_true", help="print how long reading takes")
    parser.add_argument("--model", default="numbers", help="a published model (default: numbers)")
    parser.add_argument("--models-dir", type=Path, default=Path("models"), help="where it is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
