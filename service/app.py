"""The service itself: its routes and its life, on BentoML.

bentoml serve        # from the root of the repository; then http://127.0.0.1:3000
"""

import gc
import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import bentoml
import msgspec
import pydantic_core
from bentoml import get_current_service
from bentoml.exceptions import BentoMLConfigException
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from service.bento import (
    LOG_ATTRIBUTES,
    ImageInput,
    ImagesInput,
    NumberOutput,
    PredictionOutput,
    PredictionsOutput,
    ResultsOutput,
    SequencesInput,
    close_sockets_first,
    service_class,
)
from service.chunked_response import ChunkedResponse
from service.errors import ApiError, ErrorBody, NotFoundError, NotKeptError, NotReadyError
from service.execution.admission import Admission
from service.execution.parser_pool import ParserError, ParserPool
from service.execution.scheduler import Scheduler
from service.http.cors import allow_origins
from service.http.endpoints import Endpoints
from service.http.gateway import Gateway, Worker
from service.http.known_paths import KnownPaths
from service.http.request_log import configure
from service.inference import registry
from service.inference.classifier import Prediction
from service.inference.registry import LoadError, Registry, list_models
from service.metrics import Metrics
from service.monitoring.monitor import Monitor
from service.monitoring.records import find_records
from service.open_inference.routes import OpenInference
from service.openapi.document import build_document, routes
from service.page import static_files
from service.paths import FEEDBACK, NUMBER, ROWS, STREAM
from service.predictor import Predictor
from service.settings import Settings, SettingsError, warn_of_unknown
from service.streaming.server_sent_events import RowEvents
from service.streaming.web_socket import Streams
from service.uploads.feedback import read_feedback
from service.uploads.form import read_form
from service.uploads.options import read_query_string
from service.uploads.request_head import Endpoint, head_of
from service.uploads.sequences import check_media_type, read_query

_log = logging.getLogger("rowreader")


def _read_settings() -> Settings:
    """The settings; BentoML prints its own kind of error as one line, without a traceback."""
    try:
        found = Settings.from_environment()
    except SettingsError as error:
        raise BentoMLConfigException(str(error)) from None
    configure(
        found.log_format, LOG_ATTRIBUTES
    )  # here in the supervisor, which makes no `RowReader`
    warn_of_unknown()
    return found


settings = _read_settings()


def _around(app: ASGIApp) -> ASGIApp:
    """`app` of BentoML behind our gateway."""
    models = list_models(settings.models_dir)
    document = msgspec.json.encode(build_document(settings))
    known = routes(settings)
    pages = static_files.endpoints(_listing([*known, STREAM]))
    endpoints: dict[str, dict[str, Endpoint]] = {
        **pages,
        "/docs.json": {"GET": _always(document)},
        "/predict": {"POST": predict},
        "/predict_batch": {"POST": predict_batch},
        NUMBER: {"POST": predict_number},
        "/predict_sequences": {"POST": predict_sequences},
        ROWS: {"POST": RowEvents(_worker).predict_rows},
        FEEDBACK: {"POST": feedback},
        **OpenInference(_worker, settings.max_v2_batch).endpoints(models),
    }
    # It is named only where predictions are kept, but elsewhere answers why not.
    paths = KnownPaths(known, models, [*pages, FEEDBACK])
    streams = {STREAM: Streams(_worker)}
    gateway = Gateway(app, settings, paths, endpoints, lambda: _worker().gateway, streams=streams)
    return allow_origins(gateway, settings.cors_origins)


def _always(document: bytes) -> Endpoint:
    async def answer(_: Request) -> Response:
        return Response(document, media_type="application/json")

    return answer


def _listing(routes: list[str]) -> Endpoint:
    async def answer(_: Request) -> Response:
        return JSONResponse(
            {
                "name": "rowreader",
                "routes": routes,
                "default": settings.default_model,
                "models": _worker().listing(),
            }
        )

    return answer


def _worker() -> "RowReader":
    """The one instance of this worker process; there is one before the first request."""
    worker: RowReader = get_current_service()
    return worker


async def predict(request: Request) -> Response:
    """Read the digit in one image."""
    worker = _worker()
    models = worker.models()
    form = await read_form(request, "image", max_files=1)
    classifier = models.classifier(form.model)
    head_of(request.scope).model = classifier.name
    return _respond(await worker.predictor.predict(classifier, form))


async def predict_batch(request: Request) -> Response:
    """Read the digit in each of several images."""
    worker = _worker()
    models = worker.models()
    form = await read_form(request, "images", max_files=settings.max_batch)
    classifier = models.classifier(form.model)
    head_of(request.scope).model = classifier.name
    results = await worker.predictor.predict_batch(classifier, form)
    return _respond([r.body() if isinstance(r, ApiError) else r for r in results])


async def predict_number(request: Request) -> Response:
    """Read the number in one image."""
    worker = _worker()
    models = worker.models()
    form = await read_form(request, "image", max_files=1)
    transcriber = models.transcriber(form.model)
    head_of(request.scope).model = transcriber.name
    return _respond(await worker.predictor.predict_number(transcriber, form))


async def predict_sequences(request: Request) -> Response:
    """Read digits given as numbers, row by row."""
    worker, head = _worker(), head_of(request.scope)
    models = worker.models()
    model = read_query(read_query_string(request.scope))
    check_media_type(head.content_type)
    body = await request.body()
    predictions = await worker.predictor.predict_sequences(models, body, model)
    head.model = predictions[0].model
    return _respond(predictions)


