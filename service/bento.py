"""All that rests on the insides of BentoML and its libraries, and a look whether they are there.

BentoML keeps what it does well: processes, probes, metrics, clients and packing. Requests are read
and answered by us: its typed inputs fetch a URL that stands in the place of a file, answer a text
that is no image with 500, and know no limit of the body.
"""

import ctypes
import pkgutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
from bentoml.exceptions import BentoMLConfigException
from pydantic import Field
from starlette.types import ASGIApp

from service.inference.classifier import Prediction, PreviewedPrediction
from service.inference.number import NumberPrediction, PreviewedNumberPrediction

# What has all that is relied on, by the package that something is missing of.
BENTOML = "bentoml>=1.4.39,<1.5"  # and what it brings
WORK_TOGETHER = {
    "uvicorn": "uvicorn==0.54.0",
    "websockets": "websockets==17.4",
    "prometheus_client": "prometheus_client==0.26.0",
}

# What is private or undocumented, by the names that it is used by.
_CONTAINER = "bentoml._internal.configuration.containers:BentoMLContainer.tracing.exporter_type"
_ROOT_MODEL = "_bentoml_sdk.io_models:IORootModel"
_TIMEOUT = "bentoml._internal.server.http.traffic:TimeoutMiddleware"
_SPANS = "opentelemetry.instrumentation.asgi:OpenTelemetryMiddleware"
_ARBITER = "bentoml._internal.utils.circus:Arbiter"
_STOP = f"{_ARBITER}._stop_watchers"
_HTTPTOOLS = "uvicorn.protocols.http.httptools_impl"
_WEB_SOCKETS = "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol"
_FRAMES = "websockets.server:ServerProtocol"
_FIGURES = "prometheus_client.mmap_dict:MmapedDict"
RELIED_ON = (
    _CONTAINER,
    _ROOT_MODEL,
    _TIMEOUT,
    _SPANS,
    "bentoml:Service.to_asgi",
    "bentoml:Service.add_asgi_middleware",
    "starlette.applications:Starlette.add_middleware",
    _STOP,
    "circus.sockets:CircusSockets.close_all",
    # What `http/connection.py` calls and replaces.
    "uvicorn.config:HTTP_PROTOCOLS",
    *(
        f"{_HTTPTOOLS}:HttpToolsProtocol.{name}"
        for name in (
            "_should_upgrade", "_unset_keepalive_if_required", "connection_lost", "connection_made",
            "data_received", "handle_websocket_upgrade", "on_body", "on_headers_complete",
            "on_message_complete", "on_response_complete", "timeout_keep_alive_handler",
        )
    ),
    f"{_HTTPTOOLS}:RequestResponseCycle",
    # What `http/stream_protocol.py` does.
    "uvicorn.config:WS_PROTOCOLS",
    *(
        f"{_WEB_SOCKETS}.{name}"
        for name in (
            "data_received", "handle_cont", "handle_parser_exception", "handle_ping",
            "on_task_complete", "receive", "resume_writing", "send", "send_receive_event_to_app",
            "shutdown", "stop_keepalive",
        )
    ),
    *(f"{_FRAMES}.{name}" for name in ("data_to_send", "fail", "reject")),
    # What `metric_files.py` does.
    "prometheus_client.values:MmapedDict",
    *(f"{_FIGURES}.{name}" for name in ("close", "read_value", "write_value")),
)  # fmt: skip

_PR_SET_PDEATHSIG = 1  # of prctl(2)

# What BentoML adds to each record of the log for its own format of a line.
LOG_ATTRIBUTES = ("component", "levelname_bracketed", "service_name", "trace_msg")


def find_parts() -> dict[str, Any]:
    """Everything of `RELIED_ON` by its name.

    Raises:
        BentoMLConfigException: naming what is missing, and which versions have it; BentoML prints
            it as one line.

    """
    found: dict[str, Any] = {}
    missing = []
    for name in RELIED_ON:
        try:
            found[name] = pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            missing.append(name.replace(":", "."))
    if missing:
        packages = dict.fromkeys(name.partition(".")[0] for name in missing)
        wanted = dict.fromkeys(WORK_TOGETHER.get(package, BENTOML) for package in packages)
        raise BentoMLConfigException(
            f"the installed libraries lack {', '.join(missing)}, on which RowReader rests; "
            f"install what has it: pip install {' '.join(map(repr, wanted))}"
        )
    return found


