"""Write a ReNet as ONNX nodes: an LSTM or GRU node for each sweep, and between them its maps.

The nodes lay the map out themselves: a sweep's states are (steps, 2 directions, batch of sequences,
hidden), and a single transposition makes of them the steps of the next sweep. `-1` in a shape is
the number of images, so that no shape is computed.
"""

import numpy as np
from torch import nn

from training.graphs.graph_builder import GraphBuilder
from training.graphs.recurrent_nodes import add_both_directions
from training.networks.configuration import COLUMNS, ROWS
from training.networks.modules import PATCH, ReNetClassifier, ReNetStage


def add_renet(graph: GraphBuilder, network: ReNetClassifier, rows: str) -> str:
    """Write the stages of `network`, which read the normalised `rows` (batch, 28, 28).

    Returns:
        The name of the last map, (batch, rows * columns * 2 * hidden).

    """
    side = ROWS // PATCH
    steps = _windows(graph, network.margin, rows)
    stages = [stage for stage in network.stages if isinstance(stage, ReNetStage)]
    states = _stage(graph, stages[0], 0, steps, side)
    for index, stage in enumerate(stages[1:], start=1):
        hidden = stages[index - 1].down.hidden_size
        side //= PATCH
        # (rows / 2, 2, directions, batch, columns / 2, 2, hidden)
        pairs = _reshape(graph, states, (side, PATCH, 2, -1, side, PATCH, hidden), f"pairs{index}")
        joined = graph.add("Transpose", pairs, perm=[4, 3, 0, 1, 5, 2, 6])
        states = _stage(graph, stage, index, joined, side)
    split = _reshape(graph, states, (side, 2, -1, side, stages[-1].down.hidden_size), "map")
    # (rows, directions, batch, columns, hidden) -> (batch, rows, columns, directions, hidden)
    return graph.add("Flatten", graph.add("Transpose", split, perm=[2, 0, 3, 1, 4]), axis=1)


def _windows(graph: GraphBuilder, margin: int, rows: str) -> str:
    """Write the picture's patches, as steps (14 columns, batch, 14 rows, window * window)."""
    window = PATCH + 2 * margin
    pads = [0, margin, margin, 0, margin, margin]
    padded = graph.add("Pad", rows, graph.constant("margin", pads)) if margin else rows
    pixels = graph.add("Flatten", padded, axis=1)
    place = np.arange((ROWS + 2 * margin) * (COLUMNS + 2 * margin))
    views = np.lib.stride_tricks.sliding_window_view(
        place.reshape(ROWS + 2 * margin, -1), (window, window)
    )[::PATCH, ::PATCH]  # (14 rows, 14 columns, window, window)
    indices = views.transpose(1, 0, 2, 3).reshape(COLUMNS // PATCH, ROWS // PATCH, window**2)
    patches = graph.add("Gather", pixels, graph.constant("patches", indices), axis=1)
    return graph.add("Transpose", patches, perm=[1, 0, 2, 3])


def _stage(graph: GraphBuilder, stage: ReNetStage, index: int, steps: str, side: int) -> str:
    """Write both sweeps over a map of `side` x `side`, steps (columns, batch, rows, ...).

    Returns:
        The name of the states (rows, 2, batch * columns, hidden).

    """
    hidden = stage.across.hidden_size
    across = _sweep(graph, stage.across, f"stage{index}.across", steps, side)
    # (columns, directions, batch, rows, hidden) -> (rows, batch, columns, directions, hidden)
    split = _reshape(graph, across, (side, 2, -1, side, hidden), f"stage{index}.across.map")
    turned = graph.add("Transpose", split, perm=[3, 2, 0, 1, 4])
    return _sweep(graph, stage.down, f"stage{index}.down", turned, side)


def _sweep(graph: GraphBuilder, layer: nn.RNNBase, name: str, steps: str, side: int) -> str:
    """Write one bidirectional layer over `steps` (side, batch, side, ...), its sequences joined.

    Returns:
        The name of its states (side, 2, batch * side, hidden).

    """
    joined = _reshape(graph, steps, (side, -1, layer.input_size), f"{name}.steps")
    return add_both_directions(graph, layer, 0, joined, name)


def _reshape(graph: GraphBuilder, value: str, shape: tuple[int, ...], name: str) -> str:
    return graph.add("Reshape", value, graph.constant(f"{name}.shape", shape))
