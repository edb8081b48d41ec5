"""Pictures a second of bulk, a plain loop and the service: `python -m tests.benchmarks.bulk`.

Photos of 300 x 300, the shipped LSTM. The start is apart: of a bulk run it is the time until its
first part of 100 pictures is written, and the rate is that of all parts after it. The plain loop
reads and classifies one picture after the other in one process, without limits; the service has one
worker and is sent batches of 64 over four connections.
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import httpx
import numpy as np

from service.images.read_image import read_image
from service.inference import registry
from service.settings import Settings
from tests.benchmarks.damage import load
from tests.benchmarks.tools.conditions import conditions, sentence
from tests.support import bulk
from tests.support.pictures.damaged_pictures import draw
from tests.support.servers.server import serve

KINDS = ("clean", "paper", "noise", "coloured_pen", "squared", "mixed")
BATCH, CONNECTIONS, PART = 64, 4, 100


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bulk")
    parser.add_argument("--pictures", type=int, nargs="+", default=[1000, 20_000], metavar="N")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], metavar="N")
    options = parser.parse_args()
    found = conditions()
    print("| way | pictures | start, s | pictures a second |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        files = photos()
        fewest = min(options.pictures)
        _print("a plain loop, one process", fewest, *_loop(files, fewest))
        _print("the service, `/predict_batch`", fewest, *_service(root, files, fewest))
        for workers, pictures in itertools.product(options.workers, sorted(options.pictures)):
            source = _lay(root / f"{pictures}", files, pictures)
            start, rate = _bulk(source, root / f"out-{workers}-{pictures}", workers)
            _print(f"bulk, workers: {workers}", pictures, start, rate)
    print(f"\n{sentence(found)}")


def _print(way: str, pictures: int, start: float, rate: float) -> None:
    print(f"| {way} | {pictures:,} | {start:.1f} | {rate:,.0f} |", flush=True)


def photos() -> list[bytes]:
    """Photos of several kinds, 300 x 300, half of them PNG and half JPEG."""
    images, _ = load("digits", 8)
    found = list[bytes]()
    for kind, image in itertools.product(KINDS, images):
        drawn = np.frombuffer(draw(kind, image, len(found)), np.uint8)
        pixels = np.asarray(cv2.imdecode(drawn, cv2.IMREAD_UNCHANGED), np.uint8)
        sized = cv2.resize(pixels, (300, 300), interpolation=cv2.INTER_CUBIC)
        form = ".png" if len(found) % 2 else ".jpg"
        found.append(cv2.imencode(form, np.asarray(sized, np.uint8))[1].tobytes())
    return found


def _lay(folder: Path, files: list[bytes], count: int) -> Path:
    """A folder of `count` files, of which many are the same one under other names."""
    if not folder.exists():
        folder.mkdir()
        for number in range(count):
            path = folder / f"{number:06}"
            if number < len(files):
                path.write_bytes(files[number])
            else:
                os.link(folder / f"{number % len(files):06}", path)
    return folder


def _loop(files: list[bytes], count: int) -> tuple[float, float]:
    """Seconds until the first picture, and pictures a second."""
    began = time.perf_counter()
    classifier = registry.load(Settings(device="cpu")).classifier(None)
    ready = time.perf_counter()
    for number in range(count):
        reading = read_image(files[number % len(files)], 50_000_000)
        run = classifier.prepare(reading.rows[None], [reading.finding])
        run.finish(run.model.backend.run(run.inputs))
    return ready - began, count / (time.perf_counter() - ready)


def _service(root: Path, files: list[bytes], count: int) -> tuple[float, float]:
    """Seconds until it is ready, and pictures a second."""
    (root / "server").mkdir()
    began = time.perf_counter()
    with serve(root / "server", {"DEVICE": "cpu"}) as server:
        ready = time.perf_counter()

        def post(batch: range) -> None:
            images = [("images", (str(n), files[n % len(files)])) for n in batch]
            httpx.post(f"{server.url}/predict_batch", files=images, timeout=60).raise_for_status()

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(post, _batches(count)))
        return ready - began, count / (time.perf_counter() - ready)


def _batches(count: int) -> Iterator[range]:
    for first in range(0, count, BATCH):
        yield range(first, min(first + BATCH, count))


def _bulk(source: Path, out: Path, workers: int) -> tuple[float, float]:
    """Seconds until the first part is written, and pictures a second after that."""
    began = time.time()
    bulk.run(source, out, "--workers", str(workers), "--part-size", str(PART))
    first, *_, last = sorted(nanoseconds / 1e9 for nanoseconds in bulk.parts(out).values())
    return first - began, PART * (len(bulk.parts(out)) - 1) / (last - first)


if __name__ == "__main__":
    main()