_parts = find_parts()


def service_class(around: Callable[[ASGIApp], ASGIApp]) -> type[Any]:
    """A class of BentoML services whose applications stand within `around`.

    Of BentoML's layers within, two are left out that cost and bring nothing here: its timeout,
    which makes a task of every request and does not end an answer that has begun, and its spans
    where they are sent nowhere, which cost a quarter of the requests a second.
    """

    class Service(bentoml.Service):  # type: ignore[misc]  # BentoML is not typed
        def to_asgi(self, is_main: bool = True) -> ASGIApp:
            # Imported only now that BentoML has said where the workers' files of figures are, and
            # before it opens one.
            from service.http.connection import use_for_all
            from service.http.stream_protocol import limit_messages
            from service.metric_files import survive_full_disks

            use_for_all()
            limit_messages()
            survive_full_disks()
            _end_with_parent()
            app = super().to_asgi(is_main)
            needless = {_parts[_TIMEOUT]}
            if _parts[_CONTAINER].get() is None:
                needless.add(_parts[_SPANS])
            layers = [layer for layer in app.user_middleware if layer.cls not in needless]
            app.user_middleware = layers
            return around(app)

    return Service


def close_sockets_first() -> None:
    """Have the supervisor close its listening socket as soon as it is told to end.

    It would do so last: while the workers, which have closed theirs, finish their requests, the
    kernel would take connections that nobody serves.
    """
    arbiter, stop_watchers = pkgutil.resolve_name(_ARBITER), _parts[_STOP]

    def close_and_stop_watchers(self: Any, *arguments: Any, **options: Any) -> Any:
        if self._stopping:
            self.sockets.close_all()
        return stop_watchers(self, *arguments, **options)

    arbiter._stop_watchers = close_and_stop_watchers


def _end_with_parent() -> None:
    """Have the kernel end this worker when its supervisor is gone, even by SIGKILL.

    It would hold the port, and nobody would replace it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


# What goes in and comes out, as BentoML tells its clients (`/schema.json`).

_MODEL = Field(default=None, description="A published model; the default model when left out.")
_PREVIEW = Field(default=None, description="Whether to send back the picture that the model saw.")


class ImageInput(bentoml.IODescriptor):  # type: ignore[misc]  # as above
    """A form with one image."""

    image: Path = Field(description="The image: PNG, JPEG, WebP, BMP, GIF or TIFF.")
    model: str | None = _MODEL
    preview: bool | None = _PREVIEW


class ImagesInput(bentoml.IODescriptor):  # type: ignore[misc]  # as above
    """A form with several images."""

    images: list[Path] = Field(description="The images: PNG, JPEG, WebP, BMP, GIF or TIFF.")
    model: str | None = _MODEL
    preview: bool | None = _PREVIEW


class SequencesInput(bentoml.IODescriptor):  # type: ignore[misc]  # as above
    """Pictures as numbers, row by row."""

    # Not NDArray, which NumPy 2.5 makes an alias that BentoML does not see through.
    sequences: np.ndarray[Any, np.dtype[np.float32]] = Field(
        description="n x 28 x 28 numbers in [0, 1], light ink on dark."
    )
    model: str | None = _MODEL


class PredictionOutput(Prediction, bentoml.IODescriptor):  # type: ignore[misc]  # as above
    """One prediction; BentoML's client passes on what is named here and nothing else."""

    preview: str | None = Field(
        default=None, description=PreviewedPrediction.model_fields["preview"].description
    )


class NumberOutput(NumberPrediction, bentoml.IODescriptor):  # type: ignore[misc]  # as above
    """A number; BentoML's client passes on what is named here and nothing else."""

    preview: str | None = Field(
        default=None, description=PreviewedNumberPrediction.model_fields["preview"].description
    )


class PredictionsOutput(_parts[_ROOT_MODEL][list[Prediction]]):  # type: ignore[misc]  # as above
    """One prediction for each sequence."""


class ResultsOutput(_parts[_ROOT_MODEL][list[dict[str, Any]]]):  # type: ignore[misc]  # as above
    """A prediction or an error for each image.

    Plain dicts, because BentoML's client keeps only the first of several possible schemas.
    """
