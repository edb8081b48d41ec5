"""Train a reader of lines with CTC on lines that are composed anew for every epoch.

As in `training.trainers.trainer`, each epoch draws its random numbers from seeds of its own.
"""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.transcription import BLANK, join_path
from training.data.datasets import DataSet
from training.data.lines.batches import LineBatch, batches_of_epoch, pack
from training.data.lines.composition import Line
from training.data.lines.kinds import draw
from training.data.lines.parts import Digits
from training.errors import TrainingDivergedError
from training.networks.line_reader import LineReader
from training.networks.modules import build
from training.recipes.lines import LineRecipe, Phase
from training.trainers.trainer import DIVERGENCE_CHECK, Epoch, best_of, scheduled
from training.trainers.weight_average import weight_average

VALIDATION_LINES = 1_000
_EVALUATION_BATCH = 64
_VALIDATION_SEED = 1_000_003
_FAST_PLACEMENT = 8  # an eighth of the first phase
_LASTING_PLACEMENT = 0.1


@dataclass(frozen=True, kw_only=True)
class LineEvaluation:
    """What a reader gives on lines: its texts, the share without a fault, and the mean loss.

    `texts` holds the labels of each line; `loss` is CTC's in nats a line.
    """

    texts: list[tuple[int, ...]]
    accuracy: float
    loss: float


class LineTrainer:
    """One run: its network, weight average, optimiser, best network, and the epochs so far."""

    def __init__(self, recipe: LineRecipe, data: DataSet, device: torch.device) -> None:
        self.recipe = recipe
        self.device = device
        self.data = data
        torch.manual_seed(recipe.seed)
        self.network = _reader(build(recipe.network)).to(device)
        self.averaged = weight_average(self.network, recipe.average_decay)
        self.best = copy.deepcopy(self.average)
        weights = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": weights},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=recipe.phases[0].learning_rate,
            weight_decay=recipe.weight_decay,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.history: list[Epoch] = []
        self._digits = Digits(data.train)
        self._validation = validation_lines(data, VALIDATION_LINES)

    @property
    def average(self) -> LineReader:
        """The network with the averaged weights, which is validated and exported."""
        return _reader(self.averaged.module)

    @property
    def samples(self) -> int:
        """Lines of all epochs."""
        return sum(phase.steps * phase.batch_size for phase in self.recipe.phases)

    @property
    def samples_done(self) -> int:
        """Lines of the epochs that are done."""
        phases = (self._phase(epoch)[0] for epoch in range(1, len(self.history) + 1))
        return sum(phase.steps_per_epoch * phase.batch_size for phase in phases)

    @property
    def best_epoch(self) -> Epoch:
        """The epoch whose averaged weights are kept as the best."""
        return best_of(self.history)

    @property
    def finished(self) -> bool:
        """Whether all of the recipe's epochs are done."""
        return len(self.history) >= self.recipe.epochs

    def run_epoch(self, on_batch: Callable[[int], object] = lambda lines: None) -> Epoch:
        """Train on an epoch's lines, then validate; call `on_batch(n)` after a batch of n lines.

        Raises:
            TrainingDivergedError: the loss is not finite.

        """
        number = len(self.history) + 1
        phase, first = self._phase(number)
        started = time.perf_counter()
        torch.manual_seed(self.recipe.seed * 100_003 + number)  # for dropout
        total = torch.zeros((), device=self.device)
        before = self.history[-1].step if self.history else 0
        step = before
        batches = batches_of_epoch(
            self._digits,
            (self.recipe.seed, number),
            phase.steps_per_epoch,
            phase.batch_size,
            self.device,
        )
        for batch in batches:
            done = first + step - before  # steps of the phase
            total += self._step(batch, self.learning_rate(phase, done), self.placement(phase, done))
            step += 1
            if step % DIVERGENCE_CHECK == 0:
                self._check_finite(total.item(), number, step)
            on_batch(phase.batch_size)
        self._check_finite(total.item(), number, step)
        trained = time.perf_counter()
        validation = evaluate_lines(self.average, self._validation, self.device)
        self._check_finite(validation.loss, number, step)
        self.history.append(
            Epoch(
                number=number,
                step=step,
                learning_rate=self.learning_rate(phase, first + step - before - 1),
                train_loss=total.item() / phase.steps_per_epoch,
                validation_loss=validation.loss,
                validation_accuracy=validation.accuracy,
                images_per_second=phase.lines / (trained - started),
                seconds=time.perf_counter() - started,
            )
        )
        if self.best_epoch.number == number:
            self.best.load_state_dict(self.average.state_dict())
        return self.history[-1]

    def _phase(self, number: int) -> tuple[Phase, int]:
        """The phase of epoch `number`, from 1, and how many of its steps were taken before it."""
        for phase in self.recipe.phases:
            if number <= phase.epochs:
                return phase, (number - 1) * phase.steps_per_epoch
            number -= phase.epochs
        raise ValueError(f"the recipe has {self.recipe.epochs} epochs")

    def _step(self, batch: LineBatch, rate: float, placement: float) -> Tensor:
        """Take one optimiser step; returns CTC's mean loss of a label, a scalar on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=_has_bfloat16(self.device)):
            logits = self.network.logits(batch.strips / 255)  # (B, steps, 13)
        log_probabilities = logits.float().log_softmax(dim=2)
        loss = _ctc(log_probabilities, batch, "mean")
        # Each character is drawn at a known place.
        at_middles = log_probabilities.flatten(0, 1)[batch.steps, batch.labels]
        self.optimizer.zero_grad()
        (loss - placement * at_middles.mean()).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        self.averaged.update_parameters(self.network)
        return loss.detach()

    def placement(self, phase: Phase, step: int) -> float:
        """The weight of the loss at the characters' middles in step `step` of `phase`, from 0."""
        share = _LASTING_PLACEMENT
        if phase is self.recipe.phases[0]:
            share = max(share, 1 - _FAST_PLACEMENT * step / phase.steps)
        return share * self.recipe.placement

    def learning_rate(self, phase: Phase, step: int) -> float:
        """The rate of step `step` of `phase`, from 0: each phase rises and falls by itself."""
        return scheduled(phase.learning_rate, self.recipe.warmup, step, phase.steps)

    def _check_finite(self, loss: float, epoch: int, step: int) -> None:
        if not math.isfinite(loss):
            raise TrainingDivergedError(
                f"{self.recipe.name}: the loss is {loss} in epoch {epoch}, step {step}; what was "
                f"saved after epoch {epoch - 1} is kept. Train again with a lower learning_rate or "
                "clip_norm in the recipe."
            )


