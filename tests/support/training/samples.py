"""Small data and small runs for the tests of training; the real pipeline, in miniature."""

import functools
from pathlib import Path
from typing import Any

import torch

from training.data.datasets import DataSet, Split
from training.data.loading import load
from training.networks.configuration import Cell
from training.networks.modules import RowClassifier
from training.parity.candidates import parity_candidates
from training.publication.trained_model import TrainedModel
from training.recipes.shipped import Recipe
from training.runs import checkpoint, run_folder
from training.runs.environment import environment
from training.trainers.trainer import Trainer

CPU = torch.device("cpu")


@functools.cache
def digits() -> DataSet:
    """scikit-learn's digits, cut to 200 training images."""
    whole = load("digits")
    train = Split(whole.train.images[:200], whole.train.labels[:200])
    return DataSet("digits", train, whole.validation, whole.test, whole.digests)


def small_recipe(cell: Cell = "lstm", **changes: Any) -> Recipe:
    """Two epochs of 7 steps with 16 units; seconds, not minutes."""
    settings: dict[str, Any] = {
        "name": cell,
        "cell": cell,
        "hidden_size": 16,
        "epochs": 2,
        "batch_size": 32,
        "outliers": 0.0,
    }
    return Recipe(**{**settings, **changes})


def trained(recipe: Recipe, epochs: int | None = None) -> Trainer:
    """A trainer after some epochs, all of the recipe's by default."""
    trainer = Trainer(recipe, digits(), CPU)
    for _ in range(recipe.epochs if epochs is None else epochs):
        trainer.run_epoch()
    return trainer


def row_classifier(network: torch.nn.Module) -> RowClassifier:
    """`network`, which is a row classifier."""
    assert isinstance(network, RowClassifier)
    return network


def finished_run(folder: Path, recipe: Recipe) -> None:
    """A finished run on the full digits, as `python -m training.train` leaves it."""
    trainer = run_folder.start(folder, recipe, load("digits"), CPU)
    while not trainer.finished:
        trainer.run_epoch()
    checkpoint.save(folder, trainer, environment(CPU))


def unproven(recipe: Recipe, network: torch.nn.Module) -> TrainedModel:
    """A run on the small digits, as export takes it before anything is written."""
    return TrainedModel(
        task="classify",
        recipe=recipe.to_dict(),
        candidates=parity_candidates("lstm-digits", network, digits()),
        bound=None,
        provenance={},
    )


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    """Whether two networks hold exactly the same numbers."""
    mine, theirs = first.state_dict(), second.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)
