"""Which device a network is trained on."""

import torch

from training.errors import DeviceError


def choose_device(name: str) -> torch.device:
    """The device called `cpu`, `cuda` or `auto`; `auto` is CUDA where it works, otherwise the CPU.

    Raises:
        DeviceError: `name` is `cuda` and torch cannot use it.

    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise DeviceError(
            "--device cuda, but torch finds no usable CUDA device; check the driver with "
            "`nvidia-smi`, or use --device cpu"
        )
    return torch.device("cuda")
