"""A builder of ONNX graphs: collects nodes and constants, then makes the model."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from models.manifest import Tensor
from training.networks.interface import Interface

OPSET = 17
IR_VERSION = 8  # the oldest that has opset 17, so that older runtimes read the file, too


@dataclass
class GraphBuilder:
    """The nodes and constants of a graph so far."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """Add a node with one output; returns its name, `out` or one made of the operator."""
        name = out or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def add_many(
        self, operator: str, inputs: list[str], outputs: list[str], name: str, **attributes: Any
    ) -> None:
        """Add a node with several outputs; an empty name among `inputs` leaves that input out."""
        self.nodes.append(helper.make_node(operator, inputs, outputs, name=name, **attributes))

    def constant(self, name: str, value: Any) -> str:
        """Add a constant, a torch tensor or anything array-like; returns its name."""
        array = value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def model(self, interface: Interface, name: str) -> onnx.ModelProto:
        """The model with the inputs and outputs of `interface`, its graph called `name`."""
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
