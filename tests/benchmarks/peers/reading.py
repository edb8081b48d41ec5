"""What every peer that reads pictures does for a request, with the service's own code.

The bytes of an image are decoded and normalised by `service.images.read_image`, the shipped
LSTM runs in ONNX Runtime on one thread, and the answer is a whole `Prediction`, calibrated, with
its reason if it is not accepted. The peers differ from the service in what lies around that: they
have none of its limits, request ids, metrics of its own, deadlines or error body, and batch no
requests together.
"""

from pathlib import Path
from typing import Any

import models
from models.arrays import Floats
from service.images.read_image import Reading, read_image
from service.inference.classifier import Classifier, Prediction
from tests.benchmarks.tools.reading_ways import MAX_PIXELS, open_classifier, read_as_tutorials
from tests.support.published import finished


class Reader:
    """The shipped LSTM, as it is loaded once a worker."""

    def __init__(self) -> None:
        self._classifier: Classifier = open_classifier(Path(models.__file__).parent, "lstm")

    def predict_image(self, data: bytes) -> dict[str, Any]:
        """Predict from the bytes of an image."""
        return self.predict_reading(read_image(data, MAX_PIXELS))

    def predict_plainly(self, data: bytes) -> dict[str, Any]:
        """Predict from the bytes of an image, read as tutorials do."""
        return self.predict_reading(Reading(read_as_tutorials(data)))

    def predict_reading(self, reading: Reading) -> dict[str, Any]:
        """Predict from a picture in MNIST's form."""
        run = self._classifier.prepare(reading.rows[None], [reading.finding])
        [prediction] = finished(run)
        return prediction.model_dump()

    def predict_sequences(self, rows: Floats) -> list[dict[str, Any]]:
        """Predict from (n, 28, 28) numbers in [0, 1]."""
        predictions: list[Prediction] = finished(self._classifier.prepare(rows))
        return [prediction.model_dump() for prediction in predictions]
