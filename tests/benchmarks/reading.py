"""How long it takes to read a picture: `python -m tests.benchmarks.reading`, half a minute.

Decoding and normalising on one thread, as the service does it, of drawn pictures of 300 x 300 and
of 12 megapixels, in milliseconds of processor time: the median of the runs, and the 10th and 90th
percentile; beside it the median of what decoding takes of it.
"""

import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images.decode import decode
from service.images.read_image import read_image
from tests.benchmarks.damage import load
from tests.benchmarks.tools.reading_ways import MAX_PIXELS
from tests.support.pictures.damaged_pictures import draw

RUNS = {(300, 300): 60, (3000, 4000): 8}
KINDS = ("clean", "paper", "noise", "coloured_pen", "squared", "mixed", "alpha")


def main() -> None:
    """Print one line per size, kind and format."""
    images, _ = load("digits", 1)  # which digit is drawn matters little, and these need no files
    print("| picture | format | kB | ms | decoding |\n| --- | --- | --- | --- | --- |")
    for (height, width), runs in RUNS.items():
        for kind in KINDS:
            drawn = np.frombuffer(draw(kind, images[0], 0), np.uint8)
            pixels = np.asarray(cv2.imdecode(drawn, cv2.IMREAD_UNCHANGED))
            sized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)
            for form in forms(sized):
                data = cv2.imencode(form, sized)[1].tobytes()
                low, middle, high = np.percentile(times(read_image, data, runs), (10, 50, 90))
                decoding = np.median(times(decode, data, runs))
                print(
                    f"| {kind} {width} x {height} | {form[1:]} | {len(data) / 1000:,.0f} "
                    f"| {middle:.1f} ({low:.1f} to {high:.1f}) | {decoding:.1f} |",
                    flush=True,
                )


def forms(pixels: NDArray[np.generic]) -> list[str]:
    """The formats in which a picture like `pixels` (h, w) or (h, w, channels) is uploaded."""
    large, transparent = len(pixels) > 1000, pixels.shape[2:] == (4,)
    return [".png"] * (not large) + [".jpg"] * (not transparent)


def times(step: Callable[[bytes, int], object], data: bytes, runs: int) -> NDArray[np.float64]:
    """Milliseconds of each of `runs` runs of `step`, after one that warms up."""
    found = []
    for _ in range(runs + 1):
        start = time.process_time()
        step(data, MAX_PIXELS)
        found.append(1000 * (time.process_time() - start))
    return np.array(found[1:])


if __name__ == "__main__":
    main()
