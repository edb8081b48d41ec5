"""Range checks for the fields of recipes and of networks' configurations.

Each check raises a `RecipeError` that names the field, its value and what is allowed.
"""

from typing import Any

from training.errors import RecipeError

_MOST = 1_000_000  # of a count; more can only be a mistake


def check_range(
    owner: object, name: str, low: float, high: float, *, above_low: bool = False
) -> None:
    """Refuse a number outside [`low`, `high`], or outside (`low`, `high`] with `above_low`.

    A NaN is refused, too.

    Raises:
        RecipeError: the field `name` of `owner` is outside.

    """
    value = getattr(owner, name)
    if not (low < value if above_low else low <= value) or not value <= high:
        bracket = "(" if above_low else "["
        raise RecipeError(f"{name} is {value!r}, expected a number in {bracket}{low}, {high}]")


def check_counts(owner: object, *names: str) -> None:
    """Refuse anything but whole numbers from 1 to a million, in these fields or in their tuples.

    Raises:
        RecipeError: naming the first field that holds something else.

    """
    for name in names:
        value = getattr(owner, name)
        for count in value if isinstance(value, tuple) else (value,):
            if isinstance(count, bool) or not isinstance(count, int):
                raise RecipeError(f"{name} is {value!r}, expected a whole number")
            if not 1 <= count <= _MOST:
                raise RecipeError(f"{name} is {value!r}, expected a number in [1, {_MOST}]")


def check_choice(owner: object, name: str, choices: tuple[Any, ...]) -> None:
    """Refuse a value that is not among `choices`.

    Raises:
        RecipeError: the field `name` of `owner` holds another value.

    """
    if (value := getattr(owner, name)) not in choices:
        expected = ", ".join(map(str, choices))
        raise RecipeError(f"{name} is {value!r}, expected one of {expected}")
