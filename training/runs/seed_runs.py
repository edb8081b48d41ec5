"""The finished runs of a plain recipe: `runs/NAME/seed-K.json` and `seed-K.safetensors`.

A run takes minutes at most, so it is kept only when it is finished. Its JSON is written last and in
one step: a run that was killed is as if it had never begun.
"""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from training.data.datasets import DataSet
from training.errors import CheckpointError
from training.networks.modules import build
from training.recipes.plain import REGRESSION_DATA, PlainRecipe
from training.runs import run_files, run_folder
from training.runs.environment import environment
from training.runs.progress_bar import progress_bar
from training.runs.run_folder import Existing
from training.trainers.plain_trainer import CurvePoint, PlainTrainer

VERSION = 2

_DELETE = "delete it to train again"


@dataclass(frozen=True, kw_only=True)
class SeedRun:
    """The results of a finished run."""

    recipe: dict[str, Any]
    dataset: str
    digests: dict[str, str]  # of the data set's files
    environment: dict[str, str]  # versions and device that trained it
    seconds: float  # by the clock
    core_seconds: float  # of one processor core
    curve: list[CurvePoint]
    scores: dict[str, float]  # see `training.trainers.tasks.TrainingTask.final_scores`


class SeedFiles(NamedTuple):
    """The bytes of a finished run's two files, as another machine sends them."""

    record: bytes
    weights: bytes


def data_for(recipe: PlainRecipe, data: DataSet | None) -> DataSet | None:
    """The data set of `recipe`, whose images come from `data`: None for a regression."""
    return data if recipe.needs_data else None


def dataset_name(data: DataSet | None) -> str:
    """The name of a run's data set; without one it is trained on sine windows."""
    return data.name if data else REGRESSION_DATA


def folder_of(recipe: PlainRecipe, data: DataSet | None, runs_dir: Path) -> Path:
    """The folder of all seeds of `recipe` on `data`."""
    return runs_dir / run_folder.run_name(recipe.name, dataset_name(data))


def finish(
    folder: Path,
    recipe: PlainRecipe,
    data: DataSet | None,
    device: torch.device,
    existing: Existing = "resume",
) -> SeedRun:
    """The finished run of `recipe` in `folder`, trained with a progress bar if it is missing.

    `existing` says what to do if it is not missing: return it, refuse, or train it again.

    Raises:
        CheckpointError: it is there and `existing` is `refuse`; or it is damaged or unreadable; or
            another process trains it.
        ForeignFileError: a file of its name is not from a training run.

    """
    with run_folder.locked(folder / f"seed-{recipe.seed}"):
        found = None if existing == "restart" else find(folder, recipe, data)
        if existing == "refuse" and _record(folder, recipe.seed).exists():
            other = "" if found else ", of another recipe, data set or version"
            raise CheckpointError(
                f"{folder} holds a finished run of seed {recipe.seed}{other}; --restart removes it "
                "and begins again"
            )
        if found:
            return found
        trainer = PlainTrainer(recipe, data, device)
        title = f"{folder.name}, seed {recipe.seed}"
        with progress_bar(trainer.steps, title, unit="step") as bar:
            return train(folder, trainer, bar.update)


def train(
    folder: Path, trainer: PlainTrainer, on_step: Callable[[], object] = lambda: None
) -> SeedRun:
    """Train to the end and keep the run in `folder`, in the place of an earlier one of its seed.

    Raises:
        ForeignFileError: a file of its name is not from a training run.
        OSError: the disk is full, or the folder cannot be written.

    """
    _check_replaceable(folder, trainer.recipe.seed)
    started, core_started = time.perf_counter(), time.process_time()
    threads = torch.get_num_threads()
    # More threads would add numbers in another order, and the seed would give another run; further
    # cores train other seeds.
    torch.set_num_threads(1)
    try:
        scores, where = trainer.run(on_step), environment(trainer.device)
    finally:
        torch.set_num_threads(threads)
    recipe, data = trainer.recipe, trainer.data
    run = SeedRun(
        recipe=recipe.to_dict(),
        dataset=dataset_name(data),
        digests=dict(data.digests) if data else {},
        environment=where,
        seconds=time.perf_counter() - started,
        core_seconds=time.process_time() - core_started,
        curve=trainer.curve,
        scores=scores,
    )
    _save(folder, recipe.seed, run, trainer.network)
    return run


