"""Backends: a published model run by named tensors, by ONNX Runtime, OpenVINO or torch.

A backend knows the names in the model's manifest and nothing else of RowReader, so that the same
code serves any published graph, recurrent state included, and proves a freshly exported one.
"""

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from models.arrays import Arrays, Floats
from models.manifest import Manifest
from service.inference import cuda
from service.settings import Device, Kind

_log = logging.getLogger("rowreader.backends")


class BackendError(RuntimeError):
    """A model cannot be opened, or not on the device that was asked for.

    `summary` is the message without the library's own words, which may name paths.
    """

    def __init__(self, summary: str, detail: str = "") -> None:
        super().__init__(f"{summary}: {detail}" if detail else summary)
        self.summary = summary


class CudaNotWorkingError(BackendError):
    """The device that was asked for is `cuda`, which does not work here, whatever the model."""


class Backend(Protocol):
    """A loaded model. `run` may be called from several threads at once."""

    name: Kind

    @property
    def provider(self) -> str:
        """What really runs the model, as the library says after loading it."""

    def run(self, inputs: Arrays) -> dict[str, Floats]:
        """Compute every output of the manifest, by name, from every input of it, by name."""


def open_backend(
    kind: Kind,
    folder: Path,
    manifest: Manifest,
    *,
    device: Device = "auto",
    threads: int = 0,
    exact: bool = False,
) -> Backend:
    """Load the model in `folder`, described by `manifest`.

    Args:
        kind: the library that runs the model.
        folder: holds the manifest's files; digests are the caller's to check (`manifest.verify`).
        manifest: names and shapes of what goes in and comes out.
        device: `auto` takes CUDA when a first run on it succeeds and the CPU otherwise, saying so
            in the log; `cuda` refuses anything else.
        threads: CPU threads for one call of `run`; 0 leaves the library's default.
        exact: round as float32 does: no bfloat16, on a GPU no TF32, and torch without cuDNN.

    Raises:
        BackendError: the library is not installed or refuses the file, the graph is not what the
            manifest says, or `device` is `cuda` and CUDA does not work.
        ManifestError: the model was published without a file for this library.

    """
    if kind == "openvino" and device == "cuda":
        raise BackendError(
            "backend openvino runs on the CPU only; set the device to auto or cpu, or choose "
            "another backend"
        )
    make = functools.partial(_import_class(kind), folder, manifest, threads=threads, exact=exact)
    if device == "cpu" or kind == "openvino":
        return make(device="cpu")
    try:
        return _open_on_cuda(make, manifest)
    except cuda.CudaError as problem:
        if device == "cuda":
            raise CudaNotWorkingError(
                f"device is cuda, but {problem}; mend that, or set the device to auto or cpu",
                problem.detail,
            ) from problem
        is_expected = isinstance(problem, cuda.NoGpuError)
        _announce_cpu(f"{problem} {problem.detail}".strip(), warn=not is_expected)
    return make(device="cpu")


def probe(backend: Backend, manifest: Manifest, batch: int) -> None:
    """Run `backend` once on zeros, every free axis of an input being `batch` long.

    Raises:
        BackendError: it fails, or an output is not as the manifest says.

    """

    def shape(dims: tuple[int | str, ...]) -> tuple[int, ...]:
        return tuple(batch if isinstance(dim, str) else dim for dim in dims)

    zeros = {tensor.name: np.zeros(shape(tensor.dims), np.float32) for tensor in manifest.inputs}
    try:
        outputs = backend.run(zeros)
    except Exception as error:
        raise BackendError(f"model {manifest.name!r} does not run", str(error)) from error
    known = {dim for tensor in manifest.inputs for dim in tensor.dims}
    for tensor in manifest.outputs:
        found = outputs[tensor.name].shape
        # An axis that no input has, such as the steps of a line, is as long as the graph makes it.
        expected = tuple(
            length if isinstance(dim, str) and dim not in known else own
            for dim, own, length in zip(tensor.dims, shape(tensor.dims), found, strict=False)
        )
        if len(found) != len(tensor.dims) or found != expected:
            raise BackendError(
                f"model {manifest.name!r} gives {tensor.name} of shape {found} for batch {batch}, "
                f"its manifest says {expected}"
            )


def _import_class(kind: Kind) -> Callable[..., Backend]:
    """Import a backend's class, and only with it the library that it needs."""
    try:
        if kind == "onnxruntime":
            from service.inference.onnx_backend import OnnxBackend

            return OnnxBackend
        if kind == "openvino":
            from service.inference.openvino_backend import OpenVinoBackend

            return OpenVinoBackend
        from service.inference.torchscript_backend import TorchScriptBackend
    except ImportError as error:
        extra = "" if kind == "onnxruntime" else f"[{kind}]"
        raise BackendError(
            f"backend {kind} needs {error.name}, which is not installed: `pip install "
            f"'.{extra}'`, or choose another backend"
        ) from error
    return TorchScriptBackend


def _open_on_cuda(make: Callable[..., Backend], manifest: Manifest) -> Backend:
    """Open the backend on CUDA, and run it there once.

    Raises:
        CudaError: CUDA does not work here.

    """
    if problem := cuda.driver_problem():
        raise problem
    backend = make(device="cuda")
    if "cuda" not in backend.provider.lower():
        raise cuda.CudaError(
            f"{backend.name} took {backend.provider} instead: the CUDA libraries that it needs are "
            "missing or do not fit (`pip install '.[cuda]'` brings them)"
        )
    try:
        probe(backend, manifest, batch=2)
    except BackendError as error:
        raise cuda.CudaError("a first run on the GPU fails", str(error)) from error
    return backend


@functools.cache  # by its words: each model meets the same problem, as another exception
def _announce_cpu(reason: str, *, warn: bool) -> None:
    """Say in the log, once a process and not once a model, that `auto` means the CPU."""
    _log.log(logging.WARNING if warn else logging.INFO, "Models run on the CPU: %s", reason)
