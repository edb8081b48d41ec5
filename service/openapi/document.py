"""The service as it really behaves, in OpenAPI 3.1: `/docs.json`.

Written from the same classes that answer: the prediction's schema, the tree of errors, the limits
in force. BentoML's own document would show its inputs and errors, which are not ours.
"""

from pydantic import BaseModel

from service.errors import (
    BatchTooLargeError,
    BodyTooLargeError,
    EmptyBatchError,
    EmptyFileError,
    ImageTooLargeError,
    InternalError,
    InvalidJsonError,
    MalformedRequestError,
    MethodNotAllowedError,
    MissingFieldError,
    ModelNotFoundError,
    NotAFileError,
    NotAnImageError,
    NotFiniteError,
    NotReadyError,
    OutOfRangeError,
    RequestTimeoutError,
    SlowClientError,
    TooCostlyError,
    TooManyRequestsError,
    UnauthorizedError,
    UnexpectedFieldError,
    UnsupportedMediaTypeError,
    WrongShapeError,
    WrongTaskError,
    WrongTypeError,
    known_errors,
)
from service.images.read_image import SIDE
from service.inference.classifier import Prediction, PreviewedPrediction
from service.inference.number import NumberPrediction, PreviewedNumberPrediction
from service.inference.registry import list_classifiers, list_transcribers
from service.openapi import feedback, open_inference, rows
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
from service.paths import DOCS, FEEDBACK, NUMBER, ROWS
from service.settings import Settings
from service.uploads import multipart_form, options, sequences

# What a request may be refused with that has a body; what a prediction may: by every route, by
# those that read images or sequences.
_BODY: Errors = (
    UnauthorizedError,
    BodyTooLargeError,
    TooManyRequestsError,
    MethodNotAllowedError,
    UnsupportedMediaTypeError,
    MissingFieldError,
    UnexpectedFieldError,
    RequestTimeoutError,
    SlowClientError,
    InternalError,
)
_ANYWHERE: Errors = (*_BODY, ModelNotFoundError, WrongTaskError, NotReadyError)
_IMAGE: Errors = (EmptyFileError, NotAnImageError, ImageTooLargeError, TooCostlyError)
_FORM: Errors = (MalformedRequestError, NotAFileError, WrongTypeError)
_SEQUENCES: Errors = (
    InvalidJsonError,
    BatchTooLargeError,
    EmptyBatchError,
    WrongTypeError,
    WrongShapeError,
    NotFiniteError,
    OutOfRangeError,
    TooCostlyError,
)

_REFERENCE = "#/components/schemas/{model}"
_NAMED = ("title", "description", "required")
_MODEL = component("ClassifierName")
_PREVIEW: Json = {
    "type": "boolean",
    "description": "true: send back, as `preview`, the 28 x 28 picture that the model saw.",
}
_STRIPS: Json = {
    "type": "boolean",
    "description": "true: send back, as `preview`, the lines as the model saw them.",
}
_INSTEAD = "The same as in the body, in whose place it may be given here."
_PREDICTION = component("Prediction")
_ERROR = component("Error")


def build_document(settings: Settings) -> Json:
    """The whole document for a service with these settings."""
    schemas = {
        "ClassifierName": _classifier_name(settings),
        "TranscriberName": _transcriber_name(settings),
        "Prediction": _previewed(Prediction, PreviewedPrediction),
        **_number_prediction(),
        "RowPrediction": rows.row_prediction(),
        "EarlyPrediction": rows.early_prediction(),
        "Error": _error(),
        **open_inference.schemas(settings),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "RowReader",
            "version": "1",  # of the interface, not of the program
            "summary": "Reads handwritten digits row by row, by recurrent networks.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        # Relative to this document, so that it is right behind a proxy's sub-path too.
        "servers": [{"url": "."}],
        "tags": [
            {"name": name} for name in ("predictions", "open inference protocol", "operations")
        ],
        "paths": _paths(settings),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}] if settings.api_keys else [],
    }


def routes(settings: Settings) -> list[str]:
    """The paths that are answered, with `{model_name}` where each model has its own."""
    return ["/", DOCS, *_paths(settings)]


def _paths(settings: Settings) -> Json:
    told = {FEEDBACK: feedback.route(_ERROR, errors=_BODY)} if settings.monitor else {}
    return {**_predictions(settings), **told, **open_inference.paths(settings), **_operations()}


