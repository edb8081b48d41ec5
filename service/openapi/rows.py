"""The route that reads row by row, in the OpenAPI document."""

import msgspec

from service.errors import (
    BodyTooLargeError,
    EmptyBatchError,
    InvalidJsonError,
    NotFiniteError,
    OutOfRangeError,
    WrongShapeError,
)
from service.images.read_image import SIDE
from service.inference.classifier import PreviewedPrediction
from service.inference.row_classifier import RowPrediction
from service.openapi.parts import Errors, Json, component, failures, response
from service.settings import Settings
from service.uploads import multipart_form, options, rows, sequences

_OWN: Errors = (
    BodyTooLargeError,
    InvalidJsonError,
    EmptyBatchError,
    WrongShapeError,
    NotFiniteError,
    OutOfRangeError,
)
_HIDDEN: Json = {
    "type": "boolean",
    "description": "true: send the hidden state of the last layer after every row, as `hidden`.",
}
_STOP_AT: Json = {
    "type": "number",
    "exclusiveMinimum": 0,
    "exclusiveMaximum": 1,
    "description": "End the reading at the first row whose confidence reaches this.",
}
_EVENTS = (
    "Server-sent events: `event: row` for every row, its data a `RowPrediction`; then `event: "
    "prediction`, its data as `/predict` answers, or an `EarlyPrediction` when fewer than "
    f"{SIDE} rows were read. What fails after the first event is an `event: error` with the one "
    "error body."
)


def route(
    settings: Settings, file: Json, model: Json, preview: Json, error: Json, *, errors: Errors
) -> Json:
    """The route, whose form holds `file`; `errors` are those of every route that reads images."""
    given = {options.MODEL: model, options.HIDDEN: _HIDDEN, options.STOP_AT: _STOP_AT}
    form = {"image": file, **given, options.PREVIEW: preview}
    row = {
        "type": "array",
        "items": {"type": "number", "minimum": 0, "maximum": 1},
        "minItems": SIDE,
        "maxItems": SIDE,
    }
    numbers = {"rows": {"type": "array", "items": row, "minItems": 1, "maxItems": SIDE}, **given}
    return {
        "post": {
            "tags": ["predictions"],
            "operationId": "predict_rows",
            "description": "Read the digit in one image, or in rows given as numbers, and tell "
            "after every row what is read so far. The WebSocket `/stream` takes rows as they are "
            "written.",
            "parameters": [
                {
                    "name": name,
                    "in": "query",
                    "description": "The same as in the body, in whose place it may be given here.",
                    "schema": schema,
                }
                for name, schema in {**given, options.PREVIEW: preview}.items()
            ],
            "requestBody": {
                "required": True,
                "description": f"At most {settings.max_body_bytes} bytes; as JSON at most "
                f"{rows.MAX_BYTES}, and without `{options.PREVIEW}`.",
                "content": {
                    multipart_form.MEDIA_TYPE: {"schema": _object(form, "image")},
                    sequences.MEDIA_TYPE: {"schema": _object(numbers, "rows")},
                },
            },
            "responses": {
                # No type: some tools hold a schema against the whole text, others against an event.
                "200": response(
                    _EVENTS, "text/event-stream", {"description": "text, event by event"}
                ),
                **failures(dict.fromkeys((*errors, *_OWN)), error),
            },
        }
    }


def row_prediction() -> Json:
    """The data of `event: row`, and of what the WebSocket answers to a row."""
    _, found = msgspec.json.schema_components(
        [RowPrediction], ref_template=component("{name}")["$ref"]
    )
    schema: Json = found["RowPrediction"]
    return schema


def early_prediction() -> Json:
    """The data of `event: prediction` when not all rows were read."""
    known = PreviewedPrediction.model_json_schema()
    count = {
        "type": "integer",
        "minimum": 1,
        "maximum": SIDE - 1,
        "description": "How many rows were read.",
    }
    required = [name for name in known["required"] if name != options.PREVIEW]
    return {
        **known,
        "title": "EarlyPrediction",
        "description": "What a model reads in the first rows of a picture.",
        "properties": {**known["properties"], "rows": count},
        "required": [*required, "rows"],
    }


def _object(properties: Json, required: str) -> Json:
    return {
        "type": "object",
        "properties": {
            name: schema if name == required else {"anyOf": [schema, {"type": "null"}]}
            for name, schema in properties.items()
        },
        "required": [required],
        "additionalProperties": False,
    }
