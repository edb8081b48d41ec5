"""The Open Inference Protocol, version 2, over REST: any published graph by its named tensors.

Clients of KServe, Triton and the like speak it. It serves every model, whatever its task; recurrent
state is an input and an output like the others, and the client hands the one on to the other.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from models.manifest import Manifest, Tensor
from service.chunked_response import ChunkedResponse
from service.execution.scheduler import QUICK_JSON_BYTES, Scheduler
from service.inference.model import Model, Run
from service.inference.registry import Registry
from service.open_inference.codec import (
    Answer,
    Inference,
    check_media_type,
    read_inference,
    write_answer,
)
from service.open_inference.messages import DATATYPE
from service.paths import AT_VERSION, INFER, MODEL, PROTOCOL, READY, VERSION
from service.settings import Kind
from service.uploads.request_head import Endpoint, head_of

Json = dict[str, Any]

# In the form <project>_<format> that the protocol asks for.
_PLATFORMS: dict[Kind, str] = {
    "onnxruntime": "onnxruntime_onnx",
    "torchscript": "pytorch_torchscript",
    "openvino": "openvino",
}
# Of the interface, not of the program.
_SERVER: Json = {"name": "rowreader", "version": "1", "extensions": ["binary_tensor_data"]}


class Worker(Protocol):
    """What the protocol needs of the process that serves it."""

    scheduler: Scheduler

    def models(self) -> Registry:
        """The loaded models.

        Raises:
            NotReadyError: there are none.

        """


class OpenInference:
    """The endpoints of the protocol."""

    def __init__(self, worker: Callable[[], Worker], max_axis: int) -> None:
        """Ask `worker()` at each request; free axes may be `max_axis` long."""
        self._worker, self._max_axis = worker, max_axis

    def endpoints(self, models: Iterable[str]) -> dict[str, dict[str, Endpoint]]:
        """Every endpoint by its path, with those of each of `models`, and its method."""
        found: dict[str, dict[str, Endpoint]] = {
            PROTOCOL: {"GET": self.server},
            f"{PROTOCOL}/health/live": {"GET": self.live},
            f"{PROTOCOL}/health/ready": {"GET": self.ready},
        }
        for name in models:
            base = MODEL.format(model_name=name)
            for version in ("", AT_VERSION.format(model_version=VERSION)):
                path = base + version
                found[path] = {"GET": functools.partial(self.model, name=name)}
                found[path + READY] = {"GET": functools.partial(self.model_ready, name=name)}
                found[path + INFER] = {"POST": functools.partial(self.infer, name=name)}
        return found

    async def server(self, _: Request) -> Response:
        """Who serves, and with which extensions."""
        return JSONResponse(_SERVER)

    async def live(self, _: Request) -> Response:
        """Whether the process answers."""
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        """Whether every model is loaded."""
        self._worker().models()
        return JSONResponse({"ready": True})

    async def model(self, request: Request, name: str) -> Response:
        """The model's inputs and outputs."""
        return JSONResponse(_describe(self._model(request, name)))

    async def model_ready(self, request: Request, name: str) -> Response:
        """Whether the model is loaded."""
        return JSONResponse({"name": self._model(request, name).name, "ready": True})

    async def infer(self, request: Request, name: str) -> Response:
        """Run the model."""
        model, head = self._model(request, name), head_of(request.scope)
        check_media_type(head.content_type)
        body = await request.body()
        answer = await self._answer(model, body, head.json_length)
        return ChunkedResponse(answer.body, headers=answer.headers)

    def _model(self, request: Request, name: str) -> Model:
        model = self._worker().models().model(name)
        head_of(request.scope).model = name
        return model

    async def _answer(self, model: Model, body: bytes, json_length: str | None) -> Answer:
        scheduler, manifest = self._worker().scheduler, model.manifest
        arguments = body, json_length, manifest, self._max_axis
        if len(body) <= QUICK_JSON_BYTES:
            return await scheduler.infer(_run(model, read_inference(*arguments)))
        if json_length is not None and len(json_length) <= len(str(QUICK_JSON_BYTES)):
            # Nearly all of it are tensors as they lie in memory.
            return await scheduler.infer_on_thread(_read_and_run, model, arguments)
        inference = Inference(**await scheduler.parser.run(read_inference, *arguments))
        return await scheduler.infer(_run(model, inference))


def _read_and_run(model: Model, arguments: tuple[bytes, str | None, Manifest, int]) -> Run[Answer]:
    return _run(model, read_inference(*arguments))


def _run(model: Model, asked: Inference) -> Run[Answer]:
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
