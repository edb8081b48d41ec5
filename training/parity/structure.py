"""Check the structure of exported files without running them: names, axes, shapes and weights.

To run them, as `training.parity.proof` does, shows that something is wrong; this shows what.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from models.manifest import Manifest, Tensor
from training.graphs.onnx_graph import build
from training.graphs.recurrent_nodes import GATES
from training.graphs.torchscript import argument_names

Check = Literal[
    "names",
    "axes",
    "shapes",
    "weights",
    "values",
    "decisions",
    "accuracy",
    "error",
    "growth",
    "load",
]


@dataclass(frozen=True)
class Failure:
    """A check that a form did not pass."""

    check: Check
    form: str
    message: str

    def __str__(self) -> str:
        return f"{self.check}: {self.form}: {self.message}"


def check_onnx(path: Path, manifest: Manifest, network: nn.Module) -> list[Failure]:
    """Compare an ONNX file with the manifest (names, axes, shapes) and the network (weights)."""
    model = onnx.load(path)
    failures = [
        *_check_interface("inputs", list(model.graph.input), manifest.inputs),
        *_check_interface("outputs", list(model.graph.output), manifest.outputs),
    ]
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        failures.append(Failure("shapes", "onnx", f"onnx.checker: {first_line(error)}"))
    return failures + list(_check_weights(model, build(network)))


def check_torchscript(path: Path, manifest: Manifest) -> list[Failure]:
    """Compare the input names of a TorchScript file with the manifest; it holds no others."""
    found = argument_names(path)
    expected = [tensor.name for tensor in manifest.inputs]
    if found == expected:
        return []
    return [Failure("names", "torchscript", f"inputs are {found}, expected {expected}")]


def _check_interface(
    kind: str, found: list[onnx.ValueInfoProto], expected: tuple[Tensor, ...]
) -> Iterator[Failure]:
    names, wanted = [value.name for value in found], [tensor.name for tensor in expected]
    if names != wanted:
        yield Failure("names", "onnx", f"{kind} are {names}, expected {wanted}")
    for value, tensor in zip(found, expected, strict=False):
        axes = value.type.tensor_type.shape.dim
        dims = tuple(axis.dim_param or axis.dim_value for axis in axes)
        if dims != tensor.dims:
            message = f"{value.name} has axes {dims}, expected {tensor.dims}"
            pairs = zip(dims, tensor.dims, strict=False)
            if any(isinstance(a, int) and isinstance(b, str) for a, b in pairs):
                message += ": a free axis is frozen"
            yield Failure("axes", "onnx", message)


def _check_weights(model: onnx.ModelProto, expected: onnx.ModelProto) -> Iterator[Failure]:
    """Compare every constant of the graph with the one that the network would get."""
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for tensor in expected.graph.initializer:
        wanted = numpy_helper.to_array(tensor)
        value = found.get(tensor.name)
        if value is None or value.shape != wanted.shape:
            shape = "missing" if value is None else f"of shape {value.shape}"
            yield Failure("weights", "onnx", f"{tensor.name} is {shape}, not {wanted.shape}")
        elif not np.array_equal(value, wanted):
            yield Failure("weights", "onnx", f"{tensor.name} {_difference(value, wanted)}")


def _difference(found: NDArray[np.generic], wanted: NDArray[np.generic]) -> str:
    """How two arrays of one shape differ: in the order of their gates, or in how many values."""
    for gates in {len(order) for order in GATES.values()} - {1}:
        if found.ndim > 1 and found.shape[1] % gates == 0:
            blocks, right = np.split(found, gates, axis=1), np.split(wanted, gates, axis=1)
            order = [
                next((i for i, b in enumerate(right) if np.array_equal(block, b)), -1)
                for block in blocks
            ]
            if sorted(order) == list(range(gates)):
                return f"has its gates in the order {order}, expected {list(range(gates))}"
    wrong = int((found != wanted).sum())
    return f"differs from the network's in {wrong:,} of {wanted.size:,} values"


def first_line(error: Exception) -> str:
    """The first line of a library's message, cut to 300 characters; some add pages to it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
