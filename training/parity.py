"""Prove that the exported forms of a network decide as it does, with the code that will serve them.

Checks names, axes, shapes, weights, values, decisions and accuracy, in this order; collects every
failure instead of stopping at the first. Values are compared at rtol 0 and atol 1e-4 in float32,
CPU with CPU and, where CUDA works, GPU with GPU with TF32 off.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from models.manifest import Manifest, Parity
from service.backends import Backend, BackendError, Kind, open_backend
from training.data import Split, as_rows
from training.networks import RowClassifier
from training.structure import Check, Failure, check_onnx, check_torchscript, first_line

ATOL = 1e-4  # largest difference of any logit; RTOL is 0
BATCH_SIZES = (1, 2, 7, 256)
REFERENCE_BATCH = 256
Floats = NDArray[np.float32]


@dataclass
class ParityReport:
    """What was compared, what failed, and what could not be compared here."""

    rows: list[Parity] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """Of eager torch on the CPU, on all images, in [0, 1]."""
        return next(row.accuracy for row in self.rows if row.backend == "eager")

    def table(self) -> str:
        """The report as lines of text."""
        head = f"{'form':12} {'provider':22} {'batch':>5} {'max |logit diff|':>17} "
        lines = [head + f"{'same decisions':>16} {'accuracy':>9}"]
        lines += [
            f"{row.backend:12} {row.provider:22} {row.batch_size:5} {row.max_difference:17.2e} "
            f"{row.agreed:>7,} of {row.n:,} {row.accuracy:9.2%}"
            for row in self.rows
        ]
        return "\n".join([*lines, *self.notes])


def prove(
    network: RowClassifier, folder: Path, manifest: Manifest, images: Split, *, cuda: bool
) -> ParityReport:
    """Compare the files in `folder` with the eager `network` on all of `images`.

    Args:
        network: in eval mode on the CPU; the reference.
        folder: holds the files that `manifest` names.
        manifest: its names and dims are what the files must keep.
        images: every image is read by every form at every batch size.
        cuda: whether to prove the forms on CUDA too.

    """
    report = ParityReport()
    threads = torch.get_num_threads()
    # Tens of thousands of calls of a fraction of a millisecond: waking more threads costs more.
    torch.set_num_threads(1)
    try:
        _prove(report, network, folder, manifest, images, cuda=cuda)
    finally:
        torch.set_num_threads(threads)
    return report


def _prove(
    report: ParityReport,
    network: RowClassifier,
    folder: Path,
    manifest: Manifest,
    images: Split,
    *,
    cuda: bool,
) -> None:
    report.failures += check_onnx(folder / manifest.file("onnx").path, manifest, network)
    report.failures += check_torchscript(folder / manifest.file("torchscript").path, manifest)
    rows = as_rows(images.images.cpu()).numpy()
    labels = images.labels.cpu().numpy()
    passes = 1 + len(get_args(Kind))
    total = passes * len(BATCH_SIZES) * len(rows) * (1 + cuda)
    with tqdm(total=total, unit="img", unit_scale=True, desc="parity", leave=False) as bar:
        comparison = _Comparison(report, manifest, rows, labels, bar)
        comparison.run(network, folder, "cpu")
        if cuda:
            comparison.run(network, folder, "cuda")
    # In the order of the checks, whichever form was looked at first.
    report.failures.sort(key=lambda failure: get_args(Check).index(failure.check))


@dataclass
class _Comparison:
    report: ParityReport
    manifest: Manifest
    rows: Floats  # (n, 28, 28)
    labels: NDArray[np.int64]  # (n,)
    bar: "tqdm[NoReturn]"

    def run(self, network: RowClassifier, folder: Path, device: Literal["cpu", "cuda"]) -> None:
        """Eager, then every backend, on one device at every batch size."""
        eager = _Eager(network, device)
        reference = self._logits(eager, "eager", REFERENCE_BATCH)
        if reference is None:  # the manifest asks for what the network itself does not give
            return
        self._compare(eager, "eager", reference, reference)
        for kind in get_args(Kind):
            try:
                backend = open_backend(
                    kind, folder, self.manifest, device=device, threads=1, exact=True
                )
            except BackendError as error:
                self._refused(kind, device, error)
                continue
            self._compare(backend, kind, reference, None)

    def _refused(self, form: str, device: str, error: BackendError) -> None:
        if device == "cuda":
            self.report.notes.append(f"{form} was not proven on CUDA: {error}")
        else:
            self.report.failures.append(Failure("load", form, str(error)))

    def _compare(
        self, backend: "Backend | _Eager", form: str, reference: Floats, known: Floats | None
    ) -> None:
        for size in BATCH_SIZES:
            reuse = known if size == REFERENCE_BATCH else None
            logits = self._logits(backend, form, size) if reuse is None else reuse
            if logits is not None:
                self._judge(form, backend.provider, size, logits, reference)

    def _logits(self, backend: "Backend | _Eager", form: str, size: int) -> Floats | None:
        """All logits (n, 10) at one batch size, or nothing where a batch failed."""
        (rows,), (logits,) = self.manifest.inputs, self.manifest.outputs
        parts: list[Floats] = []
        for batch in _batches(self.rows, size):
            try:
                part = backend.run({rows.name: batch})[logits.name]
            except Exception as error:
                self._fail("shapes", form, f"batch {size} cannot be run: {first_line(error)}")
                return None
            expected = tuple(len(batch) if isinstance(dim, str) else dim for dim in logits.dims)
            if part.shape != expected:
                message = f"batch {len(batch)} gives {part.shape}, expected {expected}"
                self._fail("shapes", form, message)
                return None
            parts.append(part)
            self.bar.update(len(batch))
        return np.concatenate(parts)

    def _judge(
        self, form: str, provider: str, size: int, logits: Floats, reference: Floats
    ) -> None:
        decisions, expected = logits.argmax(1), reference.argmax(1)
        row = Parity(
            backend=form,
            provider=provider,
            batch_size=size,
            max_difference=float(np.abs(logits - reference).max()),
            agreed=int((decisions == expected).sum()),
            n=len(expected),
            accuracy=float((decisions == self.labels).mean()),
        )
        self.report.rows.append(row)
        where = f"{form} on {provider}"
        if not row.max_difference <= ATOL:  # a NaN fails too
            image = int(np.abs(logits - reference).max(1).argmax())
            message = f"logits differ by up to {row.max_difference:.2e} (image {image})"
            self._fail("values", where, f"batch {size}: {message}, allowed is {ATOL:.0e}")
        if row.agreed != row.n:
            image = int((decisions != expected).argmax())
            message = f"{row.n - row.agreed} of {row.n} decisions differ (first: image {image}"
            message += f", {decisions[image]} instead of {expected[image]})"
            self._fail("decisions", where, f"batch {size}: {message}")
        accuracy = float((expected == self.labels).mean())
        if row.accuracy != accuracy:
            message = f"accuracy is {row.accuracy:.2%}, eager's is {accuracy:.2%}"
            self._fail("accuracy", where, f"batch {size}: {message}")

    def _fail(self, check: Check, form: str, message: str) -> None:
        self.report.failures.append(Failure(check, form, message))


class _Eager:
    """The network itself, behind the same interface as a backend."""

    def __init__(self, network: RowClassifier, device: Literal["cpu", "cuda"]) -> None:
        self._network = copy.deepcopy(network).to(device)
        self.provider = device

    def run(self, inputs: dict[str, Floats]) -> dict[str, Floats]:
        (rows,) = inputs.values()
        # `enabled` is off by default in this context manager.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return {"logits": self._network(torch.tensor(rows).to(self.provider)).cpu().numpy()}


def _batches(rows: Floats, size: int) -> Iterator[Floats]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
