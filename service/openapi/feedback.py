"""The route that takes the right answers, in the OpenAPI document; there where they are kept."""

from service.errors import (
    AmbiguousRequestError,
    InvalidJsonError,
    NotFiniteError,
    NotKeptError,
    OutOfRangeError,
    UnknownRequestError,
    WrongShapeError,
    WrongTypeError,
)
from service.monitoring.monitor import Corrected
from service.openapi.parts import Errors, Json, failures, response
from service.uploads import feedback, sequences

_OWN: Errors = (
    InvalidJsonError,
    WrongTypeError,
    WrongShapeError,
    NotFiniteError,
    OutOfRangeError,
    UnknownRequestError,
    AmbiguousRequestError,
    NotKeptError,
)


def route(error: Json, *, errors: Errors) -> Json:
    """The route; `errors` are those of every route that reads a body."""
    fields: Json = {
        "request_id": {"type": "string", "description": "The `X-Request-Id` of the answer."},
        "digit": {
            "anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "null"}],
            "description": "The right answer; null: the picture shows no digit.",
        },
        "index": {
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}],
            "description": "The place of the picture, if the request had several.",
        },
    }
    body = {
        "type": "object",
        "properties": fields,
        "required": ["request_id", "digit"],
        "additionalProperties": False,
    }
    answer = Corrected.model_json_schema()
    return {
        "post": {
            "tags": ["predictions"],
            "operationId": "feedback",
            "description": "Tell what the right answer to an earlier request is, whichever worker "
            "answered it. It may be told again; the last word counts.",
            "requestBody": {
                "required": True,
                "description": f"At most {feedback.MAX_BYTES} bytes.",
                "content": {sequences.MEDIA_TYPE: {"schema": body}},
            },
            "responses": {
                "200": response("What is kept now.", sequences.MEDIA_TYPE, answer),
                **failures((*errors, *_OWN), error),
            },
        }
    }
