"""Two ways from a picture to the rows of a model, and the published model that judges them."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models import manifest
from models.arrays import Floats
from service.images.read_image import read_image
from service.inference.backends import open_backend
from service.inference.classifier import Classifier
from service.inference.model import Model
from tests.support.published import finished

Way = Callable[[bytes], Floats]

MAX_PIXELS = 100_000_000


def read_as_service(data: bytes) -> Floats:
    """Read a picture as the service does: float32 (28, 28) in [0, 1]."""
    return read_image(data, MAX_PIXELS).rows


def read_as_tutorials(data: bytes) -> Floats:
    """Read it as tutorials and demo handlers do: grey, resized, inverted if the paper is light."""
    with Image.open(io.BytesIO(data)) as image:
        grey = image.convert("L").resize((28, 28))
    rows = np.asarray(grey, dtype=np.float32) / np.float32(255)
    return 1 - rows if rows.mean() > 0.5 else rows


def open_classifier(models_dir: Path, name: str) -> Classifier:
    """Open the published model `name` on one thread of the CPU."""
    described = manifest.read(models_dir / name)
    backend = open_backend("onnxruntime", models_dir / name, described, device="cpu", threads=1)
    return Classifier(Model(described, backend))


def classify(classifier: Classifier, rows: Sequence[Floats]) -> NDArray[np.int64]:
    """The digits (n,) that the model reads in n pictures."""
    predictions = finished(classifier.prepare(np.stack(rows)))
    return np.array([found.digit for found in predictions], dtype=np.int64)
