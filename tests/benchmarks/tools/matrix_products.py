"""The matrix products that a network cannot do without, and nothing around them.

No normalisation, no bias, no gates and no copies: products of the network's own shapes into memory
that is already there, in NumPy or by torch. What a product is fed does not depend on the one
before, so this is less work than any network that gives the right answer.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from training.networks.configuration import CLASSES, COLUMNS, ROWS, ReNetConfig
from training.networks.modules import PATCH
from training.recipes.shipped import Recipe

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
Product = tuple[tuple[int, int], tuple[int, int], int]  # two matrices, and how often


def products(recipe: Recipe, batch: int) -> list[Product]:
    """The shapes of the products of one run, in order, each with its number of repetitions."""
    if isinstance(recipe.network, ReNetConfig):
        return _renet_products(recipe.network, batch)
    hidden, gates = recipe.hidden_size, GATES[recipe.cell]
    found: list[Product] = []
    for layer in range(recipe.num_layers):
        width = COLUMNS if layer == 0 else hidden
        # What the steps read does not depend on state: one product for all of them.
        found.append(((ROWS * batch, width), (width, gates * hidden), 1))
        found.append(((batch, hidden), (hidden, gates * hidden), ROWS))
    return [*found, ((batch, hidden), (hidden, CLASSES), 1)]


def _renet_products(network: ReNetConfig, batch: int) -> list[Product]:
    gates, side, width = GATES[network.cell], ROWS, 0
    found: list[Product] = []
    for hidden in network.hidden_sizes:
        side //= PATCH
        width = PATCH**2 * width or (PATCH + 2 * network.margin) ** 2
        for features in (width, 2 * hidden):  # along the rows, then along the columns
            # In both directions: what all steps read, and each step's state of a whole line.
            found.append(((side * side * batch, features), (features, gates * hidden), 2))
            found.append(((side * batch, hidden), (hidden, gates * hidden), 2 * side))
        width = 2 * hidden
    return [*found, ((batch, side * side * width), (side * side * width, CLASSES), 1)]


def operations(recipe: Recipe, batch: int) -> int:
    """Multiplications and additions of all products."""
    return sum(2 * a[0] * a[1] * b[1] * times for a, b, times in products(recipe, batch))


def numpy_floor(recipe: Recipe, batch: int) -> Callable[[], None]:
    """All products by `numpy.matmul`."""
    draw = np.random.default_rng(0)
    made = [
        (draw.random(a, np.float32), draw.random(b, np.float32), times)
        for a, b, times in products(recipe, batch)
    ]
    ready = [(a, b, np.empty((len(a), b.shape[1]), np.float32), times) for a, b, times in made]
    return _repeat(lambda a, b, out: np.matmul(a, b, out=out), ready)


def torch_floor(recipe: Recipe, batch: int, device: str = "cpu") -> Callable[[], None]:
    """All products by `torch.mm`."""
    made = [
        (torch.rand(a, device=device), torch.rand(b, device=device), times)
        for a, b, times in products(recipe, batch)
    ]
    ready = [(a, b, torch.mm(a, b), times) for a, b, times in made]
    run = _repeat(lambda a, b, out: torch.mm(a, b, out=out), ready)
    return torch.inference_mode()(run)


def _repeat(
    multiply: Callable[[Any, Any, Any], object], ready: list[tuple[Any, Any, Any, int]]
) -> Callable[[], None]:
    def run() -> None:
        for a, b, out, times in ready:
            for _ in range(times):
                multiply(a, b, out)

    return run
