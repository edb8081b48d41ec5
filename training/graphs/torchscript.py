"""Write and look into TorchScript files; the form for programs that already carry libtorch.

TorchScript is deprecated and not supported from Python 3.14 on, which is why ONNX is the primary
form. Exactly those warnings are silenced here.
"""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn


def write_torchscript(network: nn.Module, path: Path) -> None:
    """Script `network`, in eval mode, freeze it (weights become constants), write it to `path`."""
    with _deprecation_known():
        torch.jit.freeze(torch.jit.script(network)).save(str(path))


def argument_names(path: Path) -> list[str]:
    """The names of the inputs of the module at `path`; outputs have none."""
    with _deprecation_known():
        module = torch.jit.load(path, map_location="cpu")
    return [argument.name for argument in module.forward.schema.arguments[1:]]


@contextlib.contextmanager
def _deprecation_known() -> Iterator[None]:
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", category)
        yield
