"""The work behind a request, done on a thread: decode, normalise, classify, and measure it all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.errors import ApiError, BatchTooLargeError
from service.execution.cost import Load, sized
from service.images.decode import count_pixels, is_tiny
from service.images.image_file import sniff_format_and_size
from service.images.preview import encode_preview
from service.images.reading import Finding, Reading, read_image
from service.inference.classifier import Classifier, Prediction, PreviewedPrediction
from service.inference.model import Done, Run
from service.inference.registry import Registry
from service.metrics import Metrics
from service.settings import Settings
from service.uploads.form import File
from service.uploads.sequences import read_sequences

Result = Prediction | ApiError

# Guesses, until pictures of a format and size have been seen: seconds for any picture, and for
# each of its pixels.
_LEAST, _PACE, _JPEG_PACE = 3e-3, 30e-9, 3e-9


class Reader:
    """Reads digits within the limits of `settings`, and counts what it does."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics

    def check_pixels(self, files: Sequence[File]) -> None:
        """Look at the header of each encoded image, before any is decoded.

        Raises:
            BatchTooLargeError: together they have more pixels than allowed.

        """
        each, most = self._settings.max_pixels, self._settings.max_batch_pixels
        pixels = sum(count_pixels(file, each) for file in files if isinstance(file, bytes))
        if pixels > most:
            raise BatchTooLargeError(
                f"the {len(files)} images have {pixels} pixels together, at most {most} are "
                "allowed; send several requests, or smaller images"
            )

    def load(self, file: File) -> Load | None:
        """What reading an image will take; None: less than half a millisecond, as one of MNIST."""
        if not isinstance(file, bytes) or is_tiny(file):
            return None
        header = sniff_format_and_size(file)
        # Large JPEGs are decoded at a reduced size.
        pace = _JPEG_PACE if header.format == "JPEG" else _PACE
        return sized(header.format, header.pixels, _LEAST + header.pixels * pace)

    def read(self, file: File) -> Reading | ApiError:
        """The picture that a model will see of one encoded image, or what is wrong with it."""
        if isinstance(file, ApiError):
            return file
        try:
            with self._metrics.preprocessing():
                return read_image(file, self._settings.max_pixels)
        except ApiError as error:
            return error

    def finish(
        self,
        classifier: Classifier,
        preview: bool,
        readings: list[Reading | ApiError],
        last: File,
    ) -> Run[list[Result]] | Done[list[Result]]:
        """Read the last image too, then classify them all at once; one result each, in order."""
        readings = [*readings, self.read(last)]
        good = [reading for reading in readings if isinstance(reading, Reading)]
        if not good:
            return Done([reading for reading in readings if isinstance(reading, ApiError)])

        def results(predictions: list[Prediction]) -> list[Result]:
            made = iter(_previewed(predictions, good) if preview else predictions)
            return [r if isinstance(r, ApiError) else next(made) for r in readings]

        rows = np.stack([reading.rows for reading in good])  # (n, 28, 28)
        findings = [reading.finding for reading in good]
        return self._classify(classifier, rows, findings).then(results)

    def read_sequences(
        self, models: Registry, body: bytes, model: str | None
    ) -> Run[list[Prediction]]:
        """What `model`, or that of the JSON body, reads in the sequences of this body.

        Raises:
            ApiError: the body is not what `uploads.sequences` reads, or names no classifier.

        """
        rows, model = read_sequences(body, self._settings.max_batch, model)
        return self._classify(models.classifier(model), rows, ())

    def _classify(
        self,
        classifier: Classifier,
        rows: NDArray[np.float32],
        findings: Sequence[Finding | None],
    ) -> Run[list[Prediction]]:
        return classifier.prepare(rows, findings).then(self._counted)

    def _counted(self, predictions: list[Prediction]) -> list[Prediction]:
        for prediction in predictions:
            self._metrics.predicted(prediction.model, prediction.digit, prediction.reason)
        return predictions


def _previewed(predictions: list[Prediction], readings: list[Reading]) -> list[Prediction]:
    return [
        PreviewedPrediction(**vars(prediction), preview=encode_preview(reading.rows))
        for prediction, reading in zip(predictions, readings, strict=True)
    ]
