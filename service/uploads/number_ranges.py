"""The range of values that a model was made for."""

import numpy as np
from numpy.typing import NDArray

from service.errors import NotFiniteError, OutOfRangeError


def check_range(
    values: NDArray[np.floating], name: str, bounds: tuple[float, float], remedy: str
) -> None:
    """Refuse what lies outside `bounds`, both ends allowed; NaN lies outside of everything.

    Args:
        values: of any shape.
        name: what `values` are called in a message, which adds the index.
        bounds: the smallest and the largest number allowed.
        remedy: what to do about it.

    Raises:
        NotFiniteError, OutOfRangeError: naming the first offending index, its value, and `bounds`.

    """
    low, high = bounds
    inside = (values >= low) & (values <= high)
    if inside.all():
        return
    index = np.unravel_index(inside.argmin(), values.shape)
    value = values[index]
    place = name + "".join(f"[{i}]" for i in index)
    expected = f"{place} is {value}, expected numbers in [{low:g}, {high:g}]; {remedy}"
    raise OutOfRangeError(expected) if np.isfinite(value) else NotFiniteError(expected)