def validation_lines(data: DataSet, count: int) -> list[Line]:
    """Lines of all kinds, of the digits held out for validation; `count` of them, always the same.

    So many of them are those of a smaller count, too.
    """
    digits = Digits(data.validation)
    return [draw(digits, np.random.default_rng([_VALIDATION_SEED, i])) for i in range(count)]


@torch.inference_mode()
def evaluate_lines(
    network: LineReader, lines: Sequence[Line], device: torch.device
) -> LineEvaluation:
    """Evaluate a reader, which is in eval mode and on `device`, on `lines`."""
    order = sorted(range(len(lines)), key=lambda index: lines[index].strip.shape[1])
    texts: list[tuple[int, ...]] = [()] * len(lines)
    total = 0.0
    for start in range(0, len(lines), _EVALUATION_BATCH):
        chosen = order[start : start + _EVALUATION_BATCH]
        batch = pack([lines[index] for index in chosen]).to(device)
        log_probabilities = network.log_probabilities(batch.strips / 255)
        total += _ctc(log_probabilities, batch, "sum").item()
        paths = log_probabilities.argmax(dim=2).cpu().numpy()
        for index, path in zip(chosen, paths, strict=True):
            texts[index] = tuple(stretch.label for stretch in join_path(path))
    right = sum(text == line.labels for text, line in zip(texts, lines, strict=True))
    return LineEvaluation(texts=texts, accuracy=right / len(lines), loss=total / len(lines))


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for products in bfloat16, which take half the time."""
    return device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)


def _reader(network: nn.Module) -> LineReader:
    """`network`, which is a reader of lines by its configuration."""
    assert isinstance(network, LineReader)  # noqa: S101
    return network


def _ctc(log_probabilities: Tensor, batch: LineBatch, reduction: str) -> Tensor:
    count, steps, _ = log_probabilities.shape
    loss: Tensor = functional.ctc_loss(
        log_probabilities.transpose(0, 1),
        batch.labels,
        torch.full((count,), steps),
        batch.lengths,
        blank=BLANK,
        reduction=reduction,
        zero_infinity=True,  # a line of more characters than steps
    )
    return loss
