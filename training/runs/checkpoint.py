"""The state of a run on disk: tensors as safetensors, all else as JSON.

`checkpoint.json` names the safetensors file that belongs to it and is replaced in one step, so a
kill at any moment leaves the last complete checkpoint. It is there from the start of a run, without
tensors until the first epoch is done, and shows that the folder is a run's.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.data.datasets import DataSet
from training.errors import CheckpointError, RecipeError
from training.networks.modules import build
from training.recipes.lines import LineRecipe
from training.recipes.shipped import Recipe
from training.runs import run_files
from training.runs.run_files import DamagedFileError, ForeignFileError
from training.trainers.line_trainer import LineTrainer
from training.trainers.trainer import Epoch, Trainer

FILENAME = "checkpoint.json"
TENSORS = "epoch-[0-9]*.safetensors"  # their names, as a pattern
VERSION = 2

_RESTART = "train again with --restart"

AnyRecipe = Recipe | LineRecipe
AnyTrainer = Trainer | LineTrainer


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The content of `checkpoint.json`."""

    recipe: AnyRecipe
    dataset: str
    digests: dict[str, str]  # of the data set's files
    history: list[Epoch]
    tensors: str | None  # name of the safetensors file beside it; None before the first epoch
    environment: dict[str, str]  # versions and device that trained it

    @property
    def finished(self) -> bool:
        """Whether all of the recipe's epochs are done."""
        return len(self.history) >= self.recipe.epochs


def save(folder: Path, trainer: AnyTrainer, environment: Mapping[str, str]) -> None:
    """Write the trainer's state after its last finished epoch, or before the first.

    Raises:
        OSError: the disk is full, or the folder cannot be written; the last checkpoint is kept.

    """
    epochs = len(trainer.history)
    name = f"epoch-{epochs:04d}.safetensors" if epochs else None
    if name:
        run_files.write_tensors(folder / name, _tensors(trainer))
    checkpoint = Checkpoint(
        recipe=trainer.recipe,
        dataset=trainer.data.name,
        digests=dict(trainer.data.digests),
        history=trainer.history,
        tensors=name,
        environment=dict(environment),
    )
    run_files.write_record(
        folder / FILENAME, {"version": VERSION, **dataclasses.asdict(checkpoint)}
    )
    for old in folder.glob(TENSORS):
        if old.name != name:
            old.unlink()


def find(folder: Path) -> Checkpoint | None:
    """The checkpoint in `folder`; None if there is none, or its first epoch is not done.

    Raises:
        CheckpointError: it is damaged, unreadable, or of another version of RowReader.

    """
    path = folder / FILENAME
    if not path.exists():
        return None
    document = run_files.read_record(path, _RESTART)
    if document.pop("version") != VERSION:
        raise CheckpointError(f"{path} was written by another version of RowReader; {_RESTART}")
    try:
        recipe = _recipe(document.pop("recipe"))
        history = [Epoch(**epoch) for epoch in document.pop("history")]
        checkpoint = Checkpoint(recipe=recipe, history=history, **document)
    except (KeyError, TypeError, AttributeError, RecipeError) as error:
        raise run_files.damaged(path, error, _RESTART) from error
    return checkpoint if checkpoint.tensors else None


def _recipe(fields: dict[str, Any]) -> AnyRecipe:
    """The recipe of these JSON data; only that of a reader of lines has phases."""
    return LineRecipe.from_dict(fields) if "phases" in fields else Recipe.from_dict(fields)


def differences(mine: AnyRecipe, other: AnyRecipe) -> list[str]:
    """The fields that `other` has otherwise; its kind alone, if that is another one."""
    if isinstance(mine, LineRecipe) and isinstance(other, LineRecipe):
        return mine.differences(other)
    if isinstance(mine, Recipe) and isinstance(other, Recipe):
        return mine.differences(other)
    return [f"kind: {type(mine).__name__} -> {type(other).__name__}"]


def marks_run(folder: Path) -> bool:
    """Whether a `checkpoint.json` shows that `folder` is a run's, of whatever version.

    A damaged one does, too, since the remedy for damage is to train again in this folder.

    Raises:
        CheckpointError: it may not or cannot be read.

    """
    path = folder / FILENAME
    try:
        return path.exists() and bool(run_files.read_record(path, _RESTART))
    except DamagedFileError:
        return True
    except ForeignFileError:
        return False


