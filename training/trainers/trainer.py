"""Train a recipe's network epoch by epoch, and evaluate it.

Each epoch draws its random numbers from a generator of its own, seeded by the recipe's seed and the
epoch, so that a run that was stopped after an epoch goes on exactly as if it had not been.
"""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data.augmentation import pen, warp
from training.data.datasets import DataSet, Split, as_rows, shuffled
from training.data.drawn import hands, outliers
from training.errors import TrainingDivergedError
from training.networks.modules import RowClassifier, build
from training.recipes.shipped import Recipe
from training.trainers.tasks import EVALUATION_BATCH
from training.trainers.teachers import TEMPERATURE, Teachers
from training.trainers.weight_average import weight_average

# Too many to be memorised, and drawn in half a minute.
MOST_OUTLIERS = 20_000
MOST_HANDS = 30_000
# Weight of the divergence from the answers of the network that training goes on from, beside the
# loss. Larger: new pictures are learned more slowly; smaller: what was known is forgotten.
REMEMBER = 8.0
DIVERGENCE_CHECK = 50  # steps between two checks of the loss; a check waits for the device


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """The results of one pass over the training images, or of one epoch's lines."""

    number: int  # from 1
    step: int  # optimiser steps since the start
    learning_rate: float  # of the last step
    train_loss: float  # mean cross-entropy in nats over the augmented images; CTC's of a label
    validation_loss: float  # of the averaged weights; CTC's of a line
    validation_accuracy: float  # of the averaged weights, in [0, 1]; of whole lines
    images_per_second: float
    seconds: float  # training and validation together


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a classifier gives on a split: logits (n, 10) float32 and predictions (n,) int64.

    `accuracy` lies in [0, 1]; `loss` is the mean cross-entropy in nats.
    """

    logits: Tensor
    predictions: Tensor
    accuracy: float
    loss: float


class Trainer:
    """One run: its network, weight average, optimiser, best network, and the epochs so far."""

    def __init__(
        self,
        recipe: Recipe,
        data: DataSet,
        device: torch.device,
        start: nn.Module | None = None,
        teachers: Teachers | None = None,
    ) -> None:
        """Train `recipe` on `data`, from weights at random, or from those of `start`.

        With `start`, pictures that it reads right teach the network its answers, too, so that
        nothing is forgotten (learning without forgetting, arXiv 1606.09282). `teachers` are those
        that the recipe names.
        """
        self.recipe = recipe
        self.device = device
        self.data = data.to(device)
        torch.manual_seed(recipe.seed)
        self.network = build(recipe.network).to(device)
        self.teachers = teachers.to(device) if teachers else None
        self._start = None
        if start is not None:
            self.network.load_state_dict(start.state_dict())
            self._start = copy.deepcopy(start).to(device).eval().requires_grad_(False)
        self.averaged = weight_average(self.network, recipe.average_decay)
        self.best = copy.deepcopy(self.average)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self.history: list[Epoch] = []
        count = min(MOST_OUTLIERS, len(data.train)) if recipe.outliers else 0
        self._outliers = outliers.draw(count, data.train.images, recipe.seed).to(device)
        count = min(MOST_HANDS, len(data.train)) if recipe.hands else 0
        self._hands = hands.draw(count, recipe.seed).to(device)

    @property
    def average(self) -> nn.Module:
        """The network with the averaged weights, which is validated and exported."""
        return self.averaged.module

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one pass over the training images."""
        return math.ceil(len(self.data.train) / self.recipe.batch_size)

    @property
    def samples(self) -> int:
        """Images of all epochs, but for those that are drawn beside them."""
        return self.recipe.epochs * len(self.data.train)

    @property
    def samples_done(self) -> int:
        """Those of the epochs that are done."""
        return len(self.history) * len(self.data.train)

    @property
    def best_epoch(self) -> Epoch:
        """The epoch whose averaged weights are kept as the best."""
        return best_of(self.history)

    @property
    def finished(self) -> bool:
        """Whether all of the recipe's epochs are done."""
        return len(self.history) >= self.recipe.epochs

    def run_epoch(self, on_batch: Callable[[int], object] = lambda images: None) -> Epoch:
        """Train on every image once, then validate; call `on_batch(n)` after a batch of n images.

        Raises:
            TrainingDivergedError: the loss is not finite.

        """
        number = len(self.history) + 1
        started = time.perf_counter()
        seed = self.recipe.seed * 100_003 + number
        generator = torch.Generator(self.device).manual_seed(seed)
        torch.manual_seed(seed)  # dropout can draw from the global generator only
        total = torch.zeros((), device=self.device)
        step = (number - 1) * self.steps_per_epoch
        for index in shuffled(len(self.data.train), self.recipe.batch_size, generator):
            loss = self._step(self.data.train.take(index), step, generator)
            total += loss * len(index)
            step += 1
            if step % DIVERGENCE_CHECK == 0:
                self._check_finite(loss.item(), number, step)
            on_batch(len(index))
        self._check_finite(total.item(), number, step)
        trained = time.perf_counter()
        validation = evaluate(self.average, self.data.validation)
        # No loss of this epoch is of the weights that its last step has left.
        self._check_finite(validation.loss, number, step)
        self.history.append(
            Epoch(
                number=number,
                step=step,
                learning_rate=learning_rate(self.recipe, step - 1, self.steps_per_epoch),
                train_loss=total.item() / len(self.data.train),
                validation_loss=validation.loss,
                validation_accuracy=validation.accuracy,
                images_per_second=len(self.data.train) / (trained - started),
                seconds=time.perf_counter() - started,
            )
        )
        if self.best_epoch.number == number:
            self.best.load_state_dict(self.average.state_dict())
        return self.history[-1]

    def _step(self, batch: Split, step: int, generator: torch.Generator) -> Tensor:
        """Take one optimiser step on `batch`; returns its mean loss, a scalar on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, step, self.steps_per_epoch)
        size = len(batch)
        drawn = self._hands.take(self._choose(len(self._hands), size, self.recipe.hands, generator))
        digits = batch.join(drawn)
        chosen = self._choose(len(self._outliers), size, self.recipe.outliers, generator)
        images = torch.cat([digits.images, self._outliers[chosen]])
        rows = warp(as_rows(images), self.recipe.augmentation, generator)
        if self.recipe.augmentation.pen:
            rows = pen(rows, self.recipe.augmentation, generator)
        loss, total = self._losses(rows, digits.labels)
        self.optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        self.averaged.update_parameters(self.network)
        return loss.detach()

    def _losses(self, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The mean loss of the digits, and what is minimised, both scalars.

        Args:
            rows: (k + m, 28, 28) float32 in [0, 1]: k digits, then m outliers.
            labels: (k,) int64.

        """
        weight = self.recipe.row_weight
        logits = self._logits(self.network, rows)
        digits, others = logits.split([len(labels), len(rows) - len(labels)])
        wanted = labels[:, None].expand(-1, digits.shape[2])
        by_row = functional.cross_entropy(digits, wanted, reduction="none").mean(dim=0)
        loss = by_row[-1] + weight * by_row.mean()
        unsure = _unsure(others[..., -1]) + weight * _unsure(others)
        total = loss + self.recipe.outlier_weight * unsure
        if self.teachers:
            answers = self.teachers.answer(rows).unsqueeze(2)  # (k + m, 10, 1)
            total = total + _divergence(answers, logits[..., -1:])[0]
        if self._start is not None:
            with torch.no_grad():
                before = self._logits(self._start, rows)
            misread = before[: len(labels), :, -1].argmax(dim=1) != labels
            known = torch.cat([~misread, misread.new_ones(len(others))])
            apart = _divergence(before[known], logits[known])
            total = total + REMEMBER * (apart[-1] + weight * apart.mean())
        return by_row[-1], total

    def _logits(self, network: nn.Module, rows: Tensor) -> Tensor:
        """What `network` gives for rows (n, 28, 28): (n, 10, 28) after each, or the last alone."""
        if self.recipe.row_weight:
            reader = cast(RowClassifier, network)  # any other recipe has no `row_weight`
            return reader.after_each_row(rows).transpose(1, 2)
        logits: Tensor = network(rows)
        return logits.unsqueeze(2)  # (n, 10, 1)

    def _choose(self, pool: int, batch: int, share: float, generator: torch.Generator) -> Tensor:
        """Indices (round(batch * share),) of pictures to add to a batch, out of `pool`."""
        count = round(batch * share) if pool else 0
        if not count:
            return torch.zeros(0, dtype=torch.int64, device=self.device)
        return torch.randint(pool, (count,), generator=generator, device=self.device)

    def _check_finite(self, loss: float, epoch: int, step: int) -> None:
        if not math.isfinite(loss):
            rate = learning_rate(self.recipe, step - 1, self.steps_per_epoch)
            raise TrainingDivergedError(
                f"{self.recipe.name}: the loss is {loss} in epoch {epoch}, step {step}, at "
                f"learning rate {rate:.3g}; what was saved after epoch {epoch - 1} is kept. Train "
                "again with a lower learning_rate or clip_norm in the recipe."
            )


