"""The Open Inference Protocol's routes in the OpenAPI document."""

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
from service.open_inference.tensors import BINARY_SIZE, DATATYPE
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
_NAMES: Json = {"type": "array", "items": _TEXT}
_DATATYPE: Json = {"const": DATATYPE}
_PARAMETERS: Json = {"type": ["object", "null"]}
_LENGTH: Json = {"type": "integer", "minimum": 1}
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
    InternalError,
    RequestTimeoutError,
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
    general = {path: _get(path, *words) for path, words in described.items()}
    return {**general, **_of_a_model(settings, ""), **_of_a_model(settings, AT_VERSION)}


def schemas(settings: Settings) -> Json:
    """What the routes take and give, by name."""
    tensor = {"name": _TEXT, "datatype": _DATATYPE}
    axis = {"type": "integer", "description": "-1: free."}
    described = {"type": "array", "items": closed({**tensor, "shape": _list(axis)})}
    model = {
        "name": _TEXT,
        "versions": _NAMES,
        "platform": _TEXT,
        "inputs": described,
        "outputs": described,
    }
    return {
        "V2Server": closed({"name": _TEXT, "version": _TEXT, "extensions": _NAMES}),
        "V2Live": closed({"live": _TRUE}),
        "V2Ready": closed({"ready": _TRUE}),
        "V2Model": closed(model),
        "V2ModelReady": closed({"name": _TEXT, "ready": _TRUE}),
        "V2Request": _request(settings),
        "V2Answer": _answer(),
        "V2Error": closed({"error": {**_TEXT, "description": "What, why, and the remedy."}}),
    }


def _of_a_model(settings: Settings, version: str) -> Json:
    base, suffix = MODEL + version, "_version" if version else ""
    routes = {
        base: _get(base, f"v2_model{suffix}", "Its inputs and outputs.", "V2Model", _OF_A_MODEL),
        base + READY: _get(
            base, f"v2_model_ready{suffix}", "Whether it is loaded.", "V2ModelReady", _OF_A_MODEL
        ),
        base + INFER: _infer(settings, f"v2_infer{suffix}"),
    }
    named = [_in_path("model_name", {**_TEXT, **one_of(list_models(settings.models_dir))})]
    if version:
        named.append(_in_path("model_version", {"const": VERSION}))
    return {path: {"parameters": named, **route} for path, route in routes.items()}


def _infer(settings: Settings, name: str) -> Json:
    header = {
        "description": "How many bytes at the front of the body are JSON; left out: all.",
        "schema": {"type": "integer", "minimum": 0},
    }
    answer = response("The outputs.", JSON_TYPE, component("V2Answer"))
    answer["content"][BINARY_TYPE] = {}
    answer["headers"] = {HEADER_LENGTH: header}
    return {
        "post": {
            "tags": ["open inference protocol"],
            "operationId": name,
            "description": "Run the model on named tensors. In the binary form of request or "
            "answer, the bytes of its binary tensors follow the JSON, in their order.",
            "parameters": [{"name": HEADER_LENGTH, "in": "header", **header}],
            "requestBody": {
                "required": True,
                "description": f"At most {settings.max_body_bytes} bytes.",
                "content": {JSON_TYPE: {"schema": component("V2Request")}, BINARY_TYPE: {}},
            },
            "responses": {"200": answer, **failures(_OF_INFERENCE, component("V2Error"))},
        }
    }


def _get(path: str, name: str, words: str, schema: str, errors: Errors) -> Json:
    answers = {"200": response("Yes.", JSON_TYPE, component(schema))}
    refused = failures((*refusals(path), *errors), component("V2Error"))
    return {
        "get": {
            "tags": ["open inference protocol"],
            "operationId": name,
            "description": words,
            **access(path),
            "responses": {**answers, **refused},
        }
    }


def _in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _request(settings: Settings) -> Json:
    size = {"type": "integer", "description": "Its bytes behind the JSON, instead of `data`."}
    axis = {**_LENGTH, "description": f"At most {settings.max_v2_batch} where the axis is free."}
    tensor = {
        "name": _TEXT,
        "datatype": _DATATYPE,
        "shape": _list(axis),
        "data": {"type": ["array", "null"], "description": "Numbers, flat or nested."},
        "parameters": {**_PARAMETERS, "properties": {BINARY_SIZE: size}},
    }
    as_bytes: Json = {"type": "boolean", "description": "Whether to answer in bytes."}
    output = {"name": _TEXT, "parameters": {**_PARAMETERS, "properties": {"binary_data": as_bytes}}}
    properties = {
        "id": {"type": ["string", "null"], "description": "Comes back in the answer."},
        "parameters": {**_PARAMETERS, "properties": {"binary_data_output": as_bytes}},
        "inputs": _list(_open(tensor, ["name", "datatype", "shape"])),
        "outputs": {**_list(_open(output, ["name"])), "type": ["array", "null"]},
    }
    return _open(properties, ["inputs"])


def _answer() -> Json:
    tensor = {
        "name": _TEXT,
        "datatype": _DATATYPE,
        "shape": _list(_LENGTH),
        "data": _list({"type": ["number", "null"], "description": "null: not finite."}),
        "parameters": closed({BINARY_SIZE: {"type": "integer"}}),
    }
    properties = {
        "model_name": _TEXT,
        "model_version": {"const": VERSION},
        "id": _TEXT,
        "outputs": _list(_open(tensor, ["name", "datatype", "shape"])),
    }
    return _open(properties, ["model_name", "model_version", "outputs"])


def _open(properties: Json, required: list[str]) -> Json:
    """An object that may hold more than these, for the protocol is made to be extended."""
    return {"type": "object", "properties": properties, "required": required}
