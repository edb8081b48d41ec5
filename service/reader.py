"""The work behind a request, done on a thread: decode, normalise, classify, and measure it all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.classifier import Classifier, Prediction, PreviewedPrediction
from service.errors import ApiError
from service.ink import Finding
from service.metrics import Metrics
from service.preprocess import Reading, read_image
from service.preview import encode
from service.registry import Registry
from service.sequences import read_sequences
from service.settings import Settings

Result = Prediction | ApiError


class Reader:
    """Reads digits within the limits of `settings`, and counts what it does."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics

    def read(self, data: bytes) -> Reading | ApiError:
        """The picture that a model will see of one encoded image, or what is wrong with it."""
        try:
            with self._metrics.preprocessing():
                return read_image(data, self._settings.max_pixels)
        except ApiError as error:
            return error

    def finish(
        self,
        classifier: Classifier,
        preview: bool,
        readings: list[Reading | ApiError],
        data: bytes,
    ) -> list[Result]:
        """Read the last image too, then classify them all at once; one result each, in order."""
        readings = [*readings, self.read(data)]
        good = [reading for reading in readings if isinstance(reading, Reading)]
        predictions = iter(self._classify_readings(classifier, good, preview) if good else ())
        return [r if isinstance(r, ApiError) else next(predictions) for r in readings]

    def read_sequences(self, models: Registry, body: bytes) -> list[Prediction]:
        """What a model reads in the sequences of a JSON body.

        Raises:
            ApiError: the body is not what `service.sequences` reads, or names no classifier.

        """
        rows, model = read_sequences(body, self._settings.max_batch)
        return self._classify(models.classifier(model), rows, ())

    def _classify_readings(
        self, classifier: Classifier, readings: list[Reading], preview: bool
    ) -> list[Prediction]:
        rows = np.stack([reading.rows for reading in readings])  # (n, 28, 28)
        findings = [reading.finding for reading in readings]
        predictions = self._classify(classifier, rows, findings)
        if not preview:
            return predictions
        return [
            PreviewedPrediction(**vars(prediction), preview=encode(picture))
            for prediction, picture in zip(predictions, rows, strict=True)
        ]

    def _classify(
        self,
        classifier: Classifier,
        rows: NDArray[np.float32],
        findings: Sequence[Finding | None],
    ) -> list[Prediction]:
        with self._metrics.inference(classifier.name, len(rows)):
            predictions = classifier.predict(rows, findings)
        self._metrics.predicted(predictions)
        return predictions