def best_of(history: Sequence[Epoch]) -> Epoch:
    """The first epoch with the least validation loss.

    It is less noisy than the accuracy: of 5,000 images a few more or less are right by chance.
    """
    return min(history, key=lambda epoch: epoch.validation_loss)


def _unsure(logits: Tensor) -> Tensor:
    """The cross-entropy of logits (m, 10, ...) with all ten digits equally right; 0 if m is 0."""
    return -logits.log_softmax(dim=1).mean() if len(logits) else logits.sum()


def _divergence(before: Tensor, after: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of logits (n, 10, rows) from those `before`, after each row.

    Both are divided by a temperature; the mean over the pictures, (rows,), times the temperature's
    square, as in arXiv 1503.02531.
    """
    wanted = (before / TEMPERATURE).log_softmax(dim=1)
    given = (after / TEMPERATURE).log_softmax(dim=1)
    apart = (wanted.exp() * (wanted - given)).sum(dim=1)  # (n, rows)
    return TEMPERATURE**2 * apart.sum(dim=0) / max(1, len(apart))


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """The rate of step `step`, from 0, of all steps of `recipe`."""
    return scheduled(recipe.learning_rate, recipe.warmup, step, recipe.epochs * steps_per_epoch)


def scheduled(peak: float, warmup: float, step: int, steps: int) -> float:
    """The rate of step `step`, from 0, of `steps`: a linear warm-up to `peak`, a cosine to zero.

    `warmup` is a fraction of the steps; the cosine is half a period.
    """
    first = max(1.0, warmup * steps)
    if step < first:
        return peak * (step + 1) / (first + 1)
    progress = (step - first) / max(1.0, steps - first)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


@torch.inference_mode()
def evaluate(network: nn.Module, split: Split) -> Evaluation:
    """Evaluate a classifier on `split`; it is in eval mode and on the same device."""
    batches = split.images.split(EVALUATION_BATCH)
    logits = torch.cat([network(as_rows(images)) for images in batches])  # (n, 10)
    predictions = logits.argmax(dim=1)
    return Evaluation(
        logits=logits.cpu(),
        predictions=predictions.cpu(),
        accuracy=(predictions == split.labels).double().mean().item(),
        loss=functional.cross_entropy(logits, split.labels).item(),
    )
