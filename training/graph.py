"""Write a network as an ONNX graph, every node known: `rows` in, `logits` out, a free batch axis.

The graph is written by hand rather than traced: weights are constants, so that ONNX Runtime's CUDA
provider can cache them; states are not built from shapes; the batch axis cannot freeze.

Two forms of a recurrent layer: `unrolled`, 28 steps of plain nodes, for RNN, and `one_node`, the
operator of that name, for GRU and LSTM. `python -m tests.benchmarks.graphs` measures both for each
cell; the README's design section shows what it printed.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import nn

from training.architectures import CLASSES, COLUMNS, ROWS
from training.networks import RowClassifier

Form = Literal["unrolled", "one_node"]

OPSET = 17
IR_VERSION = 8  # the oldest that holds opset 17, so that older runtimes read it too

# ONNX stacks the gates as LSTM: input, output, forget, cell; GRU: update, reset, hidden. PyTorch
# stacks them as input, forget, cell, output and reset, update, new (both operators' documentation).
GATES = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}


def write_onnx(network: RowClassifier, path: Path) -> None:
    """Write `network` to `path` as one file; the graph is checked and its shapes inferred."""
    model = build(network)
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, path)


def build(network: RowClassifier, form: Form | None = None) -> onnx.ModelProto:
    """The graph of `network`, from `rows` ("batch", 28, 28) to `logits` ("batch", 10), float32.

    `form` overrides the choice that is made by cell; only RNN can be unrolled.
    """
    graph = _Graph()
    centred = graph.node("Sub", "rows", graph.constant("mean", network.mean))
    normalised = graph.node("Div", centred, graph.constant("std", network.std))
    steps = graph.node("Transpose", normalised, perm=[1, 0, 2])  # (28 steps, batch, 28 columns)
    form = form or ("unrolled" if isinstance(network.recurrent, nn.RNN) else "one_node")
    write = {"unrolled": _unrolled, "one_node": _one_node_a_layer}[form]
    last = write(graph, network.recurrent, steps)  # (batch, hidden)
    weight = graph.constant("head.weight", network.head.weight.T)
    graph.node("Gemm", last, weight, graph.constant("head.bias", network.head.bias), out="logits")
    return graph.model()


@dataclass
class _Graph:
    """Nodes and constants in the making; each node's output is called after its operator."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def node(self, operator: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        name = out or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: Any) -> str:
        array = value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def model(self) -> onnx.ModelProto:
        rows = helper.make_tensor_value_info(
            "rows", onnx.TensorProto.FLOAT, ["batch", ROWS, COLUMNS]
        )
        logits = helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", CLASSES])
        graph = helper.make_graph(self.nodes, "row_classifier", [rows], [logits], self.constants)
        return helper.make_model(
            graph,
            producer_name="rowreader",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )


def _one_node_a_layer(graph: _Graph, recurrent: nn.RNNBase, steps: str) -> str:
    """One RNN, GRU or LSTM node a layer; without an initial state given, it starts from zero."""
    operator = type(recurrent).__name__
    # PyTorch multiplies the reset gate after the linear map, ONNX by default before it.
    attributes: dict[str, Any] = {"linear_before_reset": 1} if operator == "GRU" else {}
    hidden = recurrent.hidden_size
    first = graph.constant("first", np.array([0]))  # the one direction of ONNX's direction axis
    last = ""
    for layer in range(recurrent.num_layers):
        weights = _layer(recurrent, layer)
        inputs = [
            graph.constant(f"layer{layer}.{key}", weights[key][np.newaxis])
            for key in ("W", "R", "B")
        ]
        sequence, state = f"layer{layer}.sequence", f"layer{layer}.state"
        graph.nodes.append(
            helper.make_node(
                operator,
                [steps, *inputs],
                [sequence, state],  # (28, 1, batch, hidden), (1, batch, hidden)
                name=f"layer{layer}",
                hidden_size=hidden,
                **attributes,
            )
        )
        if layer + 1 < recurrent.num_layers:
            steps = graph.node("Squeeze", sequence, graph.constant(f"direction{layer}", [1]))
        last = state
    return graph.node("Squeeze", last, first)


def _unrolled(graph: _Graph, recurrent: nn.RNNBase, steps: str) -> str:
    """28 steps of two nodes each a layer: h = tanh(W x + b + R h), the state before being zero."""
    zero = graph.constant("step_axis", np.array([0]))
    slices = [f"step{t}" for t in range(ROWS)]
    inputs: list[str] = []
    for layer in range(recurrent.num_layers):
        weights = _layer(recurrent, layer)
        bias = graph.constant(f"layer{layer}.b", weights["B"].reshape(2, -1).sum(axis=0))
        matrix = graph.constant(f"layer{layer}.W", weights["W"].T)
        recurrence = graph.constant(f"layer{layer}.R", weights["R"].T)
        if layer == 0:
            # The input's share of all steps at once is one large matrix product.
            product = graph.node("Add", graph.node("MatMul", steps, matrix), bias)
            graph.nodes.append(helper.make_node("Split", [product], slices, name="split", axis=0))
            inputs = [graph.node("Squeeze", part, zero) for part in slices]
        else:
            inputs = [graph.node("Gemm", state, matrix, bias) for state in inputs]
        states = [graph.node("Tanh", inputs[0])]
        for share in inputs[1:]:
            states.append(graph.node("Tanh", graph.node("Gemm", states[-1], recurrence, share)))
        inputs = states
    return inputs[-1]


def _layer(recurrent: nn.RNNBase, layer: int) -> dict[str, NDArray[np.float32]]:
    """A layer's weights with gates in ONNX's order: W (g*h, in), R (g*h, h), B (2*g*h,)."""
    order = GATES[type(recurrent).__name__]
    found = {
        key: _reorder(getattr(recurrent, f"{key}_l{layer}").detach().cpu().numpy(), order)
        for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    bias = np.concatenate([found["bias_ih"], found["bias_hh"]])
    return {"W": found["weight_ih"], "R": found["weight_hh"], "B": bias}


def _reorder(stacked: NDArray[np.float32], order: tuple[int, ...]) -> NDArray[np.float32]:
    gates = np.split(stacked, len(order))
    return np.concatenate([gates[gate] for gate in order])
