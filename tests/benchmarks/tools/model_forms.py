"""The forms in which one recurrent network can be run, each as a call that is ready to be timed.

Each form takes what its own library takes and gives what it gives: torch's tensors, the others
arrays. Weights do not matter for speed: those that are built here are random, files are the shipped
ones.
"""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

import models
from models.arrays import Arrays
from models.manifest import BATCH, Manifest, read
from service.inference.backends import BackendError, open_backend
from service.settings import Device
from training.networks.modules import build
from training.recipes.shipped import RECIPES

Call = Callable[[], object]
Open = Callable[[str, int], Call]

OURS, EAGER = "ours (ONNX Runtime)", "eager torch"
OURS_OPENVINO = "ours (OpenVINO)"


class MissingError(RuntimeError):
    """A form cannot be run here; the message says why."""


def ours(name: str, batch: int, device: Device = "cpu") -> Call:
    """The shipped ONNX file in the backend and with the settings of the service."""
    folder, manifest = _published(name)
    backend = open_backend("onnxruntime", folder, manifest, device=device, threads=1)
    return functools.partial(backend.run, _inputs(manifest, batch))


def ours_openvino(name: str, batch: int) -> Call:
    """The same file in the service's other backend, in bfloat16 where the processor has it.

    Raises:
        MissingError: OpenVINO is not installed, or the model is not proven with it, so that the
            service does not use it.

    """
    folder, manifest = _published(name)
    if not any(row.backend == "openvino" for row in manifest.parity):
        raise MissingError(f"{name} is not proven with OpenVINO")
    try:
        backend = open_backend("openvino", folder, manifest, device="cpu", threads=1)
    except BackendError as error:
        raise MissingError(error.summary) from error
    return functools.partial(backend.run, _inputs(manifest, batch))


def eager(name: str, batch: int) -> Call:
    """The network as it is trained, in eval mode."""
    return _in_inference(_network(name), batch)


def torchscript(name: str, batch: int) -> Call:
    """The shipped TorchScript file, without the service's copies from and to arrays."""
    folder, manifest = _published(name)
    module = torch.jit.load(folder / manifest.file("torchscript").path)
    return _in_inference(module, batch)


def compiled(name: str, batch: int) -> Call:
    """`torch.compile` for exactly this batch size.

    An LSTM is compiled as a whole. With RNN and GRU this takes 50 to 80 seconds a size, and torch
    leaves their recurrent layer as it is, which is its default; so does this.

    Raises:
        MissingError: there is no C++ compiler.

    """
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise MissingError("torch.compile needs a C++ compiler, and there is none")
    import torch._dynamo

    torch._dynamo.config.allow_rnn = name == "lstm"
    torch._dynamo.reset()
    call = _in_inference(torch.compile(_network(name), dynamic=False), batch)
    call()  # compiles
    return call


def openvino(name: str, batch: int) -> Call:
    """The shipped ONNX file in OpenVINO, for exactly this batch size, in float32.

    As somebody would run it without the service; nothing is copied, and one request runs at a time.

    Raises:
        MissingError: OpenVINO is not installed.

    """
    try:
        from openvino import Core
    except ImportError:
        raise MissingError("OpenVINO is not installed: pip install '.[bench]'") from None
    folder, manifest = _published(name)
    core = Core()
    model = core.read_model(folder / manifest.file("onnx").path)
    rows = _rows(batch)
    model.reshape(list(rows.shape))
    settings = {
        "INFERENCE_NUM_THREADS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    return functools.partial(request.infer, {0: rows}, share_inputs=True, share_outputs=True)


FORMS: dict[str, Open] = {
    OURS: ours,
    OURS_OPENVINO: ours_openvino,
    EAGER: eager,
    "TorchScript": torchscript,
    "torch.compile": compiled,
    "OpenVINO": openvino,
}


def _rows(batch: int) -> np.ndarray:
    return np.random.default_rng(0).random((batch, 28, 28), np.float32)


def _inputs(manifest: Manifest, batch: int) -> Arrays:
    """What goes in: random rows, one where a graph takes any number of them, and no state yet."""
    rows, *states = manifest.inputs
    sizes = {BATCH: batch}
    shapes = {t.name: [sizes.get(d, 1) if isinstance(d, str) else d for d in t.dims]
              for t in manifest.inputs}  # fmt: skip
    drawn = np.random.default_rng(0).random(shapes[rows.name], np.float32)
    return {rows.name: drawn, **{t.name: np.zeros(shapes[t.name], np.float32) for t in states}}


def _published(name: str) -> tuple[Path, Manifest]:
    folder = Path(models.__file__).parent / name
    return folder, read(folder)


def _network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return build(RECIPES[name].network).eval()


def _in_inference(module: Callable[[torch.Tensor], torch.Tensor], batch: int) -> Call:
    rows = torch.from_numpy(_rows(batch))

    @torch.inference_mode()
    def call() -> torch.Tensor:
        return module(rows)

    return call
