"""Checks of recipes' fields; what cannot be is refused by the field's name, value and range."""

from typing import Any


class RecipeError(ValueError):
    """A recipe asks for what cannot be; the message names the field, its value and its range."""


def check(owner: object, name: str, low: float, high: float, *, open_below: bool = False) -> None:
    """Refuse a number outside of [`low`, `high`], or of (`low`, `high`]; a NaN always.

    Raises:
        RecipeError: the field `name` of `owner` is outside.

    """
    value = getattr(owner, name)
    # A NaN fails every comparison, so it is refused too.
    if not (low < value if open_below else low <= value) or not value <= high:
        bracket = "(" if open_below else "["
        raise RecipeError(f"{name} is {value!r}, expected a number in {bracket}{low}, {high}]")


def check_counts(owner: object, *names: str) -> None:
    """Refuse what is no whole number from 1 to a million; of a tuple, any of its elements.

    Raises:
        RecipeError: naming the first field that is none.

    """
    for name in names:
        value = getattr(owner, name)
        for count in value if isinstance(value, tuple) else (value,):
            if isinstance(count, bool) or not isinstance(count, int):
                raise RecipeError(f"{name} is {value!r}, expected a whole number")
            if not 1 <= count <= 1_000_000:
                raise RecipeError(f"{name} is {value!r}, expected a number in [1, 1000000]")


def check_choice(owner: object, name: str, choices: tuple[Any, ...]) -> None:
    """Refuse what is none of `choices`.

    Raises:
        RecipeError: the field `name` of `owner` is none.

    """
    if (value := getattr(owner, name)) not in choices:
        expected = ", ".join(map(str, choices))
        raise RecipeError(f"{name} is {value!r}, expected one of {expected}")