def _predictions(settings: Settings) -> Json:
    several = {"minItems": 1, "maxItems": settings.max_batch}
    file = {
        "type": "string",
        "format": "binary",  # what generators of clients go by, though OpenAPI 3.1 has
        "contentMediaType": "application/octet-stream",
        "description": f"An image of at most {settings.max_pixels} pixels, as a file.",
    }
    images = {
        "type": "array",
        "items": file,
        **several,
        "description": f"Together of at most {settings.max_batch_pixels} pixels.",
    }
    numbers: Json = {"type": "number", "minimum": 0, "maximum": 1}
    for length in (SIDE, SIDE):
        numbers = {"type": "array", "items": numbers, "minItems": length, "maxItems": length}
    result = {"oneOf": [_PREDICTION, _ERROR]}
    of_numbers = {options.MODEL: component("TranscriberName"), options.PREVIEW: _STRIPS}
    of_forms = {options.MODEL: _MODEL, options.PREVIEW: _PREVIEW}
    return {
        "/predict": _route(
            "predict",
            "Read the digit in one image.",
            _body(settings, multipart_form.MEDIA_TYPE, {"image": file}, of_forms),
            _PREDICTION,
            (*_ANYWHERE, *_FORM, *_IMAGE),
            given=of_forms,
        ),
        NUMBER: _route(
            "predict_number",
            "Read the number in one image: one to three lines of digits.",
            _body(settings, multipart_form.MEDIA_TYPE, {"image": file}, of_numbers),
            component("NumberPrediction"),
            (*_ANYWHERE, *_FORM, *_IMAGE),
            given=of_numbers,
        ),
        "/predict_batch": _route(
            "predict_batch",
            "Read the digit in each of several images. The results come in the order of the images;"
            " an image that cannot be read is an error in its own place, and the status still 200.",
            _body(settings, multipart_form.MEDIA_TYPE, {"images": images}, of_forms),
            {"type": "array", "items": result},
            (*_ANYWHERE, *_FORM, BatchTooLargeError),
            given=of_forms,
        ),
        ROWS: rows.route(
            settings, file, _MODEL, _PREVIEW, _ERROR, errors=(*_ANYWHERE, *_FORM, *_IMAGE)
        ),
        "/predict_sequences": _route(
            "predict_sequences",
            "Read digits given as numbers: n pictures of 28 rows of 28, light ink (1) on dark (0).",
            _body(
                settings,
                sequences.MEDIA_TYPE,
                {"sequences": {"type": "array", "items": numbers, **several}},
                {options.MODEL: _MODEL},
            ),
            {"type": "array", "items": _PREDICTION},
            (*_ANYWHERE, *_SEQUENCES),
            given={options.MODEL: _MODEL},
        ),
    }


def _route(
    name: str, description: str, body: Json, answer: Json, errors: Errors, *, given: Json
) -> Json:
    """A route whose options may be `given` in the query instead of in the body."""
    responses = {"200": response("What the model reads.", "application/json", answer)}
    parameters = [
        {"name": option, "in": "query", "description": _INSTEAD, "schema": schema}
        for option, schema in given.items()
    ]
    return {
        "post": {
            "tags": ["predictions"],
            "operationId": name,
            "description": description,
            "parameters": parameters,
            "requestBody": body,
            "responses": {**responses, **failures(errors, _ERROR)},
        }
    }


def _classifier_name(settings: Settings) -> Json:
    return {
        "type": "string",
        **one_of(list_classifiers(settings.models_dir)),
        "description": f"A published model that reads digits; left out, {settings.default_model}.",
    }


def _transcriber_name(settings: Settings) -> Json:
    return {
        "type": "string",
        **one_of(list_transcribers(settings.models_dir)),
        "description": "A published model that reads numbers; left out, the first by name.",
    }


def _body(settings: Settings, media_type: str, fields: Json, given: Json) -> Json:
    """A body of these fields, and of the options that may be `given`, or be null."""
    schema = {
        "type": "object",
        "properties": {**fields, **{name: _or_null(option) for name, option in given.items()}},
        "required": list(fields),
        "additionalProperties": False,
    }
    return {
        "required": True,
        "description": f"At most {settings.max_body_bytes} bytes.",
        "content": {media_type: {"schema": schema}},
    }


def _or_null(option: Json) -> Json:
    return {"anyOf": [option, {"type": "null"}]}


def _operations() -> Json:
    text = {"type": "string"}
    probe = {"200": response("Yes.", "text/plain", text)}
    ready = {**probe, **failures((NotReadyError,), _ERROR)}
    json = {"200": response("A document.", "application/json", {"type": "object"})}
    metrics = {"200": response("Metrics.", "text/plain", text)}
    described = {
        "/healthz": ("healthz", "The same as /livez.", probe),
        "/livez": ("livez", "Whether the process is alive.", probe),
        "/readyz": ("readyz", "Whether every model is loaded and can be asked.", ready),
        "/metrics": ("metrics", "Prometheus metrics.", metrics),
        "/docs.json": ("docs", "The description of the service.", json),
        "/schema.json": ("schema", "What BentoML's clients need to know.", json),
    }
    return {path: _get(path, *operation) for path, operation in described.items()}


def _get(path: str, name: str, description: str, responses: Json) -> Json:
    operation = {"tags": ["operations"], "operationId": name, "description": description}
    answers = {**responses, **failures(refusals(path), _ERROR)}
    return {"get": {**operation, **access(path), "responses": answers}}


def _previewed(plain: type[BaseModel], previewed: type[BaseModel]) -> Json:
    """A prediction, which has a preview only where one was asked for."""
    always = plain.model_json_schema(ref_template=_REFERENCE)
    schema = previewed.model_json_schema(ref_template=_REFERENCE)
    return {**schema, **{key: always[key] for key in _NAMED}}


def _number_prediction() -> Json:
    """The schemas of a number's prediction and of its parts."""
    schema = _previewed(NumberPrediction, PreviewedNumberPrediction)
    return {**schema.pop("$defs"), "NumberPrediction": schema}


def _error() -> Json:
    """The one error body."""
    codes = sorted(error.code for error in known_errors())
    detail = {
        "code": {"type": "string", "enum": codes, "description": "Stable, for programs."},
        "message": {"type": "string", "description": "For people: what, why, and the remedy."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
    }
    return closed({"error": closed(detail)})