def load(folder: Path) -> Checkpoint:
    """The checkpoint in `folder`; `restore` and `best_network` read its tensors.

    Raises:
        CheckpointError: there is none, or it is damaged, unreadable, or of another version.

    """
    if checkpoint := find(folder):
        return checkpoint
    raise CheckpointError(f"{folder} holds no checkpoint; train first")


def restore(folder: Path, checkpoint: Checkpoint, trainer: AnyTrainer) -> None:
    """Bring a new trainer of the same recipe and data to the state in the checkpoint.

    Raises:
        CheckpointError: the recipe or the data are others, or the tensors are missing, damaged or
            unreadable.

    """
    if changes := differences(checkpoint.recipe, trainer.recipe):
        raise CheckpointError(
            f"{folder} was trained by another recipe ({'; '.join(changes)}): it cannot be "
            f"resumed; {_RESTART}"
        )
    check_data(folder, checkpoint, trainer.data)
    tensors = _read(folder, checkpoint, trainer.device)
    try:
        for prefix, module in _modules(trainer).items():
            module.load_state_dict(_with_prefix(tensors, prefix))
        _load_optimizer(trainer.optimizer, _with_prefix(tensors, _OPTIMIZER))
    except (KeyError, RuntimeError, ValueError) as error:
        raise _not_fitting(folder, error) from error
    trainer.history = list(checkpoint.history)


def best_network(folder: Path, checkpoint: Checkpoint) -> nn.Module:
    """The network with the best validation accuracy, in eval mode on the CPU.

    Raises:
        CheckpointError: the tensors are missing, damaged, unreadable, or do not fit the recipe.

    """
    network = build(checkpoint.recipe.network)
    tensors = _read(folder, checkpoint, torch.device("cpu"))
    try:
        network.load_state_dict(_with_prefix(tensors, _BEST))
    except RuntimeError as error:
        raise _not_fitting(folder, error) from error
    return network.eval().requires_grad_(False)


def check_data(folder: Path, checkpoint: Checkpoint, data: DataSet) -> None:
    """Refuse to resume or export a run with data that it was not trained on.

    Raises:
        CheckpointError: the data set, or a digest of its files, is another one.

    """
    if (checkpoint.dataset, checkpoint.digests) != (data.name, dict(data.digests)):
        raise CheckpointError(
            f"{folder} was trained on {checkpoint.dataset} with other files than {data.name} has "
            f"now: it cannot be resumed; {_RESTART}"
        )


# Prefixes of the names in the safetensors file.
_NETWORK, _AVERAGE, _BEST, _OPTIMIZER = "network.", "average.", "best.", "optimizer."


def _modules(trainer: AnyTrainer) -> dict[str, nn.Module]:
    return {_NETWORK: trainer.network, _AVERAGE: trainer.averaged, _BEST: trainer.best}


def _tensors(trainer: AnyTrainer) -> dict[str, Tensor]:
    tensors = {
        prefix + name: tensor
        for prefix, module in _modules(trainer).items()
        for name, tensor in module.state_dict().items()
    }
    for parameter, state in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{parameter}.{name}": state[name] for name in state}
    return tensors


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Load the state of every parameter, from tensors called "PARAMETER.NAME".

    Raises:
        ValueError: a parameter's state is missing.

    """
    state_dict: dict[str, Any] = optimizer.state_dict()  # the groups' settings are the recipe's
    parameters = [index for group in state_dict["param_groups"] for index in group["params"]]
    states: dict[int, dict[str, Tensor]] = {index: {} for index in parameters}
    for key, tensor in tensors.items():
        parameter, _, name = key.partition(".")
        states[int(parameter)][name] = tensor
    if not all(states.values()):
        raise ValueError("the optimiser's state is incomplete")
    optimizer.load_state_dict({**state_dict, "state": states})


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, by the rest of their names."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _read(folder: Path, checkpoint: Checkpoint, device: torch.device) -> dict[str, Tensor]:
    return run_files.read_tensors(folder / str(checkpoint.tensors), device, _RESTART)


def _not_fitting(folder: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{folder} does not fit its recipe ({error}); {_RESTART}")
