"""A ReNet's ONNX graph and TorchScript give the network's logits, at any batch size."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from training.graphs.onnx_graph import build, write_onnx
from training.graphs.torchscript import argument_names, write_torchscript
from training.networks.configuration import ReNetConfig
from training.networks.modules import ReNetClassifier


def network(**changes: Any) -> ReNetClassifier:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"cell": "lstm", "hidden_sizes": (6, 8)}
    made = ReNetClassifier(ReNetConfig(**{**settings, **changes})).eval()
    for parameter in made.parameters():  # biases start at zero, which would hide their order
        parameter.data += torch.randn_like(parameter) * 0.3
    return made


@pytest.mark.parametrize("margin", [0, 1, 2])
@pytest.mark.parametrize("hidden_sizes", [(6,), (6, 8)])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_graph_gives_the_networks_logits(
    cell: str, hidden_sizes: tuple[int, ...], margin: int
) -> None:
    eager = network(cell=cell, hidden_sizes=hidden_sizes, margin=margin)
    session = onnxruntime.InferenceSession(
        build(eager).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for batch in (1, 2, 7):
        rows = np.random.default_rng(batch).random((batch, 28, 28), dtype=np.float32)
        with torch.inference_mode():
            expected = eager(torch.from_numpy(rows)).numpy()
        (logits,) = session.run(["logits"], {"rows": rows})
        np.testing.assert_allclose(logits, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated:DeprecationWarning")
def test_torchscript_gives_the_networks_logits(cell: str, tmp_path: Path) -> None:
    eager = network(cell=cell, dropout=0.5)
    path = tmp_path / "model.pt"
    write_torchscript(eager, path)
    assert argument_names(path) == ["rows"]
    loaded = torch.jit.load(path)
    for batch in (1, 2, 7):
        rows = torch.rand(batch, 28, 28)
        torch.testing.assert_close(loaded(rows), eager(rows), rtol=0, atol=1e-6)


def test_the_file_is_complete_and_free_of_shape_arithmetic(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(network(), path)
    model = onnx.load(path, load_external_data=False)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("LSTM") == 4  # a node for both directions of each sweep
    assert not {*operators} & {"Shape", "Expand", "ConstantOfShape", "Loop", "Scan", "If"}
    constants = {tensor.name for tensor in model.graph.initializer}
    used = {name for node in model.graph.node for name in node.input}
    assert constants <= used
    for node in model.graph.node:
        if node.op_type == "LSTM":
            assert {*node.input[1:]} <= constants
