"""The table `forms` of docs/speed.md: `python -m tests.benchmarks.results`, half a minute.

Of its rows the README shows those of ONNX; `python -m tests.support.documents` takes them over.

Accuracy, size and parity are read from the manifests of the shipped classifiers
(`tests/models/test_shipped.py` scores all of MNIST's test images again and compares). Time is
measured here, through the backends that serve, on one CPU thread: all models and forms take turns
within each round, and the table gives the median over the rounds with the 10th and 90th percentile.
"""

import functools
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

import models
from models.manifest import Manifest, Role, discover, read
from service.inference.backends import open_backend
from service.settings import Kind
from tests.benchmarks.tools.timing import Spread, Timing, turns

ROUNDS = 60
BATCHES = (1, 256)
COLUMNS = (
    "model",
    "form",
    "test accuracy",
    "file",
    "µs per image, batch 1",
    "µs per image, batch 256",
    "largest logit difference",
    "same decisions",
)
FORMS: tuple[tuple[Kind, Role], ...] = (("onnxruntime", "onnx"), ("torchscript", "torchscript"))


def main() -> None:
    published = {folder: read(folder) for folder in discover(Path(models.__file__).parent)}
    manifests = {folder: found for folder, found in published.items() if found.task == "classify"}
    timings = {
        (manifest.name, kind, batch): Timing(
            functools.partial(
                open_backend(kind, folder, manifest, device="cpu", threads=1).run,
                {"rows": np.random.default_rng(0).random((batch, 28, 28), np.float32)},
            )
        )
        for folder, manifest in manifests.items()
        for kind, _ in FORMS
        for batch in BATCHES
    }
    for timing in timings.values():
        timing.calibrate()
    measurements = tqdm(
        turns(ROUNDS, list(timings.values())), total=ROUNDS * len(timings), leave=False
    )
    for timing in measurements:
        timing.sample()
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for manifest in manifests.values():
        for kind, role in FORMS:
            print(_row(manifest, kind, role, timings))
    print(
        f"\n{platform.machine()} CPU, one thread, Python {platform.python_version()}, "
        f"onnxruntime {version('onnxruntime-gpu')}, torch {version('torch')}; "
        f"median (10th to 90th percentile) of {ROUNDS} rounds"
    )


def _row(
    manifest: Manifest, kind: Kind, role: Role, timings: dict[tuple[str, Kind, int], Timing]
) -> str:
    proven = [row for row in manifest.parity if row.backend == kind]
    accuracy = manifest.metric("test", "accuracy")
    cells = (
        f"`{manifest.name}`",
        {"onnx": "ONNX", "torchscript": "TorchScript"}[role],
        f"{accuracy.value:.2%}",
        f"{manifest.file(role).size / 1000:,.0f} kB",
        *(_microseconds(timings[manifest.name, kind, batch], batch) for batch in BATCHES),
        f"{max(row.max_difference for row in proven):.1e}",
        f"{min(row.agreed or 0 for row in proven):,} of {accuracy.n:,}",
    )
    return f"| {' | '.join(cells)} |"


def _microseconds(timing: Timing, batch: int) -> str:
    """Per image."""
    return str(Spread.of([seconds / batch * 1e6 for seconds in timing.samples]))


if __name__ == "__main__":
    main()
