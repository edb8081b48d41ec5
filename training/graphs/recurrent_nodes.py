"""Write recurrent layers as ONNX nodes, in one of two layouts.

`unrolled` has 28 steps of plain nodes, `one_node` the operator RNN, GRU or LSTM for each layer. By
default each cell has the faster one: an RNN is unrolled, GRU and LSTM are one node a layer
(`python -m tests.benchmarks.graphs` measures both).
"""

from typing import Any, Literal

import numpy as np
from torch import nn

from models.arrays import Floats
from training.graphs.graph_builder import GraphBuilder
from training.networks.configuration import ROWS

Layout = Literal["unrolled", "one_node"]

# PyTorch's places of the gates, in ONNX's order. ONNX stacks an LSTM's gates as input, output,
# forget, cell and a GRU's as update, reset, hidden; PyTorch as input, forget, cell, output and as
# reset, update, new (documentation of both).
GATES = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}


def add_row_layers(
    graph: GraphBuilder,
    recurrent: nn.RNNBase,
    steps: str,
    *,
    flat: bool,
    layout: Layout | None = None,
) -> str:
    """Write layers that read `steps` (28, batch, 28) from a state of zeros.

    Args:
        graph: takes the nodes.
        recurrent: the layers.
        steps: the input's name.
        flat: what the output holds: all 28 states, (batch, 28 * hidden), or the last one, (batch,
            hidden).
        layout: None for the faster one.

    Returns:
        The output's name.

    """
    if (layout or ("unrolled" if isinstance(recurrent, nn.RNN) else "one_node")) == "unrolled":
        states = _unrolled(graph, recurrent, steps)  # 28 of (batch, hidden)
        return graph.add("Concat", *states, axis=1) if flat else states[-1]
    sequence, last = _one_node_a_layer(graph, recurrent, steps)
    if not flat:
        return graph.add("Squeeze", last, graph.constant("first", [0]))
    squeezed = graph.add("Squeeze", sequence, graph.constant("direction", [1]))
    ordered = graph.add("Transpose", squeezed, perm=[1, 0, 2])  # (batch, 28, hidden)
    return graph.add("Flatten", ordered, axis=1)


def add_sequence_layer(
    graph: GraphBuilder, recurrent: nn.RNNBase, steps: str, state: str, next_state: str
) -> str:
    """Write one layer that reads `steps` (steps, batch, in) from the input `state` (batch, hidden).

    Returns:
        The name of its states (steps, batch, hidden). The last state (batch, hidden) is the output
        `next_state`.

    """
    axis = graph.constant("direction", [0])
    before = graph.add("Unsqueeze", state, axis)  # (1, batch, hidden)
    sequence, last = _one_node(graph, recurrent, 0, steps, before)
    graph.add("Squeeze", last, axis, out=next_state)
    return graph.add("Squeeze", sequence, graph.constant("sequence_direction", [1]))


def add_stream_layers(
    graph: GraphBuilder, recurrent: nn.RNNBase, steps: str, states: dict[str, str]
) -> str:
    """Write layers, one node each, that read `steps` (steps, batch, in) from a state that is given.

    Args:
        graph: takes the nodes.
        recurrent: the layers.
        steps: the input's name.
        states: the names of the inputs with the state (batch, layers, hidden), for an LSTM the
            hidden and then the cell state, each with the name of the output for the next one.

    Returns:
        The name of the last layer's states (steps, batch, hidden).

    """
    direction = graph.constant("direction", [1])
    before = [_split_layers(graph, name, recurrent.num_layers) for name in states]
    after: list[list[str]] = [[] for _ in states]
    for layer in range(recurrent.num_layers):
        own = [parts[layer] for parts in before]
        sequence, *last = _one_node(graph, recurrent, layer, steps, *own)
        for parts, state in zip(after, last, strict=True):
            parts.append(state)
        steps = graph.add("Squeeze", sequence, direction)
    for parts, name in zip(after, states.values(), strict=True):
        joined = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=0)
        graph.add("Transpose", joined, perm=[1, 0, 2], out=name)
    return steps


def _split_layers(graph: GraphBuilder, state: str, layers: int) -> list[str]:
    """The parts (1, batch, hidden) of the input `state` (batch, layers, hidden)."""
    ordered = graph.add("Transpose", state, perm=[1, 0, 2])  # (layers, batch, hidden)
    if layers == 1:
        return [ordered]
    parts = [f"{state}{layer}" for layer in range(layers)]
    graph.add_many("Split", [ordered], parts, f"{state}_layers", axis=0)
    return parts


def _one_node_a_layer(graph: GraphBuilder, recurrent: nn.RNNBase, steps: str) -> tuple[str, str]:
    """Write all layers, each from a state of zeros; returns what `_one_node` does for the last."""
    sequence, last = _one_node(graph, recurrent, 0, steps)
    for layer in range(1, recurrent.num_layers):
        steps = graph.add("Squeeze", sequence, graph.constant(f"direction{layer - 1}", [1]))
        sequence, last = _one_node(graph, recurrent, layer, steps)
    return sequence, last


