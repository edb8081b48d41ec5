"""Pieces that every part of the OpenAPI document is made of."""

from collections.abc import Iterable, Sequence
from typing import Any

from service.errors import ApiError, UnauthorizedError
from service.paths import PROBES

Json = dict[str, Any]
Errors = tuple[type[ApiError], ...]


def response(description: str, media_type: str, schema: Json) -> Json:
    """One response of an operation."""
    return {"description": description, "content": {media_type: {"schema": schema}}}


def access(path: str) -> Json:
    """The security of an operation at `path`, where it is not that of the whole document."""
    return {"security": []} if path in PROBES else {}


def refusals(path: str) -> Errors:
    """The errors of a GET that are raised before its route is reached."""
    return () if path in PROBES else (UnauthorizedError,)


def failures(errors: Iterable[type[ApiError]], schema: Json) -> Json:
    """Responses by status, each of which lists its error codes and what they mean."""
    by_status: dict[int, list[type[ApiError]]] = {}
    for error in errors:
        by_status.setdefault(error.status.value, []).append(error)
    return {
        str(status): response(
            "\n".join(f"- `{error.code}`: {error.__doc__}" for error in by_status[status]),
            "application/json",
            schema,
        )
        for status in sorted(by_status)
    }


def closed(properties: Json) -> Json:
    """An object of exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def one_of(values: Sequence[str]) -> Json:
    """The constraint to one of `values`; no constraint where there are none."""
    return {"enum": list(values)} if values else {}


def component(name: str) -> Json:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}
