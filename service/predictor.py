"""From what a client sent to predictions: read it, classify it, count it."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from service.errors import ApiError, BatchTooLargeError, TooManyRequestsError
from service.execution.scheduler import QUICK_JSON_BYTES, Scheduler
from service.execution.wait_queue import WaitQueue
from service.images.decode import count_pixels, is_tiny
from service.images.image_file import sniff_format_and_size
from service.images.numbers.strip import Strip
from service.images.preview import encode_preview, encode_strips
from service.images.read_image import Finding, Reading, read_image
from service.images.read_number import NumberReading, read_number
from service.inference.classifier import Classifier, Prediction, PreviewedPrediction
from service.inference.number import NumberPrediction, PreviewedNumberPrediction
from service.inference.registry import Registry
from service.inference.transcriber import Transcriber
from service.metrics import Metrics
from service.monitoring.monitor import Monitor, Seen
from service.number_prediction import number_prediction
from service.settings import Settings
from service.uploads.form import File, Form
from service.uploads.sequences import read_sequences

Result = Prediction | ApiError

# Pixels of an image that can be decoded in a quick process; larger ones are not even begun there.
# JPEGs are decoded at an eighth of their size.
_QUICK_PIXELS, _QUICK_JPEG_PIXELS = 4_000_000, 32_000_000
# Requests of many images that are read at a time, for each process that reads: the more there are,
# the longer a single image waits, and the fewer, the easier they are all taken by one client.
_BATCHES = 4


class Predictor:
    """Reads digits within the limits of `settings`, and counts what it reads."""

    def __init__(
        self,
        settings: Settings,
        scheduler: Scheduler,
        metrics: Metrics,
        monitor: Monitor | None = None,
    ) -> None:
        """Have work done by `scheduler`; what is read is kept by `monitor`, if there is one."""
        self._settings, self._scheduler, self._metrics = settings, scheduler, metrics
        self._monitor = monitor
        batches = _BATCHES * settings.threads
        self._batches = WaitQueue(batches, settings.max_delay_seconds, metrics)

    async def predict(self, classifier: Classifier, form: Form) -> Prediction:
        """What `classifier` reads in the only file of `form`.

        Raises:
            ApiError: the file cannot be read, or all is busy.

        """
        reading = await self.read(form)
        [prediction] = await self.classify(
            classifier, [reading], preview=form.preview, files=files_of(form)
        )
        return prediction

    async def read(self, form: Form) -> Reading:
        """What a model will see of the only file of `form`.

        Raises:
            ApiError: the file cannot be read, or all is busy.

        """
        [file] = form.files
        reading = await self._read(file)
        if isinstance(reading, ApiError):
            raise reading
        return reading

    async def predict_batch(self, classifier: Classifier, form: Form) -> list[Result]:
        """One result for each file of `form`, in order; a bad file is an error in its own place.

        Raises:
            BatchTooLargeError: together they have more pixels than allowed.
            TooManyRequestsError: too many others with many images are under way.

        """
        self._check_pixels(form.files)
        tiny = all(isinstance(file, ApiError) or is_tiny(file) for file in form.files)
        async with contextlib.nullcontext() if tiny else self._batches.slot():
            # One after the other, so that a request of many takes one turn at a time like others.
            readings = [await self._read(file, patient=True) for file in form.files]
        good = [reading for reading in readings if isinstance(reading, Reading)]
        files = files_of(form)
        read = {i: files[i] for i, reading in enumerate(readings) if isinstance(reading, Reading)}
        predictions = iter(await self.classify(classifier, good, preview=form.preview, files=read))
        return [r if isinstance(r, ApiError) else next(predictions) for r in readings]

    async def predict_number(self, transcriber: Transcriber, form: Form) -> NumberPrediction:
        """The number that `transcriber` reads in the only file of `form`.

        Raises:
            ApiError: the file cannot be read, or all is busy.

        """
        [file] = form.files
        reading = await self._read_number(file)
        # One after the other, so that a picture of three lines takes a turn at a time like others.
        read = [await self._scheduler.infer(transcriber.prepare(s.ink)) for s in reading.strips]
        prediction = number_prediction(transcriber, reading, read)
        digits = (digit.digit for line in prediction.lines for digit in line.digits)
        self._metrics.predicted(prediction.model, digits, prediction.reason)
        if not form.preview:
            return prediction
        preview = encode_strips([strip.ink for strip in reading.strips])
        return PreviewedNumberPrediction(**vars(prediction), preview=preview)

    async def _read_number(self, file: File) -> NumberReading:
        """The lines of digits in one encoded image."""
        if isinstance(file, ApiError):
            raise file
        found = await self._scheduler.parser.run(
            read_number,
            file,
            self._settings.max_pixels,
            slow=_is_slow(file),
            timed=self._metrics.preprocessing,
        )
        return NumberReading(**{**found, "strips": [Strip(**strip) for strip in found["strips"]]})

    async def predict_sequences(
        self, models: Registry, body: bytes, model: str | None
    ) -> list[Prediction]:
        """What `model`, or the one that the JSON `body` names, reads in the body's sequences.

        Raises:
            ApiError: the body is not what `uploads.sequences` reads, or names no classifier.

        """
        arguments = body, self._settings.max_batch, model
        if len(body) <= QUICK_JSON_BYTES:
            rows, model = read_sequences(*arguments)
        else:
            rows, model = await self._scheduler.parser.run(read_sequences, *arguments)
        return await self._run(models.classifier(model), rows, ())

    def _check_pixels(self, files: Sequence[File]) -> None:
        """Look at the head of each image, before any is decoded."""
        each, most = self._settings.max_pixels, self._settings.max_batch_pixels
        pixels = sum(count_pixels(file, each) for file in files if isinstance(file, bytes))
        if pixels > most:
            raise BatchTooLargeError(
                f"the {len(files)} images have {pixels} pixels together, at most {most} are "
                "allowed; send several requests, or smaller images"
            )

    async def _read(self, file: File, *, patient: bool = False) -> Reading | ApiError:
        """What a model will see of one encoded image, or what is wrong with it."""
        if isinstance(file, ApiError):
            return file
        try:
            if not is_tiny(file):
                return Reading(
                    **await self._scheduler.parser.run(
                        read_image,
                        file,
                        self._settings.max_pixels,
                        slow=_is_slow(file),
                        patient=patient,
                        timed=self._metrics.preprocessing,
                    )
                )
            if patient:
                await asyncio.sleep(0)  # many in a row let others in between
            with self._metrics.preprocessing():
                return read_image(file, self._settings.max_pixels)
        except TooManyRequestsError:
            raise
        except ApiError as error:
            return error

    async def classify(
        self,
        classifier: Classifier,
        readings: list[Reading],
        *,
        preview: bool,
        files: Mapping[int, bytes] = MappingProxyType({}),
    ) -> list[Prediction]:
        """What `classifier` reads in each of `readings`, with what it saw if `preview`.

        `files` are those that were read, if any, by their places in the request.
        """
        if not readings:
            return []
        rows = np.stack([reading.rows for reading in readings])  # (n, 28, 28)
        findings = [reading.finding for reading in readings]
        predictions = await self._run(classifier, rows, findings, files)
        if not preview:
            return predictions
        return [
            PreviewedPrediction(**vars(prediction), preview=encode_preview(reading.rows))
            for prediction, reading in zip(predictions, readings, strict=True)
        ]

    async def _run(
        self,
        classifier: Classifier,
        rows: NDArray[np.float32],
        findings: Sequence[Finding | None],
        files: Mapping[int, bytes] = MappingProxyType({}),
    ) -> list[Prediction]:
        predictions = await self._scheduler.infer(classifier.prepare(rows, findings))
        places = [*files] or range(len(rows))
        pairs = zip(rows, places, strict=True)
        self.count(predictions, (Seen(picture, i, files.get(i)) for picture, i in pairs))
        return predictions

    def count(self, predictions: Sequence[Prediction], seen: Iterable[Seen]) -> None:
        """Count digits that were read of one request, and keep them if that is wanted."""
        for prediction in predictions:
            self._metrics.predicted(prediction.model, [prediction.digit], prediction.reason)
        if self._monitor:
            self._monitor.keep(predictions, seen)


def files_of(form: Form) -> dict[int, bytes]:
    """The files of `form` that can be looked at, by their places in it."""
    return {i: file for i, file in enumerate(form.files) if isinstance(file, bytes)}


def _is_slow(file: bytes) -> bool:
    """Whether an image is too large for a quick process, by what its head says of its size."""
    header = sniff_format_and_size(file)
    return header.pixels > (_QUICK_JPEG_PIXELS if header.format == "JPEG" else _QUICK_PIXELS)
