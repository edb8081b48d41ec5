"""Recurrent layers as ONNX nodes.

Two forms: `unrolled`, 28 steps of plain nodes, for RNN, and `one_node`, the operator of that name,
for GRU and LSTM. `python -m tests.benchmarks.graphs` measures both for each cell; the README's
design section shows what it printed.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from training.graphs.nodes import Nodes
from training.networks.configuration import ROWS

Form = Literal["unrolled", "one_node"]

# ONNX stacks the gates as LSTM: input, output, forget, cell; GRU: update, reset, hidden. PyTorch
# stacks them as input, forget, cell, output and reset, update, new (both operators' documentation).
GATES = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}


def read_rows(
    nodes: Nodes, recurrent: nn.RNNBase, steps: str, *, flat: bool, form: Form | None = None
) -> str:
    """What a readout sees of `steps` (28, batch, 28) that are read from a state of zeros.

    Args:
        nodes: takes the nodes.
        recurrent: the layers.
        steps: the input's name.
        flat: whether all 28 states are seen, (batch, 28 * hidden), or the last, (batch, hidden).
        form: instead of the one that suits the cell.

    """
    if (form or ("unrolled" if isinstance(recurrent, nn.RNN) else "one_node")) == "unrolled":
        states = _unrolled(nodes, recurrent, steps)  # 28 of (batch, hidden)
        return nodes.add("Concat", *states, axis=1) if flat else states[-1]
    sequence, last = _one_node_a_layer(nodes, recurrent, steps)
    if not flat:
        return nodes.add("Squeeze", last, nodes.constant("first", [0]))
    squeezed = nodes.add("Squeeze", sequence, nodes.constant("direction", [1]))
    ordered = nodes.add("Transpose", squeezed, perm=[1, 0, 2])  # (batch, 28, hidden)
    return nodes.add("Flatten", ordered, axis=1)


def read_sequence(
    nodes: Nodes, recurrent: nn.RNNBase, steps: str, state: str, next_state: str
) -> str:
    """The states (steps, batch, hidden) after each of `steps` (steps, batch, in), of one layer.

    `state` (batch, hidden) is the one before the first step; the one after the last gets the name
    `next_state`.
    """
    axis = nodes.constant("direction", [0])
    before = nodes.add("Unsqueeze", state, axis)  # (1, batch, hidden)
    sequence, last = _one_node(nodes, recurrent, 0, steps, before)
    nodes.add("Squeeze", last, axis, out=next_state)
    return nodes.add("Squeeze", sequence, nodes.constant("sequence_direction", [1]))


def _one_node_a_layer(nodes: Nodes, recurrent: nn.RNNBase, steps: str) -> tuple[str, str]:
    """The last layer's sequence and last state; without a state given, each starts from zero."""
    sequence, last = _one_node(nodes, recurrent, 0, steps)
    for layer in range(1, recurrent.num_layers):
        steps = nodes.add("Squeeze", sequence, nodes.constant(f"direction{layer - 1}", [1]))
        sequence, last = _one_node(nodes, recurrent, layer, steps)
    return sequence, last


def _one_node(
    nodes: Nodes, recurrent: nn.RNNBase, layer: int, steps: str, state: str = ""
) -> tuple[str, str]:
    """One RNN, GRU or LSTM node: (steps, 1, batch, hidden) and the last state (1, batch, hidden).

    ONNX's second axis, or first, is that of its one direction.
    """
    operator = type(recurrent).__name__
    # PyTorch multiplies the reset gate after the linear map, ONNX by default before it.
    attributes: dict[str, Any] = {"linear_before_reset": 1} if operator == "GRU" else {}
    if isinstance(recurrent, nn.RNN) and recurrent.nonlinearity == "relu":
        attributes["activations"] = ["Relu"]
    weights = _layer(recurrent, layer)
    inputs = [
        nodes.constant(f"layer{layer}.{key}", weights[key][np.newaxis]) for key in ("W", "R", "B")
    ]
    initial = ["", state] if state else []  # behind the lengths of the sequences
    outputs = [f"layer{layer}.sequence", f"layer{layer}.state"]
    nodes.add_many(
        operator,
        [steps, *inputs, *initial],
        outputs,
        f"layer{layer}",
        hidden_size=recurrent.hidden_size,
        **attributes,
    )
    return outputs[0], outputs[1]


def _unrolled(nodes: Nodes, recurrent: nn.RNNBase, steps: str) -> list[str]:
    """28 steps of two nodes each a layer: h = f(W x + b + R h), the state before being zero."""
    zero = nodes.constant("step_axis", [0])
    activation = "Relu" if getattr(recurrent, "nonlinearity", "tanh") == "relu" else "Tanh"
    slices = [f"step{t}" for t in range(ROWS)]
    inputs: list[str] = []
    for layer in range(recurrent.num_layers):
        weights = _layer(recurrent, layer)
        bias = nodes.constant(f"layer{layer}.b", weights["B"].reshape(2, -1).sum(axis=0))
        matrix = nodes.constant(f"layer{layer}.W", weights["W"].T)
        recurrence = nodes.constant(f"layer{layer}.R", weights["R"].T)
        if layer == 0:
            # The input's share of all steps at once is one large matrix product.
            product = nodes.add("Add", nodes.add("MatMul", steps, matrix), bias)
            nodes.add_many("Split", [product], slices, "split", axis=0)
            inputs = [nodes.add("Squeeze", part, zero) for part in slices]
        else:
            inputs = [nodes.add("Gemm", state, matrix, bias) for state in inputs]
        states = [nodes.add(activation, inputs[0])]
        for share in inputs[1:]:
            states.append(nodes.add(activation, nodes.add("Gemm", states[-1], recurrence, share)))
        inputs = states
    return inputs


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
