"""Read a network's weights back from the ONNX file that was written of it.

Where each weight lies in the file is not told a second time: a network whose weights are numbers
that count them is written as `training.graphs.onnx_graph` writes every other, and shows it.
"""

import copy
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from models.arrays import Arrays
from training.errors import PublishedModelError
from training.graphs.onnx_graph import build

_MOST = 2**24  # whole numbers that float32 tells apart


def read_weights(path: Path, network: nn.Module) -> None:
    """Give `network` the weights that the ONNX file at `path` holds.

    The file holds one sum of the two biases of each layer of a plain RNN; the first becomes that,
    and the second 0, which computes the same.

    Args:
        path: of a file that `write_onnx` wrote.
        network: one of the same configuration, whatever its weights; on the CPU.

    Raises:
        PublishedModelError: the file was written of another network.

    """
    counted = copy.deepcopy(network)
    parameters = [p for name, p in counted.named_parameters() if not _is_summed(counted, name)]
    total = sum(parameter.numel() for parameter in parameters)
    if total >= _MOST:
        raise ValueError(f"{total} weights are too many to be counted in float32")
    with torch.no_grad():
        for parameter in counted.parameters():
            parameter.zero_()
        nn.utils.vector_to_parameters(torch.arange(1.0, total + 1), parameters)
    places, held = _constants(build(counted)), _constants(onnx.load(path))
    if {name: at.shape for name, at in places.items()} != {n: v.shape for n, v in held.items()}:
        raise _foreign(path)
    weights = np.zeros(total + 1, np.float32)  # what no weight is, as the pixels' mean, goes to 0
    for name, at in places.items():
        weights[at.astype(np.int64)] = held[name]
    with torch.no_grad():
        nn.utils.vector_to_parameters(torch.from_numpy(weights[1:]), parameters)
    written = _constants(build(counted))
    if any(not np.array_equal(written[name], values) for name, values in held.items()):
        raise _foreign(path)
    network.load_state_dict(counted.state_dict())


def _is_summed(network: nn.Module, parameter: str) -> bool:
    """Whether the file holds this parameter only as a part of a sum."""
    module, _, name = parameter.rpartition(".")
    return name.startswith("bias_hh") and isinstance(network.get_submodule(module), nn.RNN)


def _constants(model: onnx.ModelProto) -> Arrays:
    """The float32 constants of a graph, by name."""
    return {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }


def _foreign(path: Path) -> PublishedModelError:
    return PublishedModelError(
        f"{path} was not written of the network that its manifest's recipe describes, so training "
        "cannot go on from it; publish the model again, without --more"
    )
