"""Which model a request asks for: its route finds out, and the outermost layer counts by it."""

from collections.abc import MutableMapping
from typing import Any

NONE = "none"  # what metrics call it when no model was asked for, or none that exists

_KEY = "rowreader.model"


def begin(scope: MutableMapping[str, Any]) -> None:
    """Make a place for the answer, which copies of `scope` share."""
    scope[_KEY] = [NONE]


def say(scope: MutableMapping[str, Any], model: str) -> None:
    """Keep the name of the published model that is asked for."""
    scope.setdefault(_KEY, [NONE])[0] = model


def of(scope: MutableMapping[str, Any]) -> str:
    """The model's name, `NONE` as long as nobody said it."""
    name: str = scope[_KEY][0]
    return name
