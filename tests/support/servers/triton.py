"""What Triton's clients are handed, in few words."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tritonclient import http as triton


def sent(name: str, values: NDArray[np.float32], *, binary: bool = True, kind: Any = triton) -> Any:
    """The input `name` of a request, as bytes or as JSON; `kind` is the module of the client."""
    tensor = kind.InferInput(name, list(values.shape), "FP32")
    tensor.set_data_from_numpy(values, binary_data=binary)
    return tensor


def wanted(name: str, *, binary: bool = True, kind: Any = triton) -> Any:
    """The output `name` that a request asks for."""
    return kind.InferRequestedOutput(name, binary_data=binary)
