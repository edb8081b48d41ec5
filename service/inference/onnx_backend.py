"""The ONNX form of a model on ONNX Runtime's CPU or CUDA provider.

One thread a run is the default of the service: with two cores and an LSTM of 128 units, two threads
made one picture slower (274 against 186 microseconds) and a batch of 256 no faster.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import onnxruntime

from models.arrays import Arrays, Floats
from models.manifest import Manifest, Tensor
from service.inference.backends import BackendError
from service.settings import Kind


class OnnxBackend:
    """See `service.inference.backends.Backend`."""

    name: Kind = "onnxruntime"

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        *,
        device: Literal["cpu", "cuda"],
        threads: int = 0,
        exact: bool = False,
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that wait by spinning take the cores from decoding and from other sessions.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Handed over as bytes, the graph cannot pull in other files of the disk by name.
        graph = (folder / manifest.file("onnx").path).read_bytes()
        providers = choose_providers(device, exact=exact)
        try:
            # Without fallback: the provider reported is then the one that also runs.
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=providers, enable_fallback=0
            )
        except Exception as error:
            raise BackendError(
                f"model {manifest.name!r}: ONNX Runtime cannot load its graph", str(error)
            ) from error
        _check_tensors(manifest.name, "inputs", self._session.get_inputs(), manifest.inputs)
        _check_tensors(manifest.name, "outputs", self._session.get_outputs(), manifest.outputs)
        self._outputs = [tensor.name for tensor in manifest.outputs]

    @property
    def provider(self) -> str:
        """The first provider of the session, as it was made: `CPUExecutionProvider`, ..."""
        return str(self._session.get_providers()[0])

    def run(self, inputs: Arrays) -> dict[str, Floats]:
        """See `Backend.run`."""
        # Without IO binding: tensors come from the host's memory and go back to it at every call,
        # so that memory bound to a device would save no copy.
        values = self._session.run(self._outputs, dict(inputs))
        return dict(zip(self._outputs, values, strict=True))


def choose_providers(device: Literal["cpu", "cuda"], *, exact: bool) -> list[Any]:
    """The execution providers for `device`, the preferred one first; `exact`: without TF32."""
    if device == "cpu":
        return ["CPUExecutionProvider"]
    _preload_cuda()
    # By default cuDNN tries every algorithm of a convolution for each new shape, and a strip of
    # digits is seldom as wide as the one before: that took a quarter of a second a picture.
    options = {"use_tf32": "0" if exact else "1", "cudnn_conv_algo_search": "HEURISTIC"}
    return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]


@functools.cache
def _preload_cuda() -> None:
    """Load the CUDA libraries of pip's nvidia packages, which ONNX Runtime would not find."""
    onnxruntime.preload_dlls()


def _check_tensors(
    model: str, kind: str, found: Sequence[Any], expected: tuple[Tensor, ...]
) -> None:
    """Compare names and dims of the graph's tensors with those that the manifest promises."""
    graph = {tensor.name: tuple(tensor.shape) for tensor in found}
    promised = {tensor.name: tensor.dims for tensor in expected}
    if graph != promised:
        raise BackendError(
            f"model {model!r}: {kind} of the graph are {graph}, its manifest says {promised}; "
            "publish it again with `python -m training.export`"
        )
