"""Training tasks: the batches of a plain run, their loss, and the score of a network.

classify     tell digits apart
reconstruct  give an image back from its code
regress      follow a sine with a cosine
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data.datasets import DataSet, Split, as_rows, shuffled
from training.data.sine_windows import windows
from training.recipes.plain import PlainRecipe

EVALUATION_BATCH = 1_000
TRAINING_WINDOWS = 100
TEST_WINDOWS = 1_000


class TrainingTask(ABC):
    """A task with its data; a score is an accuracy in [0, 1], or a mean squared error."""

    steps_per_epoch: int

    @abstractmethod
    def losses(self, network: nn.Module, generator: torch.Generator) -> Iterator[Tensor]:
        """The mean loss of each batch of one epoch, a scalar; `generator` draws the order.

        The caller takes the optimiser's step for one loss before it asks for the next.
        """

    @abstractmethod
    def score(self, network: nn.Module) -> float:
        """The score of `network` during training, on as many test images as the recipe says."""

    @abstractmethod
    def final_scores(self, network: nn.Module) -> dict[str, float]:
        """The scores of `network` after training: "test", and for a classifier also "train"."""


class _ImageTask(TrainingTask):
    """A task on the images of a data set."""

    def __init__(self, recipe: PlainRecipe, data: DataSet, device: torch.device) -> None:
        data = data.to(device)
        train = data.train
        self._train = train.join(data.validation) if recipe.training_images == "all" else train
        self._test = data.test
        self._evaluated = data.test.first(recipe.evaluation_images)
        self._batch_size = recipe.batch_size
        self.steps_per_epoch = math.ceil(len(self._train) / recipe.batch_size)

    def _batches(self, generator: torch.Generator) -> Iterator[Split]:
        for index in shuffled(len(self._train), self._batch_size, generator):
            yield self._train.take(index)

    def score(self, network: nn.Module) -> float:
        """See `TrainingTask.score`."""
        return self._score_on(self._evaluated, network)

    def final_scores(self, network: nn.Module) -> dict[str, float]:
        """See `TrainingTask.final_scores`."""
        return {"test": self._score_on(self._test, network)}

    @abstractmethod
    def _score_on(self, split: Split, network: nn.Module) -> float: ...


class Classification(_ImageTask):
    """Tell digits apart; the loss is the cross-entropy, the score the accuracy."""

    def losses(self, network: nn.Module, generator: torch.Generator) -> Iterator[Tensor]:
        """See `TrainingTask.losses`."""
        for batch in self._batches(generator):
            yield functional.cross_entropy(network(as_rows(batch.images)), batch.labels)

    def final_scores(self, network: nn.Module) -> dict[str, float]:
        """See `TrainingTask.final_scores`."""
        return {**super().final_scores(network), "train": self._score_on(self._train, network)}

    def _score_on(self, split: Split, network: nn.Module) -> float:
        right = sum(
            int((network(as_rows(images)).argmax(dim=1) == labels).sum())
            for images, labels in split.batches(EVALUATION_BATCH)
        )
        return right / len(split)


class Reconstruction(_ImageTask):
    """Give an image back from its code; loss and score are the mean squared error of a pixel."""

    def losses(self, network: nn.Module, generator: torch.Generator) -> Iterator[Tensor]:
        """See `TrainingTask.losses`."""
        for batch in self._batches(generator):
            rows = as_rows(batch.images)
            yield functional.mse_loss(network(rows)[1], rows)

    def _score_on(self, split: Split, network: nn.Module) -> float:
        total = 0.0
        for images, _ in split.batches(EVALUATION_BATCH):
            rows = as_rows(images)
            total += functional.mse_loss(network(rows)[1], rows).item() * len(images)
        return total / len(split)


class Regression(TrainingTask):
    """Follow a sine with a cosine, window by window; each window starts from the last one's state.

    The gradient stops at that state. Loss and score are the mean squared error; the score is that
    over 1,000 windows in a row from a state of zeros.
    """

    steps_per_epoch = TRAINING_WINDOWS

    def __init__(self, device: torch.device) -> None:
        self._train = [part.to(device) for part in windows(0, TRAINING_WINDOWS)]
        self._test = [part.to(device) for part in windows(0, TEST_WINDOWS)]

    def losses(self, network: nn.Module, generator: torch.Generator) -> Iterator[Tensor]:
        """See `TrainingTask.losses`."""
        state = zero_state(network)
        for sines, cosines in zip(*self._train, strict=True):  # (10, 1) each
            predictions, state = network(sines.unsqueeze(0), state)
            state = state.detach()
            yield functional.mse_loss(predictions, cosines.unsqueeze(0))

    def score(self, network: nn.Module) -> float:
        """See `TrainingTask.score`."""
        sines, cosines = (part.reshape(1, -1, 1) for part in self._test)  # (1, 10,000, 1) each
        predictions, _ = network(sines, zero_state(network))
        return functional.mse_loss(predictions, cosines).item()

    def final_scores(self, network: nn.Module) -> dict[str, float]:
        """See `TrainingTask.final_scores`."""
        return {"test": self.score(network)}


def zero_state(network: nn.Module) -> Tensor:
    """The state of zeros (1, hidden) float32 that a sequence begins with."""
    weight = network.get_parameter("head.weight")  # (1, hidden)
    return torch.zeros_like(weight, requires_grad=False)


def training_task(recipe: PlainRecipe, data: DataSet | None, device: torch.device) -> TrainingTask:
    """The task of `recipe` on `data`, which a regression does not need.

    Raises:
        ValueError: the task needs images, and `data` is None.

    """
    if recipe.task == "regress":
        return Regression(device)
    if data is None:
        raise ValueError(f"{recipe.name} learns to {recipe.task} images, so it needs a data set")
    kinds: dict[str, Callable[[PlainRecipe, DataSet, torch.device], TrainingTask]] = {
        "classify": Classification,
        "reconstruct": Reconstruction,
    }
    return kinds[recipe.task](recipe, data, device)
