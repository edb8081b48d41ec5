"""Write a reader of lines as ONNX nodes: convolutions, and a node for each layer, both ways."""

from typing import cast

from torch import nn

from training.graphs.graph_builder import GraphBuilder
from training.graphs.recurrent_nodes import add_both_directions
from training.networks.line_reader import LineReader, fold_norms


def add_line_reader(graph: GraphBuilder, network: LineReader, strips: str) -> str:
    """Write all of `network`, which is in eval mode, but its head; `strips` is (batch, 32, width).

    Returns:
        The name of the last layer's states (steps, batch, 2 * hidden).

    """
    maps = graph.add("Unsqueeze", strips, graph.constant("channel_axis", [1]))
    for index, layer in enumerate(fold_norms(network).front):
        name = f"front.{index}"
        if isinstance(layer, nn.Conv2d):
            weights = [graph.constant(f"{name}.{k}", v) for k, v in layer.state_dict().items()]
            pads = [int(layer.padding[0]), int(layer.padding[1])] * 2
            maps = graph.add("Conv", maps, *weights, pads=pads)
        elif isinstance(layer, nn.MaxPool2d):
            size = list(cast("tuple[int, int]", layer.kernel_size))
            maps = graph.add("MaxPool", maps, kernel_shape=size, strides=size, ceil_mode=1)
        else:
            maps = graph.add("Relu", maps)
    features = graph.add("Squeeze", maps, graph.constant("height_axis", [2]))
    steps = graph.add("Transpose", features, perm=[2, 0, 1])  # (steps, batch, features)
    joined = graph.constant("both_directions", [0, 0, -1])  # 0: as many steps, and as large a batch
    for number in range(network.recurrent.num_layers):
        states = add_both_directions(graph, network.recurrent, number, steps, f"layer{number}")
        # (steps, directions, batch, hidden) -> (steps, batch, directions, hidden)
        ordered = graph.add("Transpose", states, perm=[0, 2, 1, 3])
        steps = graph.add("Reshape", ordered, joined)
    return steps
