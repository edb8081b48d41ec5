"""A writer whose digits are misread corrects a hundred answers: what is read before and after.

python -m tests.benchmarks.corrections                # draws docs/corrections.png
python -m tests.benchmarks.corrections --output corrections.png

It serves the shipped LSTM, corrects it, trains on and serves again, in a folder that is removed
afterwards. It takes minutes, and needs MNIST.
"""

import argparse
import io
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from tests.support.documents import table
from tests.support.project import ROOT
from tests.support.training.corrections import HELD_OUT, Outcome, learn_from_corrections
from tests.support.training.writer import ODD_DIGITS, Writer, odd_writer

Numbers = NDArray[Any]

_SHOWN = 6  # pictures of each odd digit


def main() -> None:
    """Go the whole way, print what came of it, and draw it."""
    parser = argparse.ArgumentParser(description="Learn from the corrections of an odd writer.")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "corrections.png")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome = learn_from_corrections(odd_writer(), Path(folder))
    print(_table(outcome))
    corrected = ", ".join(f"{count} of {digit}" for digit, count in outcome.corrections.items())
    print(f"corrected: {corrected}; {(time.monotonic() - began) / 60:.1f} minutes in all")
    draw(outcome, odd_writer()).savefig(arguments.output, dpi=150, bbox_inches="tight")
    print(f"Written to {arguments.output}")


def _table(outcome: Outcome) -> str:
    (before, after), mnist = outcome.writer, outcome.mnist
    odd = list(ODD_DIGITS)
    rows = [
        (f"the writer's {HELD_OUT} held-out pictures", before.mean(), after.mean()),
        (f"of these the odd {', '.join(map(str, odd))}", before[odd].mean(), after[odd].mean()),
        ("MNIST's 10,000 test images", *mnist),
    ]
    return table(
        ("read right", "before", "after"),
        [(name, f"{first:.2%}", f"{second:.2%}") for name, first, second in rows],
    )


def draw(outcome: Outcome, writer: Writer) -> Figure:
    """The odd digits, and how many were read right before and after, by digit and on MNIST."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    pictures, by_digit, mnist = figure.subplots(1, 3, width_ratios=[1.1, 2.6, 0.9])
    pictures.imshow(_sheet(writer), cmap="gray")
    pictures.set(title="the writer's 1, 7 and 9", xticks=[], yticks=[])
    (before, after), digits = outcome.writer, np.arange(10)
    _bars(by_digit, digits, before, after)
    by_digit.set(
        title=f"{HELD_OUT} held-out pictures of the writer:\n{before.mean():.1%} right before, "
        f"{after.mean():.1%} after",
        xlabel="digit",
        ylabel="% read right",
        ylim=(0, 105),
    )
    by_digit.set_xticks(digits)
    figure.legend(*by_digit.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    _bars(mnist, np.arange(1), *(np.array([value]) for value in outcome.mnist))
    mnist.set(title="MNIST's 10,000\ntest images", xlabel="the axis begins at 98 %")
    mnist.set(ylim=(98, 100), xticks=[])
    for offset, value in zip((-0.2, 0.2), outcome.mnist, strict=True):
        mnist.annotate(f"{value:.2%}", (offset, 100 * value), ha="center", va="bottom")
    return figure


def _bars(axes: Axes, places: Numbers, before: Numbers, after: Numbers) -> None:
    axes.bar(places - 0.2, 100 * before, 0.4, color="C1", label="as shipped")
    axes.bar(places + 0.2, 100 * after, 0.4, color="C0", label="after 100 corrections")


def _sheet(writer: Writer) -> NDArray[np.uint8]:
    random = np.random.default_rng(3)
    rows = [
        [np.asarray(Image.open(io.BytesIO(writer.draw(digit, random)))) for digit in ODD_DIGITS]
        for _ in range(_SHOWN)
    ]
    return np.vstack([np.hstack(row) for row in rows])


if __name__ == "__main__":
    main()
