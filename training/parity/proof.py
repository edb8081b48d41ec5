"""Prove that the exported forms of a network give what it does, run by the service's own backends.

The proof checks names, axes, shapes, weights, values, and what the task asks for (`parity.tasks`),
in this order, and collects every failure. It compares float32 values at rtol 0 and atol 1e-4: on
the CPU with eager torch on the CPU, on a GPU, if it is asked to, with eager torch on that GPU
without TF32 and cuDNN.
"""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn, get_args

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from models.arrays import Arrays, Floats
from models.manifest import Manifest, Parity
from service.inference.backends import (
    Backend,
    BackendError,
    CudaNotWorkingError,
    open_backend,
)
from training.parity.structure import Check, Failure, check_onnx, check_torchscript, first_line
from training.parity.tasks import (
    BATCH_SIZES,
    REFERENCE_BATCH,
    ClassificationParity,
    ParityTask,
)

# What of n decisions may differ where a form rounds to bfloat16: 5 of MNIST's 10,000.
REDUCED_SHARE = 5e-4
ATOL = 1e-4  # the largest difference allowed in any output; the relative tolerance is 0

# The service's names of its backends, each of which runs the file of one role.
BackendKind = Literal["onnxruntime", "torchscript"]
KINDS: tuple[BackendKind, ...] = get_args(BackendKind)


@dataclass
class ParityReport:
    """All comparisons, what failed, and notes on what could not be compared on this machine."""

    rows: list[Parity] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def score(self) -> float:
        """The accuracy, or the mean squared error, of eager torch on the CPU at batch size 1."""
        row = next(row for row in self.rows if row.backend == "eager")
        score = row.error if row.accuracy is None else row.accuracy
        assert score is not None  # noqa: S101  every task gives one of them
        return score

    def table(self) -> str:
        """The report as text, a line a comparison."""
        lines = [f"{'form':12} {'provider':22} {'batch':>5} {'max |difference|':>17}"]
        lines += [
            f"{row.backend:12} {row.provider:22} {row.batch_size:5} {row.max_difference:17.2e}"
            f"  {_judgement(row)}"
            for row in self.rows
        ]
        return "\n".join([*lines, *self.notes])


def _judgement(row: Parity) -> str:
    growth = "" if row.growth is None else f", difference grown {row.growth:.2f} times"
    if row.accuracy is not None:
        decisions = f"{row.agreed:>7,} of {row.n:,} same decisions"
        return f"{decisions}, accuracy {row.accuracy:.2%}{growth}"
    return f"squared error {row.error:.6f} over {row.n:,}{growth}"


def prove(
    network: nn.Module, folder: Path, manifest: Manifest, task: ParityTask, *, cuda: bool
) -> ParityReport:
    """Compare the files in `folder` with eager torch running `network`.

    Args:
        network: in eval mode on the CPU.
        folder: holds the files that `manifest` names.
        manifest: its names and dims are those that the files must have.
        task: what every form does at every batch size.
        cuda: whether to prove the forms on CUDA, too.

    """
    report = ParityReport()
    threads = torch.get_num_threads()
    # Tens of thousands of calls take a fraction of a millisecond each; to wake threads costs more.
    torch.set_num_threads(1)
    try:
        _prove(report, network, folder, manifest, task, cuda=cuda)
    finally:
        torch.set_num_threads(threads)
    return report


def _prove(
    report: ParityReport,
    network: nn.Module,
    folder: Path,
    manifest: Manifest,
    task: ParityTask,
    *,
    cuda: bool,
) -> None:
    report.failures += check_onnx(folder / manifest.file("onnx").path, manifest, network)
    report.failures += check_torchscript(folder / manifest.file("torchscript").path, manifest)
    passes = 3 + len(KINDS)  # eager torch's, and OpenVINO's two
    total = passes * len(BATCH_SIZES) * len(task) * (1 + cuda)
    with tqdm(total=total, unit="run", unit_scale=True, desc="parity", leave=False) as bar:
        comparison = _Comparison(report, manifest, task, bar)
        comparison.run(network, folder, "cpu")
        if cuda:
            comparison.run(network, folder, "cuda")
    # In the order of the checks, not of the forms.
    report.failures.sort(key=lambda failure: get_args(Check).index(failure.check))


class _ShapeError(Exception):
    """A form cannot be run, or an output has another shape than the manifest says."""