async def feedback(request: Request) -> Response:
    """Keep what the right answer to an earlier request is."""
    worker = _worker()
    monitor = worker.monitor
    if monitor is None:
        raise NotFoundError(
            f"POST {FEEDBACK}: this service keeps no predictions that could be corrected; whoever "
            "runs it can have it keep them, by ROWREADER_MONITOR"
        )
    check_media_type(head_of(request.scope).content_type)
    told = read_feedback(await request.body(), request.scope["query_string"])
    try:
        records = await worker.scheduler.on_thread(find_records, monitor.folder, told.request_id)
    except OSError as error:
        _log.error("What is kept cannot be read: %s", error)
        raise NotKeptError("what is kept cannot be read; the service's log says why") from error
    return _respond(monitor.correct(records, told))


@bentoml.service(
    name="rowreader",
    service_class=service_class(_around),
    workers=settings.workers,
    traffic={"timeout": settings.timeout_seconds},
    # BentoML's own writes paths as they come, and what it saw before we put an answer right.
    logging={"access": {"enabled": False}},
)
class RowReader:
    """Reads handwritten digits row by row, by recurrent networks.

    `POST /predict` reads one image, `/predict_batch` several, `/predict_sequences` pictures as
    numbers, `/predict_number` an image of a number of several digits;
    `/predict_rows` and the WebSocket `/stream` tell what they read after every row.
    """

    def __init__(self) -> None:
        _prepare_logs()
        metrics = Metrics()
        delay = settings.max_delay_seconds
        parser = ParserPool(
            settings.threads,
            settings.max_parse_seconds,
            settings.max_parse_bytes,
            delay,
            metrics,
        )
        self.scheduler = Scheduler(
            parser, settings.threads, settings.max_joint_batch, delay, metrics
        )
        self.monitor = _monitor(self._digest, metrics)
        self.predictor = Predictor(settings, self.scheduler, metrics, self.monitor)
        admission = Admission(
            self.scheduler, settings.max_pending, settings.max_pending_bytes, delay
        )
        self.gateway = Worker(admission, metrics.answered)
        self._registry: Registry | None = None
        self._problem = ""
        try:
            self._registry = registry.load(settings)
            parser.wait_until_ready()  # it was started before the models were loaded
        except LoadError as error:
            self._problem = f"the models are not loaded: {error}"
            _log.error("Not ready: %s", error.detail)
        except ParserError as error:
            self._registry, self._problem = None, str(error)
            _log.error("Not ready: %s", error)
        else:
            metrics.providers(self._registry.providers)
            _prefer_latency()
            _log.info("Ready: %s", self._registry.providers)

    async def __is_ready__(self) -> bool:
        """Asked by `/readyz`; the reason why not goes into the answer."""
        if self._registry is None:
            raise HTTPException(status_code=503, detail=self._problem)
        return True

    @bentoml.on_deployment  # type: ignore[untyped-decorator]  # BentoML is not typed
    @staticmethod
    def prepare_supervisor() -> None:
        """Once, in the process that starts the workers."""
        close_sockets_first()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]  # BentoML is not typed
    def shutdown(self) -> None:
        """End the threads and processes of this worker."""
        self.scheduler.close()
        if self.monitor:
            self.monitor.close()

    # BentoML tells its clients of these; `Endpoints` answers them, by the functions above.
    predict = bentoml.api(predict, input_spec=ImageInput, output_spec=PredictionOutput)
    predict_batch = bentoml.api(predict_batch, input_spec=ImagesInput, output_spec=ResultsOutput)
    predict_number = bentoml.api(predict_number, input_spec=ImageInput, output_spec=NumberOutput)
    predict_sequences = bentoml.api(
        predict_sequences, input_spec=SequencesInput, output_spec=PredictionsOutput
    )

    def listing(self) -> list[dict[str, Any]]:
        """What is loaded, as `Registry.listing` says; nothing before all is."""
        return self._registry.listing() if self._registry else []

    def models(self) -> Registry:
        """The loaded models.

        Raises:
            NotReadyError: there are none; the message says why.

        """
        if self._registry is None:
            raise NotReadyError(self._problem)
        return self._registry

    def _digest(self, name: str) -> str:
        """The digest of the loaded model called `name`."""
        return self.models().model(name).manifest.files[0].sha256


RowReader.add_asgi_middleware(Endpoints)  # type: ignore[attr-defined]  # it is BentoML's by now


def _monitor(digest: Callable[[str], str], metrics: Metrics) -> Monitor | None:
    """What keeps predictions, where the operator wants that."""
    if settings.monitor is None:
        return None
    return Monitor(
        settings.monitor,
        settings.monitor_bytes,
        settings.workers,
        digest,
        metrics,
        pictures=settings.monitor_pictures,
    )


def _prefer_latency() -> None:
    """Set the interpreter up for a process that has loaded all it needs, and now answers."""
    # All that is loaded stays: a full collection, which looked through it again now and then, held
    # up every request for 80 ms.
    gc.collect()
    gc.freeze()
    # A working thread keeps the interpreter for this long (5 ms by default) while the event loop,
    # which wants it for microseconds at a time, waits.
    sys.setswitchinterval(1e-3)


def _prepare_logs() -> None:
    """Keep out of the log what is wrong with an upload: its sender is told, in the answer."""
    configure(settings.log_format, LOG_ATTRIBUTES)
    _log.setLevel(logging.INFO)
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _respond(results: BaseModel | Sequence[Prediction | ErrorBody]) -> Response:
    return ChunkedResponse(pydantic_core.to_json(results), media_type="application/json")
