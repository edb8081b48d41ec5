"""The ONNX graph gives the network's logits, for every cell and depth, and builds no shapes."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tests.support.training.samples import row_classifier, small_recipe
from training.graphs.onnx_graph import build, write_onnx
from training.networks.modules import RowClassifier
from training.networks.modules import build as make


def network(cell: Any, layers: int = 1) -> RowClassifier:
    torch.manual_seed(0)
    made = row_classifier(make(small_recipe(cell, num_layers=layers).network)).eval()
    for parameter in made.parameters():  # biases start at zero, which would hide their order
        parameter.data += torch.randn_like(parameter) * 0.3
    return made


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_graph_gives_the_networks_logits(cell: str, layers: int, batch: int) -> None:
    eager = network(cell, layers)
    session = onnxruntime.InferenceSession(
        build(eager).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    rows = np.random.default_rng(0).random((batch, 28, 28), dtype=np.float32)
    with torch.inference_mode():
        expected = eager(torch.from_numpy(rows)).numpy()
    (logits,) = session.run(["logits"], {"rows": rows})
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_file_is_complete_checked_and_free_of_shape_arithmetic(
    cell: str, tmp_path: Any
) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(network(cell), path)
    model = onnx.load(path, load_external_data=False)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    shapes = {value.name: value for value in inferred.graph.value_info}
    operators = {node.op_type for node in model.graph.node}
    assert not operators & {"Shape", "Expand", "ConstantOfShape", "Loop", "Scan", "If"}
    constants = {tensor.name for tensor in model.graph.initializer}
    made = {name for node in model.graph.node for name in node.output}
    used = {name for node in model.graph.node for name in node.input}
    assert used <= constants | made | {"rows"}
    assert constants <= used
    for node in model.graph.node:
        if node.op_type in {"LSTM", "GRU"}:
            assert set(node.input[1:]) <= constants
            state = shapes[node.output[1]].type.tensor_type.shape.dim  # (1, batch, hidden)
            assert state[1].dim_param == "batch"


def test_a_single_gated_layer_is_one_node() -> None:
    operators = [node.op_type for node in build(network("lstm")).graph.node]
    assert operators == ["Sub", "Div", "Transpose", "LSTM", "Squeeze", "Gemm"]


def test_a_plain_rnn_is_unrolled() -> None:
    operators = [node.op_type for node in build(network("rnn")).graph.node]
    assert operators.count("Tanh") == 28
    assert "RNN" not in operators
