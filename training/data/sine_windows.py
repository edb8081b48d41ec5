"""Sine in, cosine out: the sequence that the regressor learns, in windows of half a period."""

import numpy as np
import torch
from torch import Tensor

STEPS = 10  # of a window
NAME = "waves"  # where a data set is named


def windows(first: int, count: int) -> tuple[Tensor, Tensor]:
    """Windows `first` to `first + count - 1`: sines and cosines, (count, 10, 1) float32 each.

    Window k has ten steps of pi / 10, from k pi up to (k + 1) pi, which is the next one's first.
    """
    # The angle within the window alone, with the sign that k half periods bring: in float32 the
    # sine of a thousand pi would be off by more than the values resolve.
    angles = np.linspace(0.0, np.pi, STEPS, endpoint=False)
    signs = 1.0 - 2.0 * (np.arange(first, first + count) % 2)
    sines = signs[:, None] * np.sin(angles)
    cosines = signs[:, None] * np.cos(angles)
    return _float32(sines), _float32(cosines)


def _float32(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).unsqueeze(-1)
