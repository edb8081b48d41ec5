"""Write and inspect TorchScript files, for programs that use libtorch.

TorchScript is deprecated, and not supported from Python 3.14 on, so ONNX is the primary form.
Exactly the warnings about that are silenced here.
"""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn


def write_torchscript(network: nn.Module, path: Path) -> None:
    """Write `network`, which is in eval mode, to `path`, its weights frozen to constants."""
    with _deprecation_silenced():
        torch.jit.freeze(torch.jit.script(network)).save(str(path))


def argument_names(path: Path) -> list[str]:
    """The names of the inputs of the module at `path`; its outputs have no names."""
    with _deprecation_silenced():
        module = torch.jit.load(path, map_location="cpu")
    return [argument.name for argument in module.forward.schema.arguments[1:]]


@contextlib.contextmanager
def _deprecation_silenced() -> Iterator[None]:
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", category)
        yield
