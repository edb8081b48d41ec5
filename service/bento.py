"""All that rests on the insides of BentoML and Starlette."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from _bentoml_sdk.io_models import IORootModel
from bentoml import IODescriptor
from bentoml._internal.configuration.containers import BentoMLContainer
from pydantic import Field
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.inference.classifier import Prediction, PreviewedPrediction

Endpoint = Callable[[Request], Awaitable[Response]]

_MODEL = Field(default=None, description="A published model; the default model when left out.")
_PREVIEW = Field(default=None, description="Whether to send back the picture that the model saw.")


class UnreadRequest:
    """What BentoML hands to an endpoint as its input: the request as it came."""

    model_fields = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request


class Input(IODescriptor):  # type: ignore[misc]  # BentoML's classes are not typed
    """An input that BentoML describes to clients but leaves for the endpoint to read.

    Reading it itself, BentoML would fetch a URL in the place of a file, answer a broken image with
    500, and log every bad request as an exception.
    """

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Any:
        """Called by BentoML for each request."""
        return UnreadRequest(request)


class ImageInput(Input):
    """A form with one image."""

    image: Path = Field(description="The image: PNG, JPEG, WebP, BMP, GIF or TIFF.")
    model: str | None = _MODEL
    preview: bool | None = _PREVIEW


class ImagesInput(Input):
    """A form with several images."""

    images: list[Path] = Field(description="The images: PNG, JPEG, WebP, BMP, GIF or TIFF.")
    model: str | None = _MODEL
    preview: bool | None = _PREVIEW


class SequencesInput(Input):
    """Pictures as numbers, row by row."""

    # Not NDArray, which NumPy 2.5 makes an alias that BentoML does not see through.
    sequences: np.ndarray[Any, np.dtype[np.float32]] = Field(
        description="n x 28 x 28 numbers in [0, 1], light ink on dark."
    )
    model: str | None = _MODEL


class PredictionOutput(Prediction, IODescriptor):  # type: ignore[misc]  # as above
    """One prediction; BentoML's client passes on what is named here and nothing else."""

    preview: str | None = Field(
        default=None, description=PreviewedPrediction.model_fields["preview"].description
    )


class PredictionsOutput(IORootModel[list[Prediction]]):  # type: ignore[misc]  # as above
    """One prediction for each sequence."""


class ResultsOutput(IORootModel[list[dict[str, Any]]]):  # type: ignore[misc]  # as above
    """A prediction or an error for each image.

    Plain dicts, because BentoML's client keeps only the first of several possible schemas.
    """


def lean(app: Starlette, endpoints: Mapping[str, Endpoint]) -> Starlette:
    """BentoML's application without what it does in vain for every request.

    `endpoints`, by their paths, are asked directly. BentoML's way to them inspects their signature
    and its own settings each time, and makes a context that nobody asks for: a fifth of the time
    that a small picture takes in all. `Deadline` limits the time instead of its timeout. Its spans,
    unless they are sent somewhere, are thrown away, and cost a quarter of the requests a second.
    """
    needless = {"TimeoutMiddleware", "ContextMiddleware"}
    if BentoMLContainer.tracing.exporter_type.get() is None:
        needless.add("OpenTelemetryMiddleware")

    def name(middleware: Middleware) -> str:
        return getattr(middleware.cls, "__name__", "")

    app.user_middleware = [m for m in app.user_middleware if name(m) not in needless]
    app.router.routes[:0] = [
        Route(path, endpoint, methods=["POST"]) for path, endpoint in endpoints.items()
    ]
    return app
