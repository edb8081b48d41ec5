"""Train as tutorials do: every batch one step at a fixed rate, evaluated every so many steps.

`trainers.trainer` is the one that made the shipped classifiers; this one leaves out everything that
would hide what a recipe by itself comes to.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from training.data.datasets import DataSet
from training.networks.modules import build
from training.recipes.plain import PlainRecipe
from training.trainers.tasks import lesson_for


@dataclass(frozen=True, kw_only=True)
class Point:
    """One evaluation on the way."""

    step: int  # optimiser steps taken
    loss: float | None  # of the last batch; None where it is not finite
    score: float  # see `training.trainers.tasks.Lesson`


class PlainTrainer:
    """One run: the network, its optimiser, and what was seen on the way."""

    def __init__(self, recipe: PlainRecipe, data: DataSet | None, device: torch.device) -> None:
        self.recipe, self.data, self.device = recipe, data, device
        torch.manual_seed(recipe.seed)
        self.network = build(recipe.network).to(device)
        self.optimizer = _optimizer(recipe, self.network)
        self.lesson = lesson_for(recipe, data, device)
        self.curve: list[Point] = []

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.recipe.epochs * self.lesson.steps_per_epoch

    def run(self, on_step: Callable[[], object] = lambda: None) -> dict[str, float]:
        """Train to the end and give the final scores; `on_step` is called after every step.

        A loss that is not finite does not stop the run: what a recipe comes to is the result.
        """
        # Apart from the generator that drew the weights, so that both follow from the seed alone.
        generator = torch.Generator(self.device).manual_seed(self.recipe.seed)
        step = 0
        for _ in range(self.recipe.epochs):
            for loss in self.lesson.losses(self.network, generator):
                self._step(loss)
                step += 1
                if step % self.recipe.evaluate_every == 0 or step == self.steps:
                    self._evaluate(step, loss.item())
                on_step()
        with torch.inference_mode():
            return self.lesson.scores(self.network)

    def _step(self, loss: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.optimizer.step()

    @torch.inference_mode()
    def _evaluate(self, step: int, loss: float) -> None:
        self.curve.append(
            Point(
                step=step,
                loss=loss if math.isfinite(loss) else None,
                score=self.lesson.score(self.network),
            )
        )


def _optimizer(recipe: PlainRecipe, network: nn.Module) -> torch.optim.Optimizer:
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.SGD
    # Fused is the same arithmetic in one pass over all weights.
    return kind(network.parameters(), lr=recipe.learning_rate, fused=True)
