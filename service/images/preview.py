"""The preview: the picture that a model saw, for whoever asks for it."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from models.arrays import Floats


def encode_strips(strips: Sequence[Floats]) -> str:
    """Encode `strips`, each (32, w), one below the other; without any, a single dark pixel."""
    width = max((strip.shape[1] for strip in strips), default=1)
    wide = [np.pad(strip, ((0, 0), (0, width - strip.shape[1]))) for strip in strips]
    return encode_preview(np.vstack(wide) if wide else np.zeros((1, 1), np.float32))


def encode_preview(rows: Floats) -> str:
    """Encode `rows`, (h, w) in [0, 1] with light ink on dark, as a greyscale PNG in base64."""
    file = io.BytesIO()
    Image.fromarray(np.rint(rows * 255).astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
