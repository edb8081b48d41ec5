"""The picture that a model saw, to send back to whoever asks for it."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def encode(rows: NDArray[np.float32]) -> str:
    """`rows`, (28, 28) in [0, 1] with light ink on dark, as a greyscale PNG in base64."""
    file = io.BytesIO()
    Image.fromarray(np.rint(rows * 255).astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
