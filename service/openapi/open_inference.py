"""The Open Inference Protocol's routes in the OpenAPI document.

The schemas of requests and answers are made from the types that read and write them.
"""

import msgspec

from service.errors import (
    BatchTooLargeError,
    BodyTooLargeError,
    EmptyBatchError,
    InternalError,
    InvalidJsonError,
    MalformedRequestError,
    MethodNotAllowedError,
    MissingFieldError,
    ModelNotFoundError,
    NotFiniteError,
    NotReadyError,
    OutOfRangeError,
    RequestTimeoutError,
    SlowClientError,
    TooCostlyError,
    TooManyRequestsError,
    UnauthorizedError,
    UnexpectedFieldError,
    UnknownTensorError,
    UnsupportedMediaTypeError,
    WrongShapeError,
    WrongTypeError,
)
from service.inference.registry import list_models
from service.open_inference.codec import BINARY_TYPE, HEADER_LENGTH, JSON_TYPE
from service.open_inference.messages import DATATYPE, InferenceRequest, InferenceResponse
from service.openapi.parts import (
    Errors,
    Json,
    access,
    closed,
    component,
    failures,
    one_of,
    refusals,
    response,
)
from service.paths import AT_VERSION, INFER, MODEL, PROTOCOL, READY, VERSION
from service.settings import Settings

_TEXT: Json = {"type": "string"}
_TRUE: Json = {"const": True}
_BYTES: Json = {"schema": {"type": "string", "format": "binary"}}
_OF_A_MODEL: Errors = (ModelNotFoundError, NotReadyError)
_OF_INFERENCE: Errors = (
    MalformedRequestError,
    InvalidJsonError,
    UnknownTensorError,
    *_OF_A_MODEL,
    MethodNotAllowedError,
    BodyTooLargeError,
    BatchTooLargeError,
    UnsupportedMediaTypeError,
    MissingFieldError,
    UnexpectedFieldError,
    EmptyBatchError,
    WrongTypeError,
    WrongShapeError,
    NotFiniteError,
    OutOfRangeError,
    TooCostlyError,
    InternalError,
    RequestTimeoutError,
    SlowClientError,
    UnauthorizedError,
    TooManyRequestsError,
)


def paths(settings: Settings) -> Json:
    """The protocol's routes; those of a model with a version and without."""
    described: dict[str, tuple[str, str, str, Errors]] = {
        PROTOCOL: ("v2_server", "Who serves, and with which extensions.", "V2Server", ()),
        f"{PROTOCOL}/health/live": ("v2_live", "Whether the process is alive.", "V2Live", ()),
        f"{PROTOCOL}/health/ready": (
            "v2_ready",
            "Whether every model is loaded.",
            "V2Ready",
            (NotReadyError,),
        ),
    }
    general = {path: _get(path, *operation) for path, operation in described.items()}
    return {**general, **_of_a_model(settings, ""), **_of_a_model(settings, AT_VERSION)}


def schemas(settings: Settings) -> Json:
    """What the routes take and give, by name."""
    axis = {"type": "integer", "description": "-1: free."}
    tensor = {"name": _TEXT, "datatype": {"const": DATATYPE}, "shape": _list(axis)}
    tensors = _list(closed(tensor))
    model = {"name": _TEXT, "versions": _list(_TEXT), "platform": _TEXT}
    return {
        "ModelName": {**_TEXT, **one_of(list_models(settings.models_dir))},
        "V2Server": closed({"name": _TEXT, "version": _TEXT, "extensions": _list(_TEXT)}),
        "V2Live": closed({"live": _TRUE}),
        "V2Ready": closed({"ready": _TRUE}),
        "V2Model": closed({**model, "inputs": tensors, "outputs": tensors}),
        "V2ModelReady": closed({"name": _TEXT, "ready": _TRUE}),
        **_inference(settings),
        "V2Error": closed({"error": {**_TEXT, "description": "What, why, and the remedy."}}),
    }


def _inference(settings: Settings) -> Json:
    """A request, an answer, and every object in them, as they are read and written."""
    _, found = msgspec.json.schema_components(
        [InferenceRequest, InferenceResponse], ref_template=component("{name}")["$ref"]
    )
    shape = found["RequestInput"]["properties"]["shape"]
    longest = f"At most {settings.max_v2_batch} where the axis is free."
    shape["items"] = {**shape["items"], "description": longest}
    return found


def _of_a_model(settings: Settings, version: str) -> Json:
    base, suffix = MODEL + version, "_version" if version else ""
    routes = {
        base: _get(base, f"v2_model{suffix}", "Its inputs and outputs.", "V2Model", _OF_A_MODEL),
        base + READY: _get(
            base, f"v2_model_ready{suffix}", "Whether it is loaded.", "V2ModelReady", _OF_A_MODEL
        ),
        base + INFER: _infer(settings, f"v2_infer{suffix}"),
    }
    named = [_in_path("model_name", component("ModelName"))]
    if version:
        named.append(_in_path("model_version", {"const": VERSION}))
    return {path: {"parameters": named, **route} for path, route in routes.items()}


def _infer(settings: Settings, name: str) -> Json:
    header = {
        "description": "How many bytes at the front of the body are JSON; left out: all.",
        "schema": {"type": "integer", "minimum": 0},
    }
    answer = response("The outputs.", JSON_TYPE, component("InferenceResponse"))
    answer["content"][BINARY_TYPE] = _BYTES
    answer["headers"] = {HEADER_LENGTH: header}
    return {
        "post": {
            "tags": ["open inference protocol"],
            "operationId": name,
            "description": "Run the model on named tensors. In the binary form of request or "
            "answer, the bytes of its binary tensors follow the JSON, in their order. Where a "
            f"model has one input, and {HEADER_LENGTH} is 0, the whole body is that input's bytes.",
            "parameters": [{"name": HEADER_LENGTH, "in": "header", **header}],
            "requestBody": {
                "required": True,
                "description": f"At most {settings.max_body_bytes} bytes.",
                "content": {
                    JSON_TYPE: {"schema": component("InferenceRequest")},
                    BINARY_TYPE: _BYTES,
                },
            },
            "responses": {"200": answer, **failures(_OF_INFERENCE, component("V2Error"))},
        }
    }


def _get(path: str, name: str, description: str, schema: str, errors: Errors) -> Json:
    answers = {"200": response("Yes.", JSON_TYPE, component(schema))}
    refused = failures((*refusals(path), *errors), component("V2Error"))
    return {
        "get": {
            "tags": ["open inference protocol"],
            "operationId": name,
            "description": description,
            **access(path),
            "responses": {**answers, **refused},
        }
    }


def _in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}
