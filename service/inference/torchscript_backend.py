"""The TorchScript form of a model, by torch; nothing else of the service imports torch."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from models.arrays import Arrays, Floats
from models.manifest import Manifest
from service.inference import cuda
from service.inference.backends import BackendError
from service.settings import Kind


class TorchScriptBackend:
    """See `service.inference.backends.Backend`; inputs go in by position, as in the manifest."""

    name: Kind = "torchscript"

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        *,
        device: Literal["cpu", "cuda"],
        threads: int = 0,
        exact: bool = False,
    ) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise cuda.CudaError(
                "torch cannot use CUDA: it takes a CUDA build that fits the driver"
            )
        if threads:
            torch.set_num_threads(threads)  # torch has one setting for the whole process
        self._device, self._exact = device, exact
        self._inputs = [tensor.name for tensor in manifest.inputs]
        self._outputs = [tensor.name for tensor in manifest.outputs]
        file = io.BytesIO((folder / manifest.file("torchscript").path).read_bytes())
        try:
            with warnings.catch_warnings():
                # Known, and the reason why ONNX is the primary form; torch 2.11 called it a
                # DeprecationWarning, 2.14 calls it a FutureWarning.
                for category in (DeprecationWarning, FutureWarning):
                    warnings.filterwarnings("ignore", r"`torch\.jit\.load` is", category)
                self._module = torch.jit.load(file, map_location=device)
        except Exception as error:
            raise BackendError(
                f"model {manifest.name!r}: torch cannot load its TorchScript", str(error)
            ) from error

    @property
    def provider(self) -> str:
        """The device that the module was loaded on: `cpu` or `cuda`."""
        return self._device

    def run(self, inputs: Arrays) -> dict[str, Floats]:
        """See `Backend.run`."""
        rounding = _float32_rounding() if self._exact else contextlib.nullcontext()
        with torch.inference_mode(), rounding:
            values = self._module(*[self._to_tensor(inputs[name]) for name in self._inputs])
            values = values if isinstance(values, tuple) else (values,)
            pairs = zip(self._outputs, values, strict=True)
            return {name: value.cpu().numpy() for name, value in pairs}

    def _to_tensor(self, array: Floats) -> torch.Tensor:
        # torch warns of an array that it might not write to.
        writable = np.require(array, requirements=["C", "W"])
        return torch.from_numpy(writable).to(self._device)


@contextlib.contextmanager
def _float32_rounding() -> Iterator[None]:
    """Do without TF32 and without cuDNN, whose recurrent layers round more, for a while.

    Both are settings of the whole process. On an H200 cuDNN's logits of the shipped LSTM were up to
    7e-5 off those in float64 on the CPU, those of torch's own kernels up to 6e-6.
    """
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    try:
        matmul.allow_tf32 = False
        with torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        matmul.allow_tf32 = before
