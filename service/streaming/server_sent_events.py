"""`POST /predict_rows`: an image, or rows, read row by row, as server-sent events."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

import msgspec
import numpy as np
import pydantic_core
from starlette.requests import Request
from starlette.responses import Response

from models.arrays import Floats
from service.errors import ApiError, InternalError
from service.execution.scheduler import Scheduler
from service.images.preview import encode_preview
from service.images.read_image import SIDE, Finding, Reading
from service.inference.registry import Registry
from service.inference.row_classifier import RowClassifier
from service.monitoring.monitor import Seen
from service.predictor import Predictor, files_of
from service.streaming.digit_reader import DigitReader
from service.uploads.form import read_form
from service.uploads.options import HIDDEN, STOP_AT, flag, read_query_string
from service.uploads.request_head import head_of
from service.uploads.rows import RowOptions, read_rows, read_stop

MEDIA_TYPE = "text/event-stream; charset=utf-8"
JSON_TYPE = "application/json"

# A proxy would otherwise keep the events until it has many (nginx), or for the next who asks.
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}

_log = logging.getLogger("rowreader")


class Worker(Protocol):
    """What reading row by row needs of the process that serves it."""

    scheduler: Scheduler
    predictor: Predictor

    def models(self) -> Registry:
        """The loaded models.

        Raises:
            NotReadyError: there are none.

        """


class RowEvents:
    """The endpoint."""

    def __init__(self, worker: Callable[[], Worker]) -> None:
        """Ask `worker()` at each request."""
        self._worker = worker

    async def predict_rows(self, request: Request) -> Response:
        """Read an image or rows, with a prediction after every row."""
        worker, head = self._worker(), head_of(request.scope)
        models, preview, files = worker.models(), False, dict[int, bytes]()
        finding: Finding | None
        if head.content_type.partition(";")[0].strip().lower() == JSON_TYPE:
            body = await request.body()
            rows, options = read_rows(body, read_query_string(request.scope))
            classifier = models.row_classifier(options.model)
            finding = None if rows.any() else "blank"
        else:
            form = await read_form(request, "image", max_files=1, others=(HIDDEN, STOP_AT))
            hidden, stop_at = flag(HIDDEN, form.others[HIDDEN]), read_stop(form.others[STOP_AT])
            options, preview = RowOptions(form.model, hidden, stop_at), form.preview
            files = files_of(form)
            classifier = models.row_classifier(options.model)
            reading = await worker.predictor.read(form)
            rows, finding = reading.rows, reading.finding
        head.model = classifier.name
        reader = DigitReader(worker.scheduler, classifier, options)
        whole = Reading(rows, finding)
        events = _events(worker.predictor, classifier, reader, whole, files, preview=preview)
        # What fails before there is anything to tell has the status of its failure.
        first = await anext(events)
        return EventStream(first, _with_failures(events))


async def _events(
    predictor: Predictor,
    classifier: RowClassifier,
    reader: DigitReader,
    whole: Reading,
    files: Mapping[int, bytes],
    *,
    preview: bool,
) -> AsyncIterator[bytes]:
    """An event for each row that is read, and one for the prediction at the end."""
    async for prediction in reader.read(whole.rows):
        yield _event("row", msgspec.json.encode(prediction))
    end = reader.progress.row
    if end == SIDE:
        [last] = await predictor.classify(classifier.whole, [whole], preview=preview, files=files)
        answer: Any = last
    else:
        last = reader.prediction(whole.finding)
        filled = _filled(whole.rows)
        predictor.count([last], [Seen(filled, file=files.get(0))])
        answer = {**vars(last), "rows": end}
        if preview:
            answer["preview"] = encode_preview(filled)
    yield _event("prediction", pydantic_core.to_json(answer))


def _filled(rows: Floats) -> Floats:
    """`rows` with dark ones below, 28 in all."""
    filled = np.zeros((SIDE, SIDE), np.float32)
    filled[: len(rows)] = rows
    return filled


async def _with_failures(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`events`, and as the last one what kept the others from coming."""
    try:
        async for event in events:
            yield event
    except ApiError as error:
        yield _failure(error)
    except Exception:
        _log.exception("Reading row by row failed")
        yield _failure(InternalError("the service failed; its log tells more"))


def _failure(error: ApiError) -> bytes:
    return _event("error", msgspec.json.encode(error.body()))


def _event(name: str, data: bytes) -> bytes:
    """An event as it is sent; JSON in one line needs no more than that."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


class EventStream(Response):
    """A response that goes out event by event."""

    media_type = MEDIA_TYPE

    def __init__(self, first: bytes, rest: AsyncIterator[bytes]) -> None:
        """Send `first`, then `rest` as they come."""
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._first, self._rest = first, rest

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it; the server lets each event wait until there is room for it."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        async for event in self._rest:
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
