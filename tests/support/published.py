"""Small published models for the tests of the service, whose answers can be told beforehand.

A picture of `digit` holds two bright rows whose distance tells the digit, and the models read it
off. Like MNIST's digits it is 20 on its long side and has its mass in the middle.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models import manifest
from models.manifest import FILENAME, File, Manifest, Role, RowReading, State, Task, Tensor
from service.inference.model import Run

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

ROWS = Tensor(name="rows", dtype="float32", dims=("batch", 28, 28), range=(0, 1))
LOGITS = Tensor(name="logits", dtype="float32", dims=("batch", 10))


def picture(digit: int) -> NDArray[np.uint8]:
    """28 x 28, light on dark, the border dark; every model below named `lstm` reads `digit`."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[[13 - digit, 14 + digit], 4:24] = 255
    return pixels


def publish(root: Path, name: str, *, shift: int = 0, task: Task = "classify") -> Path:
    """A model that reads `picture(d)` as d + `shift` (mod 10), in both forms."""
    folder = root / name
    folder.mkdir(parents=True)
    write_onnx(folder / "model.onnx", weights(shift))
    write_torchscript(folder / "model.pt", weights(shift))
    return seal(folder, task=task)


def publish_rows(root: Path, name: str, *, shift: int = 0) -> Path:
    """The row stream of `publish(root, name, shift=shift)`, which lies there, in both forms.

    Its state is the last 28 rows, so that it has read what the whole model reads after the 28th.
    """
    folder = root / f"{name}-rows"
    folder.mkdir(parents=True)
    # A window of 28 rows that goes down the picture: (10 digits, 28 columns, 28 rows).
    window = weights(shift).reshape(28, 28, 10).transpose(2, 1, 0)
    constants = {"window": window, "start": np.array([-28]), "next": np.array([1])}
    constants |= {"end": np.array([2**31]), "axis": np.array([1])}
    graph = helper.make_graph(
        [
            helper.make_node("Concat", ["hidden", "rows"], ["all"], axis=1),  # (batch, 28 + t, 28)
            helper.make_node("Slice", ["all", "start", "end", "axis"], ["next_hidden"]),
            helper.make_node("Slice", ["all", "next", "end", "axis"], ["seen"]),
            helper.make_node("Transpose", ["seen"], ["columns"], perm=[0, 2, 1]),
            helper.make_node("Conv", ["columns", "window"], ["scores"]),  # (batch, 10, t)
            helper.make_node("Transpose", ["scores"], ["logits"], perm=[0, 2, 1]),
        ],
        "row_reader",
        [
            helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["batch", "steps", 28]),
            helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["batch", 28, 28]),
        ],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "steps", 10]),
            helper.make_tensor_value_info("next_hidden", TensorProto.FLOAT, ["batch", 28, 28]),
        ],
        [
            numpy_helper.from_array(np.ascontiguousarray(value), key)
            for key, value in constants.items()
        ],
    )
    _save(folder / "model.onnx", graph)
    _script_rows(folder / "model.pt", np.ascontiguousarray(window))
    whole = manifest.read(root / name).file("onnx")
    row_reading = RowReading(
        whole=name,
        whole_sha256=whole.sha256,
        temperatures=(1.0,) * 28,
        accuracies=(0.5,) * 28,
        confidences=(0.5,) * 28,
        calibration_errors=(0.0,) * 28,
        early_decisions=(),
        n=1,
    )
    hidden, after = (
        Tensor(name=key, dtype="float32", dims=("batch", 28, 28))
        for key in ("hidden", "next_hidden")
    )
    return seal(
        folder,
        task="classify_rows",
        inputs=(
            Tensor(name="rows", dtype="float32", dims=("batch", "steps", 28), range=(0, 1)),
            hidden,
        ),
        outputs=(Tensor(name="logits", dtype="float32", dims=("batch", "steps", 10)), after),
        states=(State(input="hidden", output="next_hidden"),),
        row_reading=row_reading,
    )


