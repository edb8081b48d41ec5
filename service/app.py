"""The service itself: its routes and its life, on BentoML.

bentoml serve        # from the root of the repository; then http://127.0.0.1:3000
"""

import contextlib
import functools
import gc
import logging
import sys
import warnings
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, TypeVarTuple

import bentoml
import msgspec
import pydantic_core
from bentoml.exceptions import BentoMLConfigException
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from service.bento import (
    ImageInput,
    ImagesInput,
    PredictionOutput,
    PredictionsOutput,
    ResultsOutput,
    SequencesInput,
    lean,
)
from service.errors import ApiError, ErrorBody, ErrorResponse, NotReadyError
from service.execution.admission import Admission, Limits
from service.execution.cost import Load, sized
from service.execution.scheduler import Scheduler, of_numbers
from service.http import layers
from service.http.error_body import App, BodyGuard
from service.http.request_log import configure
from service.inference import registry
from service.inference.classifier import Classifier, Prediction
from service.inference.model import Done, Run
from service.inference.registry import LoadError, Registry
from service.metrics import metrics
from service.open_inference.routes import OpenInference
from service.openapi.document import build_document, routes
from service.predictor import Reader, Result
from service.responses import PiecewiseResponse
from service.settings import Settings, SettingsError, warn_of_unknown
from service.uploads import requested_model
from service.uploads.form import Form, read_form
from service.uploads.sequences import check_media_type, read_query

T = TypeVar("T")
Args = TypeVarTuple("Args")
Endpoint = Callable[[Any, Request], Awaitable[Response]]

# Requests of many images that are worked on at a time, for each thread: the more there are, the
# longer a single image waits, and the fewer, the easier they are all taken by one client.
_TURNS = 4

_log = logging.getLogger("rowreader")


def _read_settings() -> Settings:
    """The settings; BentoML prints its own kind of error as one line, without a traceback."""
    try:
        found = Settings.from_environment()
    except SettingsError as error:
        raise BentoMLConfigException(str(error)) from None
    configure(found.log_format)  # in the supervisor, which makes no `RowReader`, only here
    warn_of_unknown()
    return found


settings = _read_settings()


@functools.cache  # it reads every manifest, and none changes before the next start
def _about(path: str) -> bytes:
    if path == "/docs.json":
        return msgspec.json.encode(build_document(settings))
    return msgspec.json.encode({"name": "rowreader", "routes": routes(settings)})


async def _tell(request: Request) -> Response:
    return Response(_about(request.scope["path"]), media_type="application/json")


def _reader() -> "RowReader":
    """The one instance of this worker; there is one before the first request."""
    reader: RowReader = bentoml.get_current_service()
    return reader


