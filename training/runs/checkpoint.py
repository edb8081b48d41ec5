"""A run's state on disk: tensors in safetensors, the rest in JSON, always both or neither.

`checkpoint.json` names the safetensors file that belongs to it and is replaced in one step, so a
kill at any moment leaves the last complete checkpoint.
"""

import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.data.datasets import DataSet
from training.networks.modules import RowClassifier
from training.recipes.shipped import Recipe
from training.recipes.validation import RecipeError
from training.trainers.trainer import Epoch, Trainer

FILENAME = "checkpoint.json"
VERSION = 2


class CheckpointError(RuntimeError):
    """A checkpoint is missing, damaged, or of another run than the one asked for."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What `checkpoint.json` holds."""

    recipe: Recipe
    dataset: str
    digests: dict[str, str]  # of the data set's files
    history: list[Epoch]
    tensors: str  # name of the safetensors file beside it
    environment: dict[str, str]  # versions and device that trained it

    @property
    def finished(self) -> bool:
        """Whether all of the recipe's epochs are done."""
        return len(self.history) >= self.recipe.epochs


def exists(folder: Path) -> bool:
    """Whether `folder` holds a checkpoint."""
    return (folder / FILENAME).is_file()


def save(folder: Path, trainer: Trainer, environment: dict[str, str]) -> None:
    """Write the trainer's state after its last finished epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"epoch-{len(trainer.history):04d}.safetensors"
    replace_file(folder / name, lambda path: save_file(_tensors(trainer), path))
    document = {
        "version": VERSION,
        "recipe": trainer.recipe.to_dict(),
        "dataset": trainer.data.name,
        "digests": dict(trainer.data.digests),
        "history": [dataclasses.asdict(epoch) for epoch in trainer.history],
        "tensors": name,
        "environment": environment,
    }
    text = json.dumps(document, indent=2) + "\n"
    replace_file(folder / FILENAME, lambda path: path.write_text(text, encoding="utf-8"))
    for old in folder.glob("epoch-*.safetensors"):
        if old.name != name:
            old.unlink()


def load(folder: Path) -> Checkpoint:
    """Read `checkpoint.json`; the tensors are read by `restore` and `best_network`.

    Raises:
        CheckpointError: it is missing or not a checkpoint of this version.

    """
    path = folder / FILENAME
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        if document.pop("version") != VERSION:
            raise CheckpointError(f"{path} was written by another version of RowReader; {_REMEDY}")
        recipe = Recipe.from_dict(document.pop("recipe"))
        history = [Epoch(**epoch) for epoch in document.pop("history")]
        return Checkpoint(recipe=recipe, history=history, **document)
    except FileNotFoundError:
        raise CheckpointError(f"{folder} holds no checkpoint; train first") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecipeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); {_REMEDY}") from error


_REMEDY = "train again with --restart"


def restore(folder: Path, checkpoint: Checkpoint, trainer: Trainer) -> None:
    """Bring a fresh trainer of the same recipe and data to where the checkpoint was written.

    Raises:
        CheckpointError: the checkpoint is of another recipe or other data, or is damaged.

    """
    if differences := checkpoint.recipe.differences(trainer.recipe):
        raise CheckpointError(
            f"{folder} was trained by another recipe ({'; '.join(differences)}): it cannot be "
            f"resumed; {_REMEDY}"
        )
    check_data(folder, checkpoint, trainer.data)
    tensors = _read(folder, checkpoint, trainer.device)
    for prefix, module in _modules(trainer).items():
        _load_into(module, tensors, prefix, folder)
    parameters = list(trainer.network.parameters())
    for index, parameter in enumerate(parameters):
        state = {
            key.removeprefix(f"optimizer.{index}."): tensor
            for key, tensor in tensors.items()
            if key.startswith(f"optimizer.{index}.")
        }
        trainer.optimizer.state[parameter] = state
    trainer.history = list(checkpoint.history)


def best_network(folder: Path, checkpoint: Checkpoint) -> RowClassifier:
    """The network that validation chose, in eval mode on the CPU.

    Raises:
        CheckpointError: the tensors are damaged or do not fit the recipe.

    """
    network = RowClassifier(checkpoint.recipe.network)
    _load_into(network, _read(folder, checkpoint, torch.device("cpu")), "best.", folder)
    return network.eval().requires_grad_(False)


def check_data(folder: Path, checkpoint: Checkpoint, data: DataSet) -> None:
    """Refuse to go on with, or to judge, a run on data that it was not trained on.

    Raises:
        CheckpointError: the data set, or a digest of its files, is another one.

    """
    if (checkpoint.dataset, checkpoint.digests) != (data.name, dict(data.digests)):
        raise CheckpointError(
            f"{folder} was trained on {checkpoint.dataset} with other files than {data.name} has "
            f"now: it cannot be resumed; {_REMEDY}"
        )


def _modules(trainer: Trainer) -> dict[str, nn.Module]:
    return {"network.": trainer.network, "average.": trainer.averaged, "best.": trainer.best}


def _tensors(trainer: Trainer) -> dict[str, Tensor]:
    tensors = {
        prefix + key: tensor
        for prefix, module in _modules(trainer).items()
        for key, tensor in module.state_dict().items()
    }
    for index, parameter in enumerate(trainer.network.parameters()):
        for key, tensor in trainer.optimizer.state[parameter].items():
            tensors[f"optimizer.{index}.{key}"] = tensor
    return {key: tensor.cpu().contiguous() for key, tensor in tensors.items()}


def _read(folder: Path, checkpoint: Checkpoint, device: torch.device) -> dict[str, Tensor]:
    path = folder / checkpoint.tensors
    try:
        return load_file(path, device=str(device))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is damaged or missing ({error}); {_REMEDY}") from error


def _load_into(module: nn.Module, tensors: dict[str, Tensor], prefix: str, folder: Path) -> None:
    mine = {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
    try:
        module.load_state_dict(mine)
    except RuntimeError as error:
        raise CheckpointError(f"{folder} does not fit its recipe ({error}); {_REMEDY}") from error


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` put a file beside `path`, the disk hold it, then move it there in one step."""
    beside = path.with_name(f".{path.name}.partial")
    write(beside)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)