@dataclass
class _Comparison:
    """Compares all forms on one device after the other; adds to `report`."""

    report: ParityReport
    manifest: Manifest
    task: ParityTask
    bar: "tqdm[NoReturn]"

    def run(self, network: nn.Module, folder: Path, device: Literal["cpu", "cuda"]) -> None:
        """Run eager torch and every backend on `device` at every batch size, and compare them."""
        eager = _Eager(network, self.manifest, device)
        reference = self._outputs(eager, "eager", REFERENCE_BATCH)
        if reference is None:  # the network itself does not give what the manifest says
            return
        self._compare(eager, "eager", reference, reference)
        for kind in KINDS:
            try:
                backend = open_backend(
                    kind, folder, self.manifest, device=device, threads=1, exact=True
                )
            except BackendError as error:
                self._refused(kind, device, error)
                continue
            self._compare(backend, kind, reference, None)
        if device == "cpu" and isinstance(self.task, ClassificationParity):
            self._prove_openvino(folder, reference)

    def _prove_openvino(self, folder: Path, reference: Arrays) -> None:
        """Compare what OpenVINO does, in float32 and where the processor has it in bfloat16.

        It need not be installed, and the service runs nothing on it that is not proven: no failure
        of this form holds up the others. Row streams have none, for which it is slower.
        """
        for exact in (True, False):
            try:
                backend = open_backend(
                    "openvino", folder, self.manifest, device="cpu", threads=1, exact=exact
                )
            except BackendError as error:
                self.report.notes.append(f"openvino was not proven: {error}")
                return
            reduced = "bf16" in backend.provider
            if reduced == exact:  # this processor has no bfloat16
                return
            mine = _Comparison(ParityReport(), self.manifest, self.task, self.bar)
            mine._compare(backend, "openvino", reference, None)
            failures = mine.report.failures
            if reduced:
                failures = [
                    f for f in failures if f.check not in ("values", "decisions", "accuracy")
                ]
                failures += _too_many_differ(mine.report.rows)
            if failures:
                self.report.notes.append(f"not proven: {failures[0]}")
            else:
                self.report.rows += mine.report.rows

    def _refused(self, form: str, device: str, error: BackendError) -> None:
        if isinstance(error, CudaNotWorkingError):
            self.report.notes.append(f"{form} was not proven on CUDA: {error}")
        else:
            self.report.failures.append(Failure("load", form, str(error)))

    def _compare(
        self, backend: "Backend | _Eager", form: str, reference: Arrays, known: Arrays | None
    ) -> None:
        for size in BATCH_SIZES:
            reuse = known if size == REFERENCE_BATCH else None
            outputs = self._outputs(backend, form, size) if reuse is None else reuse
            if outputs is not None:
                expected = self.task.comparable(reference, size)
                self._judge(form, backend.provider, size, outputs, expected)

    def _outputs(self, backend: "Backend | _Eager", form: str, size: int) -> Arrays | None:
        """All outputs at one batch size, or None if a batch failed."""

        def run(inputs: Arrays) -> dict[str, Floats]:
            try:
                outputs = backend.run(inputs)
            except Exception as error:
                message = f"batch {size} cannot be run: {first_line(error)}"
                raise _ShapeError(message) from error
            self._check_shapes(inputs, outputs)
            return outputs

        try:
            return self.task.outputs(run, size, self.bar.update)
        except _ShapeError as error:
            self._fail("shapes", form, str(error))
            return None

    def _check_shapes(self, inputs: Arrays, outputs: Arrays) -> None:
        axes: dict[int | str, int] = {}
        for tensor in self.manifest.inputs:
            axes.update(zip(tensor.dims, inputs[tensor.name].shape, strict=True))
        for tensor in self.manifest.outputs:
            found = outputs[tensor.name].shape
            # An axis that no input has, such as the steps of a line, is compared with eager's.
            own = dict(zip(tensor.dims, found, strict=False))
            expected = tuple(
                axes.get(dim, own[dim]) if isinstance(dim, str) else dim for dim in tensor.dims
            )
            if found != expected:
                message = f"batch {axes['batch']} gives {tensor.name} of shape {found}, "
                raise _ShapeError(f"{message}expected {expected}")

    def _judge(
        self, form: str, provider: str, size: int, outputs: Arrays, reference: Arrays
    ) -> None:
        where = f"{form} on {provider}"
        largest = 0.0
        for name, expected in reference.items():
            difference = np.abs(outputs[name] - expected)
            most = float(difference.max())
            largest = float(np.maximum(largest, most))  # keeps a NaN
            if not most <= ATOL:  # a NaN fails too
                sample = int(difference.reshape(len(difference), -1).max(1).argmax())
                message = f"{name} differ by up to {most:.2e} (sample {sample})"
                self._fail("values", where, f"batch {size}: {message}, allowed is {ATOL:.0e}")
        verdict = self.task.judge(outputs, reference)
        self.report.rows.append(
            Parity(
                backend=form,
                provider=provider,
                batch_size=size,
                max_difference=largest,
                n=verdict.n,
                agreed=verdict.agreed,
                accuracy=verdict.accuracy,
                error=verdict.error,
                growth=verdict.growth,
                by_row=verdict.by_row,
            )
        )
        for check, message in verdict.problems:
            self._fail(check, where, f"batch {size}: {message}")

    def _fail(self, check: Check, form: str, message: str) -> None:
        self.report.failures.append(Failure(check, form, message))


def _too_many_differ(rows: list[Parity]) -> list[Failure]:
    """What to say of a form in bfloat16 of whose decisions more differ than may."""
    return [
        Failure(
            "decisions",
            f"{row.backend} on {row.provider}",
            f"batch {row.batch_size}: {row.n - (row.agreed or 0)} of {row.n} decisions differ, "
            f"allowed are {REDUCED_SHARE:.2%}",
        )
        for row in rows
        if row.n - (row.agreed or 0) > REDUCED_SHARE * row.n
    ]


class _Eager:
    """Eager torch with the interface of a backend."""

    def __init__(
        self, network: nn.Module, manifest: Manifest, device: Literal["cpu", "cuda"]
    ) -> None:
        self._network = copy.deepcopy(network).to(device)
        self._inputs = [tensor.name for tensor in manifest.inputs]
        self._outputs = [tensor.name for tensor in manifest.outputs]
        self.provider = device

    def run(self, inputs: Arrays) -> dict[str, Floats]:
        # cuDNN is less exact than what is compared with it; see `torchscript_backend`.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=False):
            tensors = [torch.tensor(inputs[name]).to(self.provider) for name in self._inputs]
            values = self._network(*tensors)
            values = values if isinstance(values, tuple) else (values,)
            pairs = zip(self._outputs, values, strict=True)
            return {name: value.cpu().numpy() for name, value in pairs}
