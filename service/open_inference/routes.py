"""The Open Inference Protocol, version 2, over REST: any published graph by its named tensors.

Clients of KServe, Triton and the like speak it. It serves every model, whatever its task; recurrent
state is an input and an output like the others, and the client hands the one on to the other.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, TypeVarTuple

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from models.manifest import Tensor
from service.errors import ApiError, ErrorResponse, ModelNotFoundError, quote
from service.execution.cost import Load
from service.execution.scheduler import of_numbers
from service.inference.model import Done, Model, Run
from service.inference.registry import Registry
from service.open_inference.codec import (
    HEADER_LENGTH,
    Answer,
    check_media_type,
    read_inference,
    write_answer,
)
from service.open_inference.messages import DATATYPE
from service.paths import AT_VERSION, INFER, MODEL, PROTOCOL, READY, VERSION
from service.responses import PiecewiseResponse
from service.settings import Kind
from service.uploads import requested_model

T = TypeVar("T")
Args = TypeVarTuple("Args")
Json = dict[str, Any]

# In the form <project>_<format> that the protocol asks for.
_PLATFORMS: dict[Kind, str] = {
    "onnxruntime": "onnxruntime_onnx",
    "torchscript": "pytorch_torchscript",
}
# Of the interface, not of the program.
_SERVER: Json = {"name": "rowreader", "version": "1", "extensions": ["binary_tensor_data"]}


class Reader(Protocol):
    """What the protocol needs of the service."""

    def models(self) -> Registry:
        """The loaded models, or `NotReadyError`."""

    def infer(
        self, load: Load | None, prepare: Callable[[*Args], Run[T] | Done[T]], *args: *Args
    ) -> Awaitable[T]:
        """The result of the run that `prepare` gives; see `Scheduler.infer`."""


class OpenInference:
    """The routes of the protocol."""

    def __init__(self, reader: Callable[[], Reader], max_axis: int) -> None:
        """Ask `reader()` at each request; free axes may be `max_axis` long."""
        self._reader, self._max_axis = reader, max_axis

    def application(self) -> Starlette:
        """The routes, each failure answered with the one error body."""
        return Starlette(
            routes=self._routes(),
            exception_handlers={ApiError: _refuse, ClientDisconnect: _hang_up},
        )

    def _routes(self) -> list[Route]:
        of_models = [
            (READY, self.model_ready, "GET"),
            (INFER, self.infer, "POST"),
            ("", self.model, "GET"),
        ]
        return [
            Route(PROTOCOL, self.server),
            Route(f"{PROTOCOL}/health/live", self.live),
            Route(f"{PROTOCOL}/health/ready", self.ready),
            *(
                Route(MODEL + version + action, endpoint, methods=[method])
                for version in ("", AT_VERSION)
                for action, endpoint, method in of_models
            ),
        ]

    async def server(self, _: Request) -> Response:
        """Who serves, and with which extensions."""
        return JSONResponse(_SERVER)

    async def live(self, _: Request) -> Response:
        """Whether the process answers."""
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        """Whether every model is loaded."""
        self._reader().models()
        return JSONResponse({"ready": True})

    async def model(self, request: Request) -> Response:
        """The model's inputs and outputs."""
        return JSONResponse(_describe(self._model(request)))

    async def model_ready(self, request: Request) -> Response:
        """Whether the model is loaded."""
        return JSONResponse({"name": self._model(request).name, "ready": True})

    async def infer(self, request: Request) -> Response:
        """Run the model."""
        model = self._model(request)
        check_media_type(request.headers.get("content-type", ""))
        length = request.headers.get(HEADER_LENGTH)
        body = await request.body()
        load = of_numbers(model.name, body)
        answer = await self._reader().infer(load, _infer, model, body, length, self._max_axis)
        return PiecewiseResponse(answer.body, headers=answer.headers)

    def _model(self, request: Request) -> Model:
        name, version = request.path_params["model_name"], request.path_params.get("model_version")
        model = self._reader().models().model(name)
        requested_model.say(request.scope, name)
        if version not in (None, VERSION):
            raise ModelNotFoundError(
                f"model {name!r} has no version {quote(version)}, only: {VERSION}"
            )
        return model


async def _refuse(_: Request, error: Any) -> Response:
    return ErrorResponse(error)


async def _hang_up(_: Request, __: Any) -> Response:
    return Response(status_code=400)  # nobody is there to read it, but it is counted


def _infer(model: Model, body: bytes, header_length: str | None, max_axis: int) -> Run[Answer]:
    asked = read_inference(body, header_length, model.manifest, max_axis)
    return Run(model, asked.inputs, lambda outputs: write_answer(model.name, asked, outputs))


def _describe(model: Model) -> Json:
    return {
        "name": model.name,
        "versions": [VERSION],
        "platform": _PLATFORMS[model.backend.name],
        "inputs": [_metadata(tensor) for tensor in model.manifest.inputs],
        "outputs": [_metadata(tensor) for tensor in model.manifest.outputs],
    }


def _metadata(tensor: Tensor) -> Json:
    shape = [dim if isinstance(dim, int) else -1 for dim in tensor.dims]
    return {"name": tensor.name, "datatype": DATATYPE, "shape": shape}