def find(folder: Path, recipe: PlainRecipe, data: DataSet | None) -> SeedRun | None:
    """The finished run of exactly this recipe and data in `folder`; None if it is to be trained.

    Raises:
        CheckpointError: what lies there is damaged or unreadable.
        ForeignFileError: a file of its name is not from a training run.

    """
    path = _record(folder, recipe.seed)
    if not path.exists():
        return None
    document = run_files.read_record(path, _DELETE)
    if document.pop("version") != VERSION:
        return None
    try:
        curve = [CurvePoint(**point) for point in document.pop("curve")]
        run = SeedRun(curve=curve, **document)
    except (KeyError, TypeError, AttributeError) as error:
        raise run_files.damaged(path, error, _DELETE) from error
    digests = dict(data.digests) if data else {}
    same = run.recipe == recipe.to_dict() and run.digests == digests
    return run if same and _weights(folder, recipe.seed).is_file() else None


def read_files(folder: Path, seed: int) -> SeedFiles:
    """The files of the finished run in `folder`."""
    return SeedFiles(_record(folder, seed).read_bytes(), _weights(folder, seed).read_bytes())


def keep(folder: Path, seed: int, files: SeedFiles) -> None:
    """Keep a run that was trained elsewhere, in the place of an earlier one of its seed.

    Raises:
        ForeignFileError: a file of its name is not from a training run.
        OSError: the disk is full, or the folder cannot be written.

    """
    _check_replaceable(folder, seed)
    folder.mkdir(parents=True, exist_ok=True)
    # First, or a kill before the end would leave the record of one run with the weights of another.
    _record(folder, seed).unlink(missing_ok=True)
    run_files.replace(_weights(folder, seed), files.weights)
    run_files.replace(_record(folder, seed), files.record)


def network(folder: Path, recipe: PlainRecipe) -> nn.Module:
    """The trained network of a finished run, in eval mode on the CPU.

    Raises:
        CheckpointError: its weights are missing, damaged, unreadable, or do not fit the recipe.

    """
    path = _weights(folder, recipe.seed)
    trained = build(recipe.network)
    try:
        trained.load_state_dict(run_files.read_tensors(path, torch.device("cpu"), _DELETE))
    except RuntimeError as error:
        raise run_files.damaged(path, error, _DELETE) from error
    return trained.eval().requires_grad_(False)


def _save(folder: Path, seed: int, run: SeedRun, network: nn.Module) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # First, or a kill before the end would leave the record of one run with the weights of another.
    _record(folder, seed).unlink(missing_ok=True)
    run_files.write_tensors(_weights(folder, seed), network.state_dict())
    record = {"version": VERSION, **dataclasses.asdict(run)}
    run_files.write_record(_record(folder, seed), record)


def _check_replaceable(folder: Path, seed: int) -> None:
    """Refuse to replace files that no training run wrote.

    Raises:
        CheckpointError: such a file has the name of this seed's, or a record is damaged.

    """
    record, weights = _record(folder, seed), _weights(folder, seed)
    if record.exists():
        run_files.read_record(record, _DELETE)
    elif weights.exists() and not run_files.is_marked(weights):
        raise run_files.foreign(folder, [weights.name])


def _record(folder: Path, seed: int) -> Path:
    return folder / f"seed-{seed}.json"


def _weights(folder: Path, seed: int) -> Path:
    return folder / f"seed-{seed}.safetensors"
