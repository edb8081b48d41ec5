"""The folder of one training run: `runs/NAME/`, what lies in it, and how a run is driven.

checkpoint.json, epoch-NNNN.safetensors    the state, see `training.runs.checkpoint`
metrics.csv                                one row an epoch
events.out.tfevents.*                      the same for TensorBoard
learning_curve.png, confusion_matrix.png   drawn when the run ends

Beside it, `runs/.NAME.lock` is held by the process that trains there.
"""

import contextlib
import csv
import dataclasses
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import filelock
import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from training.data import sine_windows
from training.data.datasets import DataSet
from training.recipes.shipped import Recipe
from training.reports import plots
from training.runs import checkpoint
from training.runs.checkpoint import CheckpointError
from training.trainers.trainer import Epoch, Trainer, evaluate


def run_name(recipe: str, dataset: str) -> str:
    """What a run of this recipe, and the model made of it, is called.

    Only MNIST's, and one that needs no data set, is called as its recipe: a model of other data
    never takes a shipped one's place.
    """
    return recipe if dataset in ("mnist", sine_windows.NAME) else f"{recipe}-{dataset}"


_WRITTEN = (
    checkpoint.FILENAME,
    f".{checkpoint.FILENAME}.partial",
    "epoch-*.safetensors",
    ".epoch-*.partial",
    "metrics.csv",
    "events.out.tfevents.*",
    "learning_curve.png",
    "confusion_matrix.png",
)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep every other process out of the run in `folder`; released even by a kill.

    Raises:
        CheckpointError: another process is at work there.

    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder.parent / f".{folder.name}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise CheckpointError(
            f"another process is training in {folder}; wait until it ends, or name another folder "
            "with --runs-dir"
        ) from None
    try:
        yield
    finally:
        lock.release()


def start(folder: Path, recipe: Recipe, data: DataSet, device: torch.device) -> Trainer:
    """A trainer at the beginning; whatever run lay in `folder` is removed.

    Raises:
        CheckpointError: `folder` holds something else, which is left alone.

    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {path for pattern in _WRITTEN for path in folder.glob(pattern)}
    if others := sorted(path.name for path in set(folder.iterdir()) - written):
        raise CheckpointError(
            f"{folder} holds {', '.join(others[:5])}, which no training run wrote, so it is left "
            "alone; move that, or name another folder with --runs-dir"
        )
    for path in written:
        path.unlink()
    return Trainer(recipe, data, device)


def resume(folder: Path, recipe: Recipe, data: DataSet, device: torch.device) -> Trainer:
    """A trainer where the checkpoint in `folder` left off.

    Raises:
        CheckpointError: it is missing, damaged, or of another recipe or data set.

    """
    trainer = Trainer(recipe, data, device)
    checkpoint.restore(folder, checkpoint.load(folder), trainer)
    return trainer


def drive(folder: Path, trainer: Trainer) -> None:
    """Train to the end with a progress bar, saving after every epoch; then draw the plots.

    Raises:
        TrainingDiverged: the loss is not finite; the last checkpoint is kept.
        KeyboardInterrupt: the user stopped it; the last checkpoint is kept.

    """
    _write_csv(folder, trainer.history)  # drops what a killed run wrote after its checkpoint
    images = len(trainer.data.train)
    done = len(trainer.history)
    with (
        SummaryWriter(str(folder), purge_step=done + 1) as board,
        tqdm(
            total=trainer.recipe.epochs * images,
            initial=done * images,
            unit="img",
            unit_scale=True,
            desc=folder.name,
            # In a log, which keeps every step of the bar, one in half a minute is enough.
            mininterval=0.5 if sys.stderr.isatty() else 30.0,
            dynamic_ncols=True,
        ) as bar,
    ):
        while not trainer.finished:
            epoch = trainer.run_epoch(bar.update)
            checkpoint.save(folder, trainer, environment(trainer.device))
            _write_csv(folder, trainer.history)
            _write_board(board, epoch)
            bar.set_postfix_str(
                f"epoch {epoch.number}/{trainer.recipe.epochs} loss {epoch.train_loss:.4f} "
                f"val {epoch.validation_accuracy:.2%}"
            )
    plots.learning_curve(trainer.history, folder / "learning_curve.png", folder.name)
    validation = trainer.data.validation
    predictions = evaluate(trainer.best, validation).predictions
    plots.confusion_matrix(
        validation.labels.cpu(), predictions, folder / "confusion_matrix.png", folder.name
    )


def environment(device: torch.device) -> dict[str, str]:
    """The versions and the device that a run's figures depend on."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": gpu or f"{platform.machine()} CPU",
        "threads": str(torch.get_num_threads()),
    }


def _write_csv(folder: Path, history: list[Epoch]) -> None:
    with (folder / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Epoch)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(epoch) for epoch in history)


def _write_board(board: SummaryWriter, epoch: Epoch) -> None:
    board.add_scalar("loss/train", epoch.train_loss, epoch.number)
    board.add_scalar("loss/validation", epoch.validation_loss, epoch.number)
    board.add_scalar("accuracy/validation", epoch.validation_accuracy, epoch.number)
    board.add_scalar("learning_rate", epoch.learning_rate, epoch.number)
    board.flush()
