"""What 8-bit weights would buy: `python -m tests.benchmarks.quantised`, a minute, needs MNIST.

ONNX Runtime quantises the weights of each shipped classifier to int8, and what is multiplied by
them at every run, by the largest value in the whole batch. A table of speed over the shipped file,
in turns, on one thread; of the decisions on MNIST's 10,000 test images that stay the same; and of
what else is in the batch: how far the probability of a picture's digit moves between a run of it
alone and one beside 63 others, the largest of 1,000 pictures.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic

import models
from models import manifest
from tests.benchmarks.tools.timing import Spread, Timing, ratio, turns
from training.data import mnist

Floats = NDArray[np.float32]
Run = Callable[[Floats], Floats]

ROUNDS = 20
BATCHES = (1, 8, 64, 512)
COMPANY = 64
ALONE = 1000


def main() -> None:
    """Print the table."""
    images = mnist.load(mnist.default_root()).test.images.numpy()
    rows = np.divide(images, 255, dtype=np.float32)
    print(
        f"| model | {' | '.join(f'speed, batch {batch}' for batch in BATCHES)} | same decisions "
        "| moved by company, int8 | float32 |"
    )
    print(f"| --- {'| --- ' * (len(BATCHES) + 3)}|")
    for name in ("rnn", "gru", "lstm"):
        shipped, small = forms(Path(models.__file__).parent / name)
        speeds = [speed(shipped, small, rows[:batch]).shown(2) for batch in BATCHES]
        same = int((digits(shipped, rows) == digits(small, rows)).sum())
        moved = [f"{by_company(run, rows[:ALONE]):.2g}" for run in (small, shipped)]
        print(f"| {name} | {' | '.join(speeds)} | {same} | {' | '.join(moved)} |")
    print(f"\nonnxruntime {onnxruntime.__version__}")


def forms(folder: Path) -> tuple[Run, Run]:
    """The shipped model and its quantised form."""
    graph = folder / manifest.read(folder).file("onnx").path
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(scratch, "model.onnx")
        quantize_dynamic(graph, small, weight_type=QuantType.QInt8)
        return session(graph), session(small)


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
