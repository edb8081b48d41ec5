"""A plain BentoML service as its guide has it, typed inputs, no middleware; see `reading`."""

import os
from typing import Any

import bentoml
import numpy as np
from PIL.Image import Image

from service.images.normalising.normalise import normalise
from service.images.picture import Picture
from tests.benchmarks.peers.reading import Reader


@bentoml.service(workers=int(os.environ["WORKERS"]), logging={"access": {"enabled": False}})
class Plain:
    """BentoML decodes the picture."""

    def __init__(self) -> None:
        self.reader = Reader()

    @bentoml.api
    def predict(self, image: Image) -> dict[str, Any]:
        return self.reader.predict_reading(normalise(Picture(np.asarray(image.convert("L")), 255)))

    @bentoml.api
    def predict_sequences(self, sequences: np.ndarray) -> list[dict[str, Any]]:
        return self.reader.predict_sequences(sequences.astype(np.float32))
