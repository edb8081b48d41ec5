"""Train as the tutorials do: at a fixed rate, with an evaluation every so many steps.

`training.trainers.trainer` made the classifiers that ship; this trainer leaves out whatever would
hide what a recipe achieves by itself.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from training.data.datasets import DataSet
from training.networks.modules import build
from training.recipes.plain import PlainRecipe
from training.trainers.tasks import training_task


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One evaluation during training."""

    step: int  # optimiser steps taken
    loss: float | None  # of the last batch; None if it is not finite
    score: float  # see `training.trainers.tasks.TrainingTask`


class PlainTrainer:
    """One run: its network, optimiser and task, and the evaluations so far."""

    def __init__(self, recipe: PlainRecipe, data: DataSet | None, device: torch.device) -> None:
        self.recipe, self.data, self.device = recipe, data, device
        torch.manual_seed(recipe.seed)
        self.network = build(recipe.network).to(device)
        self.optimizer = _optimizer(recipe, self.network)
        self.task = training_task(recipe, data, device)
        self.curve: list[CurvePoint] = []

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.recipe.epochs * self.task.steps_per_epoch

    def run(self, on_step: Callable[[], object] = lambda: None) -> dict[str, float]:
        """Train to the end and return the final scores; call `on_step` after every step.

        A loss that is not finite does not stop the run: it is what the recipe comes to.
        """
        # A generator of its own, so that drawing the weights cannot change the order of batches.
        generator = torch.Generator(self.device).manual_seed(self.recipe.seed)
        step = 0
        for _ in range(self.recipe.epochs):
            for loss in self.task.losses(self.network, generator):
                self._step(loss)
                step += 1
                if step % self.recipe.evaluate_every == 0 or step == self.steps:
                    self._evaluate(step, loss.item())
                on_step()
        with torch.inference_mode():
            return self.task.final_scores(self.network)

    def _step(self, loss: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.optimizer.step()

    @torch.inference_mode()
    def _evaluate(self, step: int, loss: float) -> None:
        self.curve.append(
            CurvePoint(
                step=step,
                loss=loss if math.isfinite(loss) else None,
                score=self.task.score(self.network),
            )
        )


def _optimizer(recipe: PlainRecipe, network: nn.Module) -> torch.optim.Optimizer:
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.SGD
    # Fused: the same arithmetic in one pass over all weights.
    return kind(network.parameters(), lr=recipe.learning_rate, fused=True)
