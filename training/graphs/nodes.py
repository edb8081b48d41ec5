"""The nodes and constants of an ONNX graph in the making."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from models.manifest import Tensor
from training.networks.interface import Interface

OPSET = 17
IR_VERSION = 8  # the oldest that holds opset 17, so that older runtimes read it too


@dataclass
class Nodes:
    """What has been added so far; each node's output is called after its operator."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """A node of one output, called `out` where that is given; returns the output's name."""
        name = out or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def add_many(
        self, operator: str, inputs: list[str], outputs: list[str], name: str, **attributes: Any
    ) -> None:
        """A node of several outputs; an empty input is left out."""
        self.nodes.append(helper.make_node(operator, inputs, outputs, name=name, **attributes))

    def constant(self, name: str, value: Any) -> str:
        """A torch tensor or what NumPy makes an array of, under this name; returns the name."""
        array = value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def model(self, interface: Interface, name: str) -> onnx.ModelProto:
        """The model between the tensors of `interface`."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [_described(tensor) for tensor in interface.inputs],
            [_described(tensor) for tensor in interface.outputs],
            self.constants,
        )
        return helper.make_model(
            graph,
            producer_name="rowreader",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )


def _described(tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, onnx.TensorProto.FLOAT, list(tensor.dims))
