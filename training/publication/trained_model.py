"""A finished run, of either kind of recipe, with what its published models' manifests say of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from models.manifest import Calibration, Metric, Task
from training.data.datasets import DataSet
from training.errors import TrainingDivergedError
from training.networks.line_reader import LineReader, fold_norms
from training.networks.modules import RowClassifier
from training.networks.row_streams import reads_row_by_row, row_stream
from training.parity.candidates import (
    ParityCandidate,
    graph_names,
    line_candidate,
    parity_candidates,
    stream_candidate,
    stream_name,
)
from training.publication.line_scores import (
    CALIBRATION_LINES,
    calibrate_lines,
    read_lines,
    scores_by_kind,
    test_lines,
)
from training.publication.row_scores import RowScores, score_rows
from training.recipes.lines import LINE_RECIPES, LineRecipe
from training.recipes.shipped import RECIPES, Recipe
from training.recipes.tutorials import TUTORIALS, Tutorial
from training.runs import checkpoint, run_folder, seed_runs
from training.runs.checkpoint import Checkpoint
from training.runs.progress_bar import progress_bar
from training.trainers.calibration import calibrate
from training.trainers.line_trainer import VALIDATION_LINES, validation_lines
from training.trainers.trainer import Evaluation, best_of, evaluate


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A trained network as the graphs that are published, and what their manifests share."""

    task: Task
    recipe: dict[str, Any]
    candidates: tuple[ParityCandidate, ...]
    bound: float | None  # the least accuracy, or the largest squared error, to be published
    metrics: tuple[Metric, ...] = ()
    calibration: Calibration | None = None
    row_scores: RowScores | None = None  # of the row stream among the candidates, if there is one
    provenance: dict[str, Any]


def published_names(name: str, data: DataSet | None) -> tuple[str, ...]:
    """The names of the models that the recipe `name`, trained on `data`, is published as."""
    if name in RECIPES and data:
        run = run_folder.run_name(name, data.name)
        streams = (stream_name(run),) if reads_row_by_row(RECIPES[name].network) else ()
        return (*graph_names(run, "classify"), *streams)
    if name in LINE_RECIPES and data:
        return (run_folder.run_name(name, data.name),)
    recipe = TUTORIALS[name].recipe
    dataset = seed_runs.dataset_name(seed_runs.data_for(recipe, data))
    return graph_names(run_folder.run_name(name, dataset), recipe.task)


def from_recipe(
    recipe: Recipe, data: DataSet, device: torch.device, runs_dir: Path
) -> TrainedModel:
    """The best network of the run of `recipe` in `runs_dir`, which is finished first if need be.

    Raises:
        CheckpointError: the run is damaged, unreadable, of other data, or in use.
        TrainingDivergedError: its loss, or what its network gives, is not finite.

    """
    name = run_folder.run_name(recipe.name, data.name)
    finished = run_folder.finish(runs_dir / name, recipe, data, device)
    network = checkpoint.best_network(runs_dir / name, finished)
    return of_classifier(name, network, finished, data)


def of_classifier(
    name: str,
    network: nn.Module,
    finished: Checkpoint,
    data: DataSet,
    **provenance: Any,
) -> TrainedModel:
    """The `network` of a finished run, calibrated and scored on `data`, as it is published.

    `provenance` joins what the run itself says of where the model comes from.

    Raises:
        TrainingDivergedError: what the network gives is not finite.

    """
    validation = _validate(network, data)
    candidates = parity_candidates(name, network, data)
    calibration, row_scores = calibrate(validation.logits, data.validation.labels.cpu()), None
    if isinstance(network, RowClassifier):
        candidates = (*candidates, stream_candidate(name, network, data))
        row_scores = score_rows(row_stream(network), data, calibration)
    n = len(data.validation)
    return TrainedModel(
        task="classify",
        recipe=finished.recipe.to_dict(),
        candidates=candidates,
        bound=finished.recipe.floors.get(data.name),
        metrics=(Metric(split="validation", name="accuracy", value=validation.accuracy, n=n),),
        calibration=calibration,
        row_scores=row_scores,
        provenance={**_provenance(finished), **provenance},
    )


def from_line_recipe(
    recipe: LineRecipe, data: DataSet, device: torch.device, runs_dir: Path
) -> TrainedModel:
    """The best network of the run of `recipe` in `runs_dir`, which is finished first if need be.

    Raises:
        As `from_recipe` does.

    """
    name = run_folder.run_name(recipe.name, data.name)
    finished = run_folder.finish(runs_dir / name, recipe, data, device)
    best = checkpoint.best_network(runs_dir / name, finished)
    network = fold_norms(cast("LineReader", best))
    tests = test_lines(data)
    with progress_bar(len(tests) + CALIBRATION_LINES, "read", unit="line") as bar:
        readings = read_lines(network, validation_lines(data, CALIBRATION_LINES), bar.update)
        tested = read_lines(network, [line for _, line in tests], bar.update)
    accuracy = best_of(finished.history).validation_accuracy
    metrics = [Metric(split="validation", name="accuracy", value=accuracy, n=VALIDATION_LINES)]
    return TrainedModel(
        task="transcribe",
        recipe=finished.recipe.to_dict(),
        candidates=(line_candidate(name, network, [line for _, line in tests]),),
        bound=finished.recipe.floors.get(data.name),
        metrics=(*metrics, *scores_by_kind([kind for kind, _ in tests], tested)),
        calibration=calibrate_lines(readings),
        provenance=_provenance(finished),
    )


def _provenance(finished: checkpoint.Checkpoint) -> dict[str, Any]:
    return {
        "dataset": finished.dataset,
        "digests": finished.digests,
        "seed": finished.recipe.seed,
        "epochs": len(finished.history),
        "training_seconds": round(sum(epoch.seconds for epoch in finished.history), 1),
        "trained_with": finished.environment,
    }


def from_tutorial(
    tutorial: Tutorial, data: DataSet | None, device: torch.device, runs_dir: Path
) -> TrainedModel:
    """The network of the tutorial's published seed, which is trained first if it is missing.

    Raises:
        CheckpointError: the run is damaged, unreadable, or in use.

    """
    recipe = tutorial.recipe
    data = seed_runs.data_for(recipe, data)
    folder = seed_runs.folder_of(recipe, data, runs_dir)
    run = seed_runs.finish(folder, recipe, data, device)
    return TrainedModel(
        task=recipe.task,
        recipe=run.recipe,
        candidates=parity_candidates(folder.name, seed_runs.network(folder, recipe), data),
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


def _validate(network: nn.Module, data: DataSet) -> Evaluation:
    found = evaluate(network, data.validation.to(torch.device("cpu")))
    if broken := int((~found.logits.isfinite()).any(dim=1).sum()):
        raise TrainingDivergedError(
            f"the trained network gives logits that are not finite for {broken} of "
            f"{len(data.validation)} validation images; train it again with a lower learning_rate"
        )
    return found
