"""What 8-bit weights would buy: `python -m tests.benchmarks.quantised`, two minutes, needs MNIST.

ONNX Runtime quantises the weights of each shipped classifier to int8, and what is multiplied by
them in one of two ways: `dynamic`, at every run, by the largest value in the whole batch; `static`,
by ranges that were seen with some of MNIST's training images, which it has no kernel of a GRU or
LSTM for, so that they are unrolled into steps of plain operators. A table of speed over the shipped
file, in turns, on one thread; of the decisions on MNIST's 10,000 test images that stay the same;
and of what else is in the batch: how far the probability of a picture's digit moves between a run
of it alone and one beside 63 others, the largest of 1,000 pictures.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

import models
from tests.benchmarks.graphs import unrolled
from tests.benchmarks.tools.timing import Spread, Timing, ratio, turns
from training.data import mnist
from training.graphs.onnx_weights import read_weights
from training.networks.modules import RowClassifier, build
from training.recipes.shipped import RECIPES

Floats = NDArray[np.float32]
Run = Callable[[Floats], Floats]

ROUNDS = 20
BATCHES = (1, 8, 64, 512)
COMPANY = 64
ALONE = 1000
SEEN = 512  # training images by which static ranges are found


class Seen(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime is not typed
    """The images that ranges are found with, as one batch."""

    def __init__(self, rows: Floats) -> None:
        self.batches = [{"rows": rows}]

    def get_next(self) -> dict[str, Floats] | None:
        """The next batch, until there is none."""
        return self.batches.pop() if self.batches else None


def main() -> None:
    """Print the table."""
    data = mnist.load(mnist.default_root())
    rows = scaled(data.test.images.numpy())
    seen = scaled(data.train.images[:SEEN].numpy())
    print(
        f"| model | ranges | {' | '.join(f'speed, batch {batch}' for batch in BATCHES)} "
        "| same decisions | moved by company, int8 | float32 |"
    )
    print(f"| --- | --- {'| --- ' * (len(BATCHES) + 3)}|")
    for name in ("rnn", "gru", "lstm"):
        graph = Path(models.__file__).parent / name / "model.onnx"
        shipped = session(graph)
        for ranges, small in {"dynamic": dynamic(graph), "static": static(name, seen)}.items():
            speeds = [speed(shipped, small, rows[:batch]).shown(2) for batch in BATCHES]
            same = int((digits(shipped, rows) == digits(small, rows)).sum())
            moved = [f"{by_company(run, rows[:ALONE]):.2g}" for run in (small, shipped)]
            cells = [name, ranges, *speeds, str(same), *moved]
            print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\nonnxruntime {onnxruntime.__version__}")


def scaled(images: NDArray[np.uint8]) -> Floats:
    """Rows in [0, 1]."""
    return np.asarray(np.divide(images, 255, dtype=np.float32))


def dynamic(graph: Path) -> Run:
    """A form that finds the range of what is multiplied at every run."""
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(scratch, "model.onnx")
        quantize_dynamic(graph, small, weight_type=QuantType.QInt8)
        return session(small)


def static(name: str, seen: Floats) -> Run:
    """A form of the shipped model that knows the ranges from the images `seen`, step by step."""
    network = build(RECIPES[name].network).eval()
    assert isinstance(network, RowClassifier)
    read_weights(Path(models.__file__).parent / name / "model.onnx", network)
    with tempfile.TemporaryDirectory() as scratch:
        plain, small = Path(scratch, "plain.onnx"), Path(scratch, "model.onnx")
        plain.write_bytes(unrolled(network))
        quantize_static(
            plain,
            small,
            Seen(seen),
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )
        return session(small)


def session(graph: Path) -> Run:
    """A run of `graph` on one thread of the CPU: rows (n, 28, 28) to logits (n, 10)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    opened = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda rows: np.asarray(opened.run(None, {"rows": rows})[0])


def speed(shipped: Run, small: Run, rows: Floats) -> Spread:
    """The time of the shipped form over that of the small one."""
    timings = [Timing(lambda: shipped(rows)), Timing(lambda: small(rows))]
    for timing in timings:
        timing.calibrate()
    for timing in turns(ROUNDS, timings):
        timing.sample()
    return ratio(timings[0].samples, timings[1].samples)


def digits(run: Run, rows: Floats) -> NDArray[np.int64]:
    """What is read in each picture, one by one as single requests are."""
    return np.array([run(row[None]).argmax() for row in rows])


def by_company(run: Run, rows: Floats) -> float:
    """How much the probability of a digit depends on what else is in the batch, at most."""
    alone = np.concatenate([run(row[None]) for row in rows])
    beside = np.concatenate([run(rows[i : i + COMPANY]) for i in range(0, len(rows), COMPANY)])
    return float(np.abs(probabilities(alone) - probabilities(beside)).max())


def probabilities(logits: Floats) -> Floats:
    """Softmax along the last axis."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


if __name__ == "__main__":
    main()
