"""The ONNX form of a model on OpenVINO, whose matrix products some processors run faster.

Where the processor multiplies bfloat16 (AVX-512 BF16, AMX), so does this, which takes two thirds of
float32's time and changes a few decisions in 10,000. A picture's numbers do not depend on what else
is in its batch.
"""

import functools
import threading
from pathlib import Path
from typing import Any, Literal

import openvino

from models.arrays import Arrays, Floats
from models.manifest import Manifest, Tensor
from service.inference.backends import BackendError
from service.settings import Kind

_CAPABILITIES, _PRECISION = "OPTIMIZATION_CAPABILITIES", "INFERENCE_PRECISION_HINT"
# Runs at the same time, each on its own threads; more wait for each other.
_STREAMS = 4


class OpenVinoBackend:
    """See `service.inference.backends.Backend`."""

    name: Kind = "openvino"

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        *,
        device: Literal["cpu"],
        threads: int = 0,
        exact: bool = False,
    ) -> None:
        core = _core()
        reduced = not exact and "BF16" in core.get_property(device.upper(), _CAPABILITIES)
        options: dict[str, Any] = {
            _PRECISION: "bf16" if reduced else "f32",
            "NUM_STREAMS": _STREAMS,
            # Pinned to processors, threads of several workers would share one and leave others.
            "ENABLE_CPU_PINNING": False,
        }
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads * _STREAMS
        # Handed over as bytes, the graph cannot pull in other files of the disk by name.
        graph = (folder / manifest.file("onnx").path).read_bytes()
        try:
            self._compiled = core.compile_model(core.read_model(graph, b""), "CPU", options)
        except Exception as error:
            raise BackendError(
                f"model {manifest.name!r}: OpenVINO cannot load its graph", str(error)
            ) from error
        _check_tensors(manifest.name, "inputs", self._compiled.inputs, manifest.inputs)
        _check_tensors(manifest.name, "outputs", self._compiled.outputs, manifest.outputs)
        self._outputs = [tensor.name for tensor in manifest.outputs]
        self._own = threading.local()  # a request of OpenVINO's runs once at a time

    @property
    def provider(self) -> str:
        """What runs the model: `OpenVINO, bf16` or `OpenVINO, f32`."""
        precision = self._compiled.get_property(_PRECISION).get_type_name()
        return f"OpenVINO, {precision}"

    def run(self, inputs: Arrays) -> dict[str, Floats]:
        """See `Backend.run`."""
        request = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self._compiled.create_infer_request()
        values = request.infer(dict(inputs), share_inputs=True)
        return {name: values[name] for name in self._outputs}


@functools.cache
def _core() -> openvino.Core:
    """OpenVINO's libraries, loaded once a process."""
    return openvino.Core()


def _check_tensors(model: str, kind: str, found: Any, expected: tuple[Tensor, ...]) -> None:
    """Compare names and fixed dims of the graph's tensors with those that the manifest promises."""
    graph = {tensor.get_any_name(): _fixed(tensor) for tensor in found}
    promised = {
        tensor.name: tuple(dim if isinstance(dim, int) else None for dim in tensor.dims)
        for tensor in expected
    }
    if graph != promised:
        raise BackendError(
            f"model {model!r}: {kind} of the graph are {graph}, its manifest says {promised}; "
            "publish it again with `python -m training.export`"
        )


def _fixed(tensor: Any) -> tuple[int | None, ...]:
    """The dims of a tensor of the graph, None for those that are free."""
    dims = tensor.get_partial_shape()
    return tuple(None if dim.is_dynamic else dim.get_length() for dim in dims)
