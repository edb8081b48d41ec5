"""The sequences that the regressor learns: a sine in, a cosine out, in windows of half a period."""

import numpy as np
import torch
from torch import Tensor

STEPS = 10  # of a window


def windows(first: int, count: int) -> tuple[Tensor, Tensor]:
    """Sines and cosines of the windows `first` to `first + count - 1`, (count, 10, 1) float32 each.

    Window k has ten steps of pi / 10 from k pi on; (k + 1) pi is the first step of the next window.
    """
    # The angle within one window, and the sign that k half periods bring: in float32 the sine of a
    # thousand pi would be wrong by more than the values resolve.
    angles = np.linspace(0.0, np.pi, STEPS, endpoint=False)
    signs = 1.0 - 2.0 * (np.arange(first, first + count) % 2)
    sines = signs[:, None] * np.sin(angles)
    cosines = signs[:, None] * np.cos(angles)
    return _float32(sines), _float32(cosines)


def _float32(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).unsqueeze(-1)
