"""Write a network as an ONNX graph, node by node.

The graph is not traced, so that its weights are constants, which ONNX Runtime's CUDA provider needs
to cache them, no state is built from shapes, and the batch axis cannot freeze.
`training.graphs.recurrent_nodes` writes the recurrent layers, `training.graphs.renet_nodes` those
of a ReNet, `training.graphs.line_reader_nodes` a reader of lines.
"""

from functools import singledispatch
from pathlib import Path

import onnx
from torch import nn

from training.graphs.graph_builder import GraphBuilder
from training.graphs.line_reader_nodes import add_line_reader
from training.graphs.recurrent_nodes import (
    Layout,
    add_row_layers,
    add_sequence_layer,
    add_stream_layers,
)
from training.graphs.renet_nodes import add_renet
from training.networks.configuration import COLUMNS, ROWS
from training.networks.interface import interface
from training.networks.line_reader import LineReader
from training.networks.modules import (
    Autoencoder,
    ConvolutionalClassifier,
    Decoder,
    DenseClassifier,
    Encoder,
    ReNetClassifier,
    RowClassifier,
    SequenceRegressor,
)
from training.networks.row_streams import RowStream


def write_onnx(network: nn.Module, path: Path) -> None:
    """Write `network` to `path` as one file, after onnx has checked it and inferred its shapes."""
    model = build(network)
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, path)


def build(network: nn.Module, layout: Layout | None = None) -> onnx.ModelProto:
    """The model of `network`, with the inputs and outputs of its `training.networks.interface`.

    `layout` is that of the recurrent layers of a `RowClassifier`; None takes the faster one for the
    cell. Only an RNN can be unrolled.

    Raises:
        TypeError: `network` is not one of `training.networks.modules`.

    """
    graph = GraphBuilder()
    if isinstance(network, RowClassifier):
        _write_row_classifier(network, graph, layout)
    else:
        _write(network, graph)
    return graph.model(interface(network), type(network).__name__)


def _write_row_classifier(
    network: RowClassifier, graph: GraphBuilder, layout: Layout | None
) -> None:
    steps = _steps(network, graph)
    readout = add_row_layers(graph, network.recurrent, steps, flat=network.flat, layout=layout)
    _linear(graph, network.head, "head", readout, out="logits")


def _steps(network: RowClassifier | RowStream, graph: GraphBuilder) -> str:
    """Write what brings the input `rows` (batch, steps, 28) to (steps, batch, 28), normalised."""
    rows = "rows"
    if network.mean != 0 or network.std != 1:
        centred = graph.add("Sub", rows, graph.constant("mean", network.mean))
        rows = graph.add("Div", centred, graph.constant("std", network.std))
    return graph.add("Transpose", rows, perm=[1, 0, 2])


@singledispatch
def _write(network: nn.Module, _graph: GraphBuilder) -> None:
    raise TypeError(f"{type(network).__name__} has no graph")


@_write.register
def _(network: ReNetClassifier, graph: GraphBuilder) -> None:
    centred = graph.add("Sub", "rows", graph.constant("mean", network.mean))
    rows = graph.add("Div", centred, graph.constant("std", network.std))
    _linear(graph, network.head, "head", add_renet(graph, network, rows), out="logits")


@_write.register
def _(network: LineReader, graph: GraphBuilder) -> None:
    states = add_line_reader(graph, network, "strips")
    logits = _linear_at_each_step(graph, network.head, states)
    graph.add("Softmax", logits, axis=2, out="probabilities")


@_write.register
def _(network: DenseClassifier, graph: GraphBuilder) -> None:
    pixels = graph.add("Flatten", "rows", axis=1)  # (batch, 784)
    _stack(graph, network.layers, "layers", pixels, out="logits")


@_write.register
def _(network: ConvolutionalClassifier, graph: GraphBuilder) -> None:
    maps = graph.add("Unsqueeze", "rows", graph.constant("channel_axis", [1]))  # (batch, 1, 28, 28)
    for index, layer in enumerate(network.features):
        if isinstance(layer, nn.Conv2d):
            weight = graph.constant(f"features.{index}.weight", layer.weight)
            bias = graph.constant(f"features.{index}.bias", layer.bias)
            pads = [int(layer.padding[0])] * 4
            maps = graph.add("Conv", maps, weight, bias, pads=pads)
        elif isinstance(layer, nn.MaxPool2d):
            maps = graph.add("MaxPool", maps, kernel_shape=[2, 2], strides=[2, 2])
        else:
            maps = graph.add("Relu", maps)
    _linear(graph, network.head, "head", graph.add("Flatten", maps, axis=1), out="logits")


@_write.register
def _(network: Encoder, graph: GraphBuilder) -> None:
    _encode(graph, network)


@_write.register
def _(network: Decoder, graph: GraphBuilder) -> None:
    _decode(graph, network)


@_write.register
def _(network: Autoencoder, graph: GraphBuilder) -> None:
    _encode(graph, network.encoder)
    _decode(graph, network.decoder)


@_write.register
def _(network: SequenceRegressor, graph: GraphBuilder) -> None:
    steps = graph.add("Transpose", "values", perm=[1, 0, 2])  # (steps, batch, 1)
    states = add_sequence_layer(graph, network.recurrent, steps, "state", "next_state")
    _linear_at_each_step(graph, network.head, states, out="predictions")


@_write.register
def _(network: RowStream, graph: GraphBuilder) -> None:
    states = {state.input: state.output for state in interface(network).states}
    sequence = add_stream_layers(graph, network.recurrent, _steps(network, graph), states)
    _linear_at_each_step(graph, network.head, sequence, out="logits")


def _encode(graph: GraphBuilder, network: Encoder) -> None:
    pixels = graph.add("Flatten", "rows", axis=1)  # (batch, 784)
    _stack(graph, network.layers, "encoder", pixels, out="code")


def _decode(graph: GraphBuilder, network: Decoder) -> None:
    pixels = graph.add("Sigmoid", _stack(graph, network.layers, "decoder", "code"))  # (batch, 784)
    shape = graph.constant("shape", [0, ROWS, COLUMNS])  # 0: the batch, as it comes
    graph.add("Reshape", pixels, shape, out="reconstruction")


def _stack(graph: GraphBuilder, layers: nn.Sequential, name: str, value: str, out: str = "") -> str:
    """Write linear layers and nonlinearities: (batch, in) to (batch, out)."""
    last = len(layers) - 1
    for index, layer in enumerate(layers):
        end = out if index == last else ""
        if isinstance(layer, nn.Linear):
            value = _linear(graph, layer, f"{name}.{index}", value, end)
        else:
            value = graph.add("Tanh" if isinstance(layer, nn.Tanh) else "Relu", value, out=end)
    return value


def _linear(graph: GraphBuilder, layer: nn.Linear, name: str, value: str, out: str = "") -> str:
    weight = graph.constant(f"{name}.weight", layer.weight.T)
    return graph.add("Gemm", value, weight, graph.constant(f"{name}.bias", layer.bias), out=out)


def _linear_at_each_step(graph: GraphBuilder, layer: nn.Linear, states: str, out: str = "") -> str:
    """Write the layer `head`: states (steps, batch, in) to `out` (batch, steps, ...); its name."""
    ordered = graph.add("Transpose", states, perm=[1, 0, 2])  # (batch, steps, in)
    product = graph.add("MatMul", ordered, graph.constant("head.weight", layer.weight.T))
    return graph.add("Add", product, graph.constant("head.bias", layer.bias), out=out)
