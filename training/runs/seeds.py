"""Finished plain runs on disk: `runs/NAME/seed-K.json` and the weights in `seed-K.safetensors`.

The JSON is written last and in one step, so a run that was killed is as if it had never begun.
"""

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from training.data import sine_windows
from training.data.datasets import DataSet
from training.networks.modules import build
from training.recipes.plain import PlainRecipe
from training.runs.checkpoint import CheckpointError, replace_file
from training.runs.folders import environment
from training.trainers.plain_trainer import PlainTrainer, Point

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class SeedRun:
    """What one finished run came to."""

    recipe: dict[str, Any]
    dataset: str
    digests: dict[str, str]  # of the data set's files
    environment: dict[str, str]  # versions and device that trained it
    seconds: float  # by the clock
    core_seconds: float  # of one processor core
    curve: list[Point]
    scores: dict[str, float]  # see `training.trainers.tasks.Lesson.scores`


def dataset_name(data: DataSet | None) -> str:
    """What a run on `data` was trained on; a regression makes its own."""
    return data.name if data else sine_windows.NAME


def train(
    folder: Path, trainer: PlainTrainer, on_step: Callable[[], object] = lambda: None
) -> SeedRun:
    """Train to the end and keep the run in `folder`, in the place of an earlier one of its seed."""
    started, core_started = time.perf_counter(), time.process_time()
    threads = torch.get_num_threads()
    # Sums in another order would make another run of the same seed; cores serve several seeds.
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
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.cpu() for name, tensor in trainer.network.state_dict().items()}
    replace_file(_weights(folder, recipe.seed), lambda path: save_file(weights, path))
    text = json.dumps({"version": VERSION, **dataclasses.asdict(run)}, indent=2) + "\n"
    replace_file(_record(folder, recipe.seed), lambda path: path.write_text(text, encoding="utf-8"))
    return run


def find(folder: Path, recipe: PlainRecipe, data: DataSet | None) -> SeedRun | None:
    """The finished run of exactly this recipe and data in `folder`; None when it must be trained.

    Raises:
        CheckpointError: what lies there is damaged.

    """
    path = _record(folder, recipe.seed)
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        if document.pop("version") != VERSION:
            return None
        curve = [Point(**point) for point in document.pop("curve")]
        run = SeedRun(curve=curve, **document)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); delete it to train again") from error
    digests = dict(data.digests) if data else {}
    same = run.recipe == recipe.to_dict() and run.digests == digests
    return run if same and _weights(folder, recipe.seed).is_file() else None


def remove(folder: Path, seed: int) -> None:
    """Forget the run of this seed, if there is one."""
    for path in (_record(folder, seed), _weights(folder, seed)):
        path.unlink(missing_ok=True)


def network(folder: Path, recipe: PlainRecipe) -> nn.Module:
    """The trained network of a finished run, in eval mode on the CPU.

    Raises:
        CheckpointError: its weights are damaged or do not fit the recipe.

    """
    path = _weights(folder, recipe.seed)
    trained = build(recipe.network)
    try:
        trained.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); delete it to train again") from error
    return trained.eval().requires_grad_(False)


def _record(folder: Path, seed: int) -> Path:
    return folder / f"seed-{seed}.json"


def _weights(folder: Path, seed: int) -> Path:
    return folder / f"seed-{seed}.safetensors"
