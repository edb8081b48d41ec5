"""A finished run, of either kind of recipe, as export takes it; trained first where it is missing.

`from_recipe` for the row readers that `trainers.trainer` makes, `from_tutorial` for the plain
recipes of `training.recipes.tutorials`.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from models.manifest import Calibration, Metric, Task
from training.data.datasets import DataSet, Split
from training.networks.modules import RowClassifier
from training.parity.candidates import Candidate, candidates
from training.recipes.plain import PlainRecipe
from training.recipes.shipped import Recipe
from training.recipes.tutorials import Tutorial
from training.runs import checkpoint, folders, seeds
from training.runs.checkpoint import Checkpoint
from training.runs.seeds import SeedRun
from training.trainers.calibration import calibrate
from training.trainers.plain_trainer import PlainTrainer
from training.trainers.trainer import TrainingDiverged, evaluate


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a finished run brings into the manifests of its graphs."""

    name: str
    task: Task
    recipe: dict[str, Any]
    candidates: tuple[Candidate, ...]
    bound: float | None  # the least accuracy, or the largest squared error, to be published
    metrics: tuple[Metric, ...] = ()
    calibration: Calibration | None = None
    provenance: dict[str, Any]


def from_recipe(recipe: Recipe, data: DataSet, device: torch.device, runs_dir: Path) -> Trained:
    """The best network of the finished run in `runs_dir`.

    Raises:
        CheckpointError: what lies there is damaged, of other data, or in use.
        TrainingDiverged: it had to be trained, and the loss was not finite; or what the network
            gives is not.

    """
    name = folders.run_name(recipe.name, data.name)
    folder = runs_dir / name
    with folders.alone(folder):
        trained = _train_if_needed(folder, recipe, data, device)
    network = checkpoint.best_network(folder, trained)
    best = max(epoch.validation_accuracy for epoch in trained.history)
    n = len(data.validation)
    return Trained(
        name=name,
        task="classify",
        recipe=trained.recipe.to_dict(),
        candidates=candidates(name, network, data),
        bound=trained.recipe.floors.get(data.name),
        metrics=(Metric(split="validation", name="accuracy", value=best, n=n),),
        calibration=_calibration(network, data),
        provenance={
            "dataset": trained.dataset,
            "digests": trained.digests,
            "seed": trained.recipe.seed,
            "epochs": len(trained.history),
            "training_seconds": round(sum(epoch.seconds for epoch in trained.history), 1),
            "trained_with": trained.environment,
        },
    )


def from_tutorial(
    tutorial: Tutorial, data: DataSet | None, device: torch.device, runs_dir: Path
) -> Trained:
    """The network of the seed that `tutorial` publishes; `data` only where it learns from images.

    Raises:
        CheckpointError: what lies in `runs_dir` is damaged, or in use.

    """
    recipe = tutorial.recipe
    data = data_for(recipe, data)
    name = folders.run_name(recipe.name, seeds.dataset_name(data))
    folder = runs_dir / name
    run = train_seed(folder, recipe, data, device)
    network = seeds.network(folder, recipe)
    return Trained(
        name=name,
        task=recipe.task,
        recipe=run.recipe,
        candidates=candidates(name, network, data),
        bound=tutorial.bounds.get(run.dataset),
        provenance={
            "dataset": run.dataset,
            "digests": run.digests,
            "seed": recipe.seed,
            "epochs": recipe.epochs,
            "training_seconds": round(run.seconds, 1),
            "trained_with": run.environment,
        },
    )


def data_for(recipe: PlainRecipe, data: DataSet | None) -> DataSet | None:
    """What `recipe` is trained on where others take `data`: a regression makes its own."""
    return None if recipe.task == "regress" else data


def score_name(task: Task) -> str:
    """What the score of this task is called in a manifest."""
    return "accuracy" if task == "classify" else "mean_squared_error"


def train_seed(
    folder: Path, recipe: PlainRecipe, data: DataSet | None, device: torch.device
) -> SeedRun:
    """The finished run of `recipe` in `folder`, trained with a progress bar where it is missing.

    Raises:
        CheckpointError: what lies in `folder` is damaged, or another process is at work there.

    """
    with folders.alone(folder / f"seed-{recipe.seed}"):
        if run := seeds.find(folder, recipe, data):
            return run
        trainer = PlainTrainer(recipe, data, device)
        with tqdm(
            total=trainer.steps,
            unit="step",
            desc=f"{folder.name}, seed {recipe.seed}",
            # In a log, which keeps every step of the bar, one in half a minute is enough.
            mininterval=0.5 if sys.stderr.isatty() else 30.0,
            dynamic_ncols=True,
        ) as bar:
            return seeds.train(folder, trainer, bar.update)


def _train_if_needed(
    folder: Path, recipe: Recipe, data: DataSet, device: torch.device
) -> Checkpoint:
    """The finished run in `folder`; an unfinished one is resumed, a missing one trained."""
    if not checkpoint.exists(folder):
        folders.drive(folder, folders.start(folder, recipe, data, device))
    found = checkpoint.load(folder)
    if not found.finished:
        print(f"{folder}: going on after epoch {len(found.history)} of {found.recipe.epochs}")
        folders.drive(folder, folders.resume(folder, found.recipe, data, device))
        found = checkpoint.load(folder)
    checkpoint.check_data(folder, found, data)
    if changes := found.recipe.differences(recipe):
        print(
            f"note: {folder} was trained by its own variant of the recipe ({'; '.join(changes)} "
            "today); `python -m training.train --restart` would train it as it stands today"
        )
    return found


def _calibration(network: RowClassifier, data: DataSet) -> Calibration:
    validation = Split(data.validation.images.cpu(), data.validation.labels.cpu())
    logits = evaluate(network, validation).logits
    if broken := int((~logits.isfinite()).any(dim=1).sum()):
        raise TrainingDiverged(
            f"the trained network gives logits that are not finite for {broken} of "
            f"{len(validation)} validation images; train it again with a lower learning_rate"
        )
    return calibrate(logits, validation.labels)
