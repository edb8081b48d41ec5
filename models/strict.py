"""JSON as dataclasses, strictly: nothing is coerced, nothing missing, nothing unknown.

A dataclass that is made of impossible values says so by a `ValueError`.
"""

import dataclasses
import json
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class StrictError(ValueError):
    """A JSON value is not of the type that it should have."""


def build(kind: Any, value: Any, where: str) -> Any:
    """`value`, as JSON gave it, as an instance of the type `kind`.

    Raises:
        StrictError: naming `where` it does not fit, what was expected and what was found.

    """
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, value, where)
    if origin in (UnionType, Union):
        if value is None and NoneType in arguments:
            return None
        for option in arguments:
            if option is not NoneType and _fits(option, value):
                return build(option, value, where)
    elif origin is Literal:
        if value in arguments and not isinstance(value, bool):
            return value
    elif origin is tuple:
        if isinstance(value, list):
            kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
            if len(kinds) == len(value):
                pairs = zip(kinds, value, strict=True)
                return tuple(build(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(pairs))
    elif _fits(kind, value):
        return value
    raise StrictError(f"{where}: expected {_describe(kind)}, found {show(value)}")


def _dataclass(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise StrictError(f"{where}: expected an object, found {show(value)}")
    hints = get_type_hints(kind)
    required = {
        f.name
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    if missing := sorted(required - value.keys()):
        raise StrictError(f"{where}: missing {', '.join(missing)}")
    if unknown := sorted(value.keys() - hints.keys()):
        raise StrictError(f"{where}: unknown {', '.join(unknown)}")
    fields = {key: build(hints[key], item, f"{where}: {key}") for key, item in value.items()}
    try:
        return kind(**fields)
    except ValueError as error:
        raise StrictError(f"{where}: {error}") from None


def _fits(kind: Any, value: Any) -> bool:
    """Whether a plain JSON value is of `kind`; true is no number, and an int may stand for 1.0."""
    if dataclasses.is_dataclass(kind):
        return isinstance(value, dict)
    if get_origin(kind) is tuple:
        return isinstance(value, list)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if get_origin(kind) is not None:
        return isinstance(value, dict)
    return isinstance(value, kind) and not isinstance(value, bool)


def _describe(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")


def show(value: Any) -> str:
    """`value` as JSON, cut to a length that a message can hold."""
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}..."
