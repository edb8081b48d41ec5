"""What the figures of a training run depend on beside its recipe and data."""

import platform

import torch


def environment(device: torch.device) -> dict[str, str]:
    """Versions of Python and torch, the device, and the number of torch's threads."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": gpu or f"{platform.machine()} CPU",
        "threads": str(torch.get_num_threads()),
    }