class Service(bentoml.Service):  # type: ignore[misc]  # BentoML is not typed
    """A BentoML service within our limits, whose every failure has the one error body."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.add_asgi_middleware(BodyGuard, max_bytes=settings.max_body_bytes)
        # Mounted applications come before BentoML's own route of this path.
        # BentoML's own page at / makes a visitor's browser load scripts from elsewhere.
        self.mount_asgi_app(Starlette(routes=[Route(path, _tell) for path in ("/docs.json", "/")]))
        self.mount_asgi_app(OpenInference(_reader, settings.max_v2_batch).application())

    def to_asgi(self, is_main: bool = True) -> App:
        """The whole application."""
        endpoints = {method.route: _endpoint(method.func) for method in self.apis.values()}
        app = lean(super().to_asgi(is_main), endpoints)
        return layers.around(app, settings, lambda: _reader().admission)


def _endpoint(method: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await method(_reader(), request)

    return answer


def _answer_errors(endpoint: Endpoint) -> Endpoint:
    """Answer what a client did wrong; BentoML would log it as an exception."""

    @functools.wraps(endpoint)
    async def wrapped(self: "RowReader", request: Request) -> Response:
        try:
            return await endpoint(self, request)
        except ApiError as error:
            return ErrorResponse(error)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it, but it is counted

    return wrapped


@bentoml.service(
    name="rowreader",
    service_class=Service,
    workers=settings.workers,
    traffic={"timeout": settings.timeout_seconds},
    # BentoML's own writes paths as they come, and what it saw before we put an answer right.
    logging={"access": {"enabled": False}},
)
class RowReader:
    """Reads handwritten digits row by row, by recurrent networks.

    `POST /predict` reads one image, `/predict_batch` several, `/predict_sequences` numbers.
    """

    def __init__(self) -> None:
        _prepare_logs()
        self._scheduler = Scheduler(settings.threads, settings.max_joint_batch, metrics())
        self._reader = Reader(settings, metrics())
        limits = Limits(
            pending=settings.max_pending,
            bytes=settings.max_pending_bytes,
            delay=settings.max_delay_seconds,
            turns=_TURNS * settings.threads,
        )
        self.admission = Admission(self._scheduler, limits)
        self._registry: Registry | None = None
        self._problem = ""
        try:
            self._registry = registry.load(settings)
        except LoadError as error:
            self._problem = f"the models are not loaded: {error}"
            _log.error("Not ready: %s", error.detail)
        else:
            metrics().providers(self._registry.providers)
            _prefer_latency()
            _log.info("Ready: %s", self._registry.providers)

    async def __is_ready__(self) -> bool:
        """Asked by `/readyz`; the reason why not goes into the answer."""
        if self._registry is None:
            raise HTTPException(status_code=503, detail=self._problem)
        return True

    @bentoml.api(input_spec=ImageInput, output_spec=PredictionOutput)  # type: ignore[untyped-decorator]
    @_answer_errors
    async def predict(self, request: Request) -> Response:
        """Read the digit in one image."""
        models = self.models()
        form = await read_form(request, "image", max_files=1)
        classifier = models.classifier(form.model)
        requested_model.say(request.scope, classifier.name)
        [result] = await self._read_digit(classifier, form)
        if isinstance(result, ApiError):
            raise result
        return _respond(result)

    @bentoml.api(input_spec=ImagesInput, output_spec=ResultsOutput)  # type: ignore[untyped-decorator]
    @_answer_errors
    async def predict_batch(self, request: Request) -> Response:
        """Read the digit in each of several images."""
        models = self.models()
        form = await read_form(request, "images", max_files=settings.max_batch)
        classifier = models.classifier(form.model)
        requested_model.say(request.scope, classifier.name)
        loads = [self._reader.load(file) for file in form.files]
        async with self.admission.turn() if any(loads) else contextlib.nullcontext():
            results = await self._read_digits(classifier, form, loads)
        return _respond([r.body() if isinstance(r, ApiError) else r for r in results])

    @bentoml.api(input_spec=SequencesInput, output_spec=PredictionsOutput)  # type: ignore[untyped-decorator]
    @_answer_errors
    async def predict_sequences(self, request: Request) -> Response:
        """Read digits given as numbers, row by row."""
        models = self.models()
        model = read_query(request.query_params)
        check_media_type(request.headers.get("content-type", ""))
        body = await request.body()

        def prepare() -> Run[list[Prediction]]:
            run = self._reader.read_sequences(models, body, model)
            requested_model.say(request.scope, run.model.name)
            return run

        predictions = await self.infer(of_numbers("sequences", body), prepare)
        return _respond(predictions)

    def models(self) -> Registry:
        """The loaded models.

        Raises:
            NotReadyError: there are none; the message says why.

        """
        if self._registry is None:
            raise NotReadyError(self._problem)
        return self._registry

    async def _read_digit(self, classifier: Classifier, form: Form) -> list[Result]:
        """The result of the only file."""
        [file] = form.files
        load = self._reader.load(file)
        return await self.infer(load, self._reader.finish, classifier, form.preview, [], file)

    async def _read_digits(
        self, classifier: Classifier, form: Form, loads: list[Load | None]
    ) -> list[Result]:
        """One result per file, in order; a bad file is an error in its own place."""
        # A step for each image: a request that is given up ends after the one it is at.
        scheduler, reader, files = self._scheduler, self._reader, form.files
        headers = sized("headers", len(files), 1e-4 * len(files))
        await scheduler.run(headers, reader.check_pixels, files)
        readings = [
            await scheduler.run(load, reader.read, file)
            for load, file in zip(loads[:-1], files[:-1], strict=True)
        ]
        # All pictures in one run of the model, which takes more than a moment.
        last = loads[-1] or sized("pictures", len(files), 1e-4 * len(files))
        return await scheduler.infer(
            last, reader.finish, classifier, form.preview, readings, files[-1]
        )

    async def infer(
        self, load: Load | None, prepare: Callable[[*Args], Run[T] | Done[T]], *args: *Args
    ) -> T:
        """The result of the run of a model that `prepare` gives; see `Scheduler.infer`.

        Raises:
            TooManyRequestsError: it would have to wait for too long.
            Exception: whatever `prepare` raises.

        """
        return await self._scheduler.infer(load, prepare, *args, check=self.admission.check)


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
    configure(settings.log_format)
    _log.setLevel(logging.INFO)
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _respond(results: Prediction | Sequence[Prediction | ErrorBody]) -> Response:
    return PiecewiseResponse(pydantic_core.to_json(results), media_type="application/json")
