"""Write a network as an ONNX graph, every node known: named tensors in and out, free axes free.

The graph is written by hand rather than traced: weights are constants, so that ONNX Runtime's CUDA
provider can cache them; states are not built from shapes; the batch axis cannot freeze.
`training.graphs.recurrent_nodes` writes the recurrent layers.
"""

from functools import singledispatch
from pathlib import Path

import onnx
from torch import nn

from training.graphs.nodes import Nodes
from training.graphs.recurrent_nodes import Form, read_rows, read_sequence
from training.networks.configuration import COLUMNS, ROWS
from training.networks.interface import interface
from training.networks.modules import (
    Autoencoder,
    ConvolutionalClassifier,
    Decoder,
    DenseClassifier,
    Encoder,
    RowClassifier,
    SequenceRegressor,
)


def write_onnx(network: nn.Module, path: Path) -> None:
    """Write `network` to `path` as one file; the graph is checked and its shapes inferred."""
    model = build(network)
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, path)


def build(network: nn.Module, form: Form | None = None) -> onnx.ModelProto:
    """The graph of `network`, between the tensors of its `training.networks.interface`, float32.

    `form` overrides the choice that is made by cell for a classifier of rows; only RNN can be
    unrolled.
    """
    nodes = Nodes()
    if isinstance(network, RowClassifier):
        _write_row_classifier(network, nodes, form)
    else:
        _write(network, nodes)
    return nodes.model(interface(network), type(network).__name__)


def _write_row_classifier(network: RowClassifier, nodes: Nodes, form: Form | None) -> None:
    rows = "rows"
    if network.mean != 0 or network.std != 1:
        centred = nodes.add("Sub", rows, nodes.constant("mean", network.mean))
        rows = nodes.add("Div", centred, nodes.constant("std", network.std))
    steps = nodes.add("Transpose", rows, perm=[1, 0, 2])  # (28 steps, batch, 28 columns)
    seen = read_rows(nodes, network.recurrent, steps, flat=network.flat, form=form)
    _linear(nodes, network.head, "head", seen, out="logits")


@singledispatch
def _write(network: nn.Module, _nodes: Nodes) -> None:
    raise TypeError(f"{type(network).__name__} has no graph")


@_write.register
def _(network: DenseClassifier, nodes: Nodes) -> None:
    pixels = nodes.add("Flatten", "rows", axis=1)  # (batch, 784)
    _stack(nodes, network.layers, "layers", pixels, out="logits")


@_write.register
def _(network: ConvolutionalClassifier, nodes: Nodes) -> None:
    maps = nodes.add("Unsqueeze", "rows", nodes.constant("channel_axis", [1]))  # (batch, 1, 28, 28)
    for place, layer in enumerate(network.features):
        if isinstance(layer, nn.Conv2d):
            weight = nodes.constant(f"features.{place}.weight", layer.weight)
            bias = nodes.constant(f"features.{place}.bias", layer.bias)
            pads = [int(layer.padding[0])] * 4
            maps = nodes.add("Conv", maps, weight, bias, pads=pads)
        elif isinstance(layer, nn.MaxPool2d):
            maps = nodes.add("MaxPool", maps, kernel_shape=[2, 2], strides=[2, 2])
        else:
            maps = nodes.add("Relu", maps)
    _linear(nodes, network.head, "head", nodes.add("Flatten", maps, axis=1), out="logits")


@_write.register
def _(network: Encoder, nodes: Nodes) -> None:
    _encode(nodes, network)


@_write.register
def _(network: Decoder, nodes: Nodes) -> None:
    _decode(nodes, network)


@_write.register
def _(network: Autoencoder, nodes: Nodes) -> None:
    _encode(nodes, network.encoder)
    _decode(nodes, network.decoder)


@_write.register
def _(network: SequenceRegressor, nodes: Nodes) -> None:
    steps = nodes.add("Transpose", "values", perm=[1, 0, 2])  # (steps, batch, 1)
    states = read_sequence(nodes, network.recurrent, steps, "state", "next_state")
    ordered = nodes.add("Transpose", states, perm=[1, 0, 2])  # (batch, steps, hidden)
    product = nodes.add("MatMul", ordered, nodes.constant("head.weight", network.head.weight.T))
    nodes.add("Add", product, nodes.constant("head.bias", network.head.bias), out="predictions")


def _encode(nodes: Nodes, network: Encoder) -> None:
    pixels = nodes.add("Flatten", "rows", axis=1)  # (batch, 784)
    _stack(nodes, network.layers, "encoder", pixels, out="code")


def _decode(nodes: Nodes, network: Decoder) -> None:
    pixels = nodes.add("Sigmoid", _stack(nodes, network.layers, "decoder", "code"))  # (batch, 784)
    shape = nodes.constant("shape", [0, ROWS, COLUMNS])  # 0: the batch, as it comes
    nodes.add("Reshape", pixels, shape, out="reconstruction")


def _stack(nodes: Nodes, layers: nn.Sequential, name: str, value: str, out: str = "") -> str:
    """Linear layers and nonlinearities, (batch, in) to (batch, out)."""
    last = len(layers) - 1
    for place, layer in enumerate(layers):
        end = out if place == last else ""
        if isinstance(layer, nn.Linear):
            value = _linear(nodes, layer, f"{name}.{place}", value, end)
        else:
            value = nodes.add("Tanh" if isinstance(layer, nn.Tanh) else "Relu", value, out=end)
    return value


def _linear(nodes: Nodes, layer: nn.Linear, name: str, value: str, out: str = "") -> str:
    weight = nodes.constant(f"{name}.weight", layer.weight.T)
    return nodes.add("Gemm", value, weight, nodes.constant(f"{name}.bias", layer.bias), out=out)