def _one_node(
    graph: GraphBuilder, recurrent: nn.RNNBase, layer: int, steps: str, *before: str
) -> list[str]:
    """Write one layer as an RNN, GRU or LSTM node.

    It starts from the state `before`, (1, batch, hidden): for an LSTM the hidden and the cell
    state. Left out, that is zero.

    Returns:
        The names of its states (steps, 1, batch, hidden) and of the last one (1, batch, hidden),
        for an LSTM with a state given also of the last cell state; the axis of length 1 is that of
        the direction.

    """
    operator = type(recurrent).__name__
    # PyTorch multiplies the reset gate after the linear map, ONNX by default before it.
    attributes: dict[str, Any] = {"linear_before_reset": 1} if operator == "GRU" else {}
    if isinstance(recurrent, nn.RNN) and recurrent.nonlinearity == "relu":
        attributes["activations"] = ["Relu"]
    weights = layer_weights(recurrent, f"l{layer}")
    inputs = [
        graph.constant(f"layer{layer}.{key}", weights[key][np.newaxis]) for key in ("W", "R", "B")
    ]
    initial = ["", *before] if before else []  # after the lengths of the sequences, left out
    outputs = [f"layer{layer}.{name}" for name in ("sequence", "state", "cell")]
    outputs = outputs[: 1 + max(1, len(before))]
    graph.add_many(
        operator,
        [steps, *inputs, *initial],
        outputs,
        f"layer{layer}",
        hidden_size=recurrent.hidden_size,
        **attributes,
    )
    return outputs


def add_both_directions(
    graph: GraphBuilder, recurrent: nn.RNNBase, layer: int, steps: str, name: str
) -> str:
    """Write one bidirectional layer called `name` that reads `steps` (steps, batch, in).

    Returns:
        The name of its states (steps, 2 directions, batch, hidden).

    """
    # PyTorch multiplies the reset gate after the linear map, ONNX by default before it.
    attributes: dict[str, Any] = {"linear_before_reset": 1} if isinstance(recurrent, nn.GRU) else {}
    ways = [layer_weights(recurrent, f"l{layer}{end}") for end in ("", "_reverse")]
    constants = [
        graph.constant(f"{name}.{key}", np.stack([way[key] for way in ways]))
        for key in ("W", "R", "B")
    ]
    graph.add_many(
        type(recurrent).__name__,
        [steps, *constants],
        [f"{name}.states"],
        name,
        hidden_size=recurrent.hidden_size,
        direction="bidirectional",
        **attributes,
    )
    return f"{name}.states"


def _unrolled(graph: GraphBuilder, recurrent: nn.RNNBase, steps: str) -> list[str]:
    """Write all layers with two nodes a step, h = f(W x + b + R h).

    Returns the names of the last layer's 28 states (batch, hidden). The state before the first step
    is zero, so the first step has no R h.
    """
    zero = graph.constant("step_axis", [0])
    activation = "Relu" if getattr(recurrent, "nonlinearity", "tanh") == "relu" else "Tanh"
    slices = [f"step{t}" for t in range(ROWS)]
    inputs: list[str] = []
    for layer in range(recurrent.num_layers):
        weights = layer_weights(recurrent, f"l{layer}")
        bias = graph.constant(f"layer{layer}.b", weights["B"].reshape(2, -1).sum(axis=0))
        matrix = graph.constant(f"layer{layer}.W", weights["W"].T)
        recurrence = graph.constant(f"layer{layer}.R", weights["R"].T)
        if layer == 0:
            # The inputs of all steps make one large matrix product.
            product = graph.add("Add", graph.add("MatMul", steps, matrix), bias)
            graph.add_many("Split", [product], slices, "split", axis=0)
            inputs = [graph.add("Squeeze", part, zero) for part in slices]
        else:
            inputs = [graph.add("Gemm", state, matrix, bias) for state in inputs]
        states = [graph.add(activation, inputs[0])]
        for share in inputs[1:]:
            states.append(graph.add(activation, graph.add("Gemm", states[-1], recurrence, share)))
        inputs = states
    return inputs


def layer_weights(recurrent: nn.RNNBase, layer: str) -> dict[str, Floats]:
    """The weights of a layer, gates in ONNX's order: W (g*h, in), R (g*h, h), B (2*g*h,).

    `layer` is the end of their names in PyTorch: "l0" for the first, "l0_reverse" for its backward
    direction.
    """
    order = GATES[type(recurrent).__name__]
    found = {
        key: _reorder(getattr(recurrent, f"{key}_{layer}").detach().cpu().numpy(), order)
        for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    bias = np.concatenate([found["bias_ih"], found["bias_hh"]])
    return {"W": found["weight_ih"], "R": found["weight_hh"], "B": bias}


def _reorder(stacked: Floats, order: tuple[int, ...]) -> Floats:
    gates = np.split(stacked, len(order))
    return np.concatenate([gates[gate] for gate in order])
