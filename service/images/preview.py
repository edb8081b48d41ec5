"""The preview: the picture that a model saw, for whoever asks for it."""

import base64
import io

import numpy as np
from PIL import Image

from models.arrays import Floats


def encode_preview(rows: Floats) -> str:
    """Encode `rows`, (28, 28) in [0, 1] with light ink on dark, as a greyscale PNG in base64."""
    file = io.BytesIO()
    Image.fromarray(np.rint(rows * 255).astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