def seal(folder: Path, **changes: object) -> Path:
    """Write the manifest of what lies in `folder` now."""
    roles: tuple[tuple[Role, str], ...] = (("onnx", "model.onnx"), ("torchscript", "model.pt"))
    fields: dict[str, object] = {
        "name": folder.name,
        "task": "classify",
        "recipe": {},
        "labels": tuple("0123456789"),
        "inputs": (ROWS,),
        "outputs": (LOGITS,),
        "files": tuple(
            File.of(folder / file, role) for role, file in roles if (folder / file).exists()
        ),
        "metrics": (),
        "parity": (),
        "provenance": {},
    }
    described = Manifest(**{**fields, **changes})  # type: ignore[arg-type]
    (folder / FILENAME).write_text(described.to_json())
    return folder


def weights(shift: int) -> NDArray[np.float32]:
    """From 784 pixels to 10 logits; the two rows of digit d add up to a logit of 8."""
    matrix = np.zeros((28, 28, 10), np.float32)
    for digit in range(10):
        matrix[[13 - digit, 14 + digit], 4:24, (digit + shift) % 10] = 0.2
    return matrix.reshape(784, 10)


def write_onnx(path: Path, matrix: NDArray[np.float32], batch: int | str = "batch") -> None:
    """rows (batch, 28, 28) to logits (batch, 10)."""
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["rows"], ["pixels"], axis=1),  # (batch, 784)
            helper.make_node("MatMul", ["pixels", "matrix"], ["logits"]),
        ],
        "reader",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [batch, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 10])],
        [numpy_helper.from_array(matrix, "matrix")],
    )
    _save(path, graph)


def write_torchscript(path: Path, matrix: NDArray[np.float32]) -> None:
    """The same as `write_onnx`, scripted by torch."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.matrix = torch.nn.Parameter(torch.from_numpy(matrix))

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return rows.flatten(1) @ self.matrix

    _script(Reader(), path)


def _script_rows(path: Path, window: NDArray[np.float32]) -> None:
    """The same as the graph of `publish_rows`, scripted by torch."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.window = torch.nn.Parameter(torch.from_numpy(window))

        def forward(
            self, rows: torch.Tensor, hidden: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            seen = torch.cat([hidden, rows], 1)
            scores = torch.conv1d(seen[:, 1:].transpose(1, 2), self.window)
            return scores.transpose(1, 2), seen[:, -28:]

    _script(Reader(), path)


def _script(module: "torch.nn.Module", path: Path) -> None:
    """Write `module` as TorchScript, whose deprecation is known."""
    import torch

    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", r"`torch\.jit\.", category)
        torch.jit.save(torch.jit.freeze(torch.jit.script(module.eval())), str(path))


def finished(run: Run[T]) -> T:
    """The result of `run`, alone and on this thread."""
    return run.finish(run.model.backend.run(run.inputs))


def publish_stateful(root: Path) -> tuple[Path, Manifest]:
    """A graph that carries state: `total` grows by the sum of `rows` with each call (ONNX only)."""
    folder = root / "stateful"
    folder.mkdir(parents=True)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["rows", "axes"], ["sum"], keepdims=0),  # (batch,)
            helper.make_node("Add", ["total", "sum"], ["next_total"]),
        ],
        "adder",
        [
            helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["batch", 28, 28]),
            helper.make_tensor_value_info("total", TensorProto.FLOAT, ["batch"]),
        ],
        [helper.make_tensor_value_info("next_total", TensorProto.FLOAT, ["batch"])],
        [numpy_helper.from_array(np.array([1, 2]), "axes")],
    )
    _save(folder / "model.onnx", graph)
    total = Tensor(name="total", dtype="float32", dims=("batch",))
    seal(
        folder,
        task="regress",
        inputs=(ROWS, total),
        outputs=(Tensor(name="next_total", dtype="float32", dims=("batch",)),),
        states=(State(input="total", output="next_total"),),
    )
    return folder, manifest.read(folder)


def _save(path: Path, graph: onnx.GraphProto) -> None:
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
