"""What a plain run learns from which data: its batches, their loss, and the score of a network."""

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


class Lesson(ABC):
    """One task on one data set; `score` is an accuracy in [0, 1], or a mean squared error."""

    steps_per_epoch: int

    @abstractmethod
    def losses(self, network: nn.Module, generator: torch.Generator) -> Iterator[Tensor]:
        """The mean loss of each batch of one epoch, a scalar, in an order drawn by `generator`.

        The step that it calls for is taken before the next is asked for.
        """

    @abstractmethod
    def score(self, network: nn.Module) -> float:
        """How good `network` is on what the recipe evaluates while it trains."""

    @abstractmethod
    def scores(self, network: nn.Module) -> dict[str, float]:
        """How good `network` is in the end: "test", and for classifiers "train" beside it."""


class _Images(Lesson):
    """What the two tasks on images share."""

    def __init__(self, recipe: PlainRecipe, data: DataSet, device: torch.device) -> None:
        data = data.to(device)
        self._train = data.train
        if recipe.training_images == "all":
            self._train = data.train.join(data.validation)
        self._test = data.test
        self._seen = data.test.first(recipe.evaluation_images)
        self._batch_size = recipe.batch_size
        self.steps_per_epoch = math.ceil(len(self._train) / recipe.batch_size)

    def _batches(self, generator: torch.Generator) -> Iterator[Split]:
        for index in shuffled(len(self._train), self._batch_size, generator):
            yield self._train.take(index)

    def score(self, network: nn.Module) -> float:
        """See `Lesson.score`."""
        return self._judge(network, self._seen)

    def scores(self, network: nn.Module) -> dict[str, float]:
        """See `Lesson.scores`."""
        return {"test": self._judge(network, self._test)}

    @abstractmethod
    def _judge(self, network: nn.Module, split: Split) -> float: ...


class Classification(_Images):
    """Tell digits apart, by cross-entropy; the score is the accuracy."""

    def losses(self, network: nn.Module, generator: torch.Generator) -> Iterator[Tensor]:
        """See `Lesson.losses`."""
        for batch in self._batches(generator):
            yield functional.cross_entropy(network(as_rows(batch.images)), batch.labels)

    def scores(self, network: nn.Module) -> dict[str, float]:
        """See `Lesson.scores`."""
        return {**super().scores(network), "train": self._judge(network, self._train)}

    def _judge(self, network: nn.Module, split: Split) -> float:
        right = sum(
            int((network(as_rows(images)).argmax(dim=1) == labels).sum())
            for images, labels in split.batches(EVALUATION_BATCH)
        )
        return right / len(split)


class Reconstruction(_Images):
    """Give each image back from its code; loss and score are the mean squared error of a pixel."""

    def losses(self, network: nn.Module, generator: torch.Generator) -> Iterator[Tensor]:
        """See `Lesson.losses`."""
        for batch in self._batches(generator):
            rows = as_rows(batch.images)
            yield functional.mse_loss(network(rows)[1], rows)

    def _judge(self, network: nn.Module, split: Split) -> float:
        total = 0.0
        for images, _ in split.batches(EVALUATION_BATCH):
            rows = as_rows(images)
            total += functional.mse_loss(network(rows)[1], rows).item() * len(images)
        return total / len(split)


class Regression(Lesson):
    """Follow a sine with a cosine, window by window, the state carried on without its gradient.

    The score is the mean squared error of a roll-out over 1,000 windows from a state of zeros.
    """

    steps_per_epoch = TRAINING_WINDOWS

    def __init__(self, device: torch.device) -> None:
        self._train = [part.to(device) for part in windows(0, TRAINING_WINDOWS)]
        self._test = [part.to(device) for part in windows(0, TEST_WINDOWS)]

    def losses(self, network: nn.Module, generator: torch.Generator) -> Iterator[Tensor]:
        """See `Lesson.losses`."""
        state = start_state(network)
        for sines, cosines in zip(*self._train, strict=True):  # (10, 1) each
            predictions, state = network(sines.unsqueeze(0), state)
            state = state.detach()
            yield functional.mse_loss(predictions, cosines.unsqueeze(0))

    def score(self, network: nn.Module) -> float:
        """See `Lesson.score`."""
        sines, cosines = (part.reshape(1, -1, 1) for part in self._test)  # all windows in a row
        predictions, _ = network(sines, start_state(network))
        return functional.mse_loss(predictions, cosines).item()

    def scores(self, network: nn.Module) -> dict[str, float]:
        """See `Lesson.scores`."""
        return {"test": self.score(network)}


def start_state(network: nn.Module) -> Tensor:
    """The state (1, hidden) float32 that a sequence begins with."""
    weight = network.get_parameter("head.weight")  # (1, hidden)
    return torch.zeros_like(weight, requires_grad=False)


def lesson_for(recipe: PlainRecipe, data: DataSet | None, device: torch.device) -> Lesson:
    """What `recipe` learns; only a regression needs no `data`."""
    if recipe.task == "regress":
        return Regression(device)
    if data is None:
        raise ValueError(f"{recipe.name} learns to {recipe.task} images, so it needs a data set")
    kinds: dict[str, Callable[[PlainRecipe, DataSet, torch.device], Lesson]] = {
        "classify": Classification,
        "reconstruct": Reconstruction,
    }
    return kinds[recipe.task](recipe, data, device)
