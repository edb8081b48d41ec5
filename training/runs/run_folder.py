"""The folder `runs/NAME/` of a run of a recipe that ships: trained, resumed, restarted.

checkpoint.json, epoch-NNNN.safetensors    the state, see `training.runs.checkpoint`
metrics.csv                                one row an epoch
events.out.tfevents.*                      the same for TensorBoard
learning_curve.png, confusion_matrix.png   drawn when the run ends; of lines, the curve alone

Beside it the process that trains there holds the lock `runs/.NAME.lock`.
"""

import contextlib
import csv
import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import filelock
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from training.data.datasets import DataSet
from training.errors import CheckpointError
from training.recipes.lines import LineRecipe
from training.recipes.plain import REGRESSION_DATA
from training.runs import checkpoint, run_files, run_plots
from training.runs.checkpoint import AnyRecipe, AnyTrainer, Checkpoint
from training.runs.environment import environment
from training.runs.progress_bar import progress_bar
from training.runs.published import read_teachers
from training.trainers.line_trainer import LineTrainer
from training.trainers.trainer import Epoch, Trainer, evaluate

Existing = Literal["refuse", "resume", "restart"]

_METRICS, _LEARNING_CURVE = "metrics.csv", "learning_curve.png"
_CONFUSION_MATRIX = "confusion_matrix.png"
_TEACHER = "teacher "  # in a checkpoint's environment, and then a teacher's name
# What a kill amid a write leaves.
_PARTIAL = (f".{checkpoint.FILENAME}.partial", f".{checkpoint.TENSORS}.partial")
_WRITTEN = (
    *_PARTIAL,
    f".{_METRICS}.partial",
    f".{_LEARNING_CURVE}.partial",
    f".{_CONFUSION_MATRIX}.partial",
    checkpoint.FILENAME,
    checkpoint.TENSORS,
    _METRICS,
    "events.out.tfevents.*",
    _LEARNING_CURVE,
    _CONFUSION_MATRIX,
)


def run_name(recipe: str, dataset: str) -> str:
    """The name of a run of `recipe` on `dataset`, and of the model that is published from it.

    It is the recipe's name on MNIST and for a regression, which has no data set; any other has the
    data set's name in it, so that it never takes the place of a shipped model.
    """
    return recipe if dataset in ("mnist", REGRESSION_DATA) else f"{recipe}-{dataset}"


def train(
    folder: Path, recipe: AnyRecipe, data: DataSet, device: torch.device, existing: Existing
) -> AnyTrainer:
    """Train `recipe` in `folder` to the end; `existing` says what to do with an earlier run there.

    Raises:
        CheckpointError: there is an earlier run and `existing` is `refuse`; or it cannot be
            resumed; or another process trains there.
        ForeignFileError: `folder` holds something that no training run wrote.
        OSError: the disk is full, or the folder cannot be written; the last checkpoint is kept.
        TrainingDivergedError: the loss is not finite; the last checkpoint is kept.
        KeyboardInterrupt: the user stopped it; the last checkpoint is kept.

    """
    with locked(folder):
        found = None if existing == "restart" else checkpoint.find(folder)
        if found and existing == "refuse":
            raise CheckpointError(
                f"{folder} holds a run with {len(found.history)} epochs done; --resume goes on "
                "with it, --restart removes it and begins again"
            )
        if found:
            trainer = _trainer(recipe, data, device)
            _restore(folder, found, trainer)
        else:
            trainer = start(folder, recipe, data, device)
        _train_to_end(folder, trainer)
    return trainer


def finish(
    folder: Path,
    recipe: AnyRecipe,
    data: DataSet,
    device: torch.device,
    first: nn.Module | None = None,
) -> Checkpoint:
    """The finished run in `folder`: trained if missing, resumed by its own recipe if unfinished.

    It begins with the weights of `first`, if there is one.

    Raises:
        As `train` does.

    """
    with locked(folder):
        found = checkpoint.find(folder)
        if not found:
            _train_to_end(folder, start(folder, recipe, data, device, first))
        elif not found.finished:
            print(f"{folder}: going on after epoch {len(found.history)} of {found.recipe.epochs}")
            trainer = _trainer(found.recipe, data, device, first)
            _restore(folder, found, trainer)
            _train_to_end(folder, trainer)
        finished = checkpoint.load(folder)
    checkpoint.check_data(folder, finished, data)
    if changes := checkpoint.differences(finished.recipe, recipe):
        print(
            f"note: {folder} was trained by its own variant of the recipe ({'; '.join(changes)} "
            "today); `python -m training.train --restart` would train it as it stands today"
        )
    return finished


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other process from training in `folder`; a kill releases the lock, too.

    Raises:
        CheckpointError: another process trains there.

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


def start(
    folder: Path,
    recipe: AnyRecipe,
    data: DataSet,
    device: torch.device,
    first: nn.Module | None = None,
) -> AnyTrainer:
    """A trainer before its first epoch; an earlier run in `folder` is removed.

    It begins with the weights of `first`, if there is one.

    Raises:
        ForeignFileError: `folder` holds something that no training run wrote; all of it stays.

    """
    folder.mkdir(parents=True, exist_ok=True)
    earlier = _files_of_run(folder)
    trainer = _trainer(recipe, data, device, first)
    # First, so that after a kill the folder still shows whose the other files are.
    checkpoint.save(folder, trainer, _environment(trainer))
    for path in earlier - {folder / checkpoint.FILENAME}:
        path.unlink(missing_ok=True)
    return trainer


def _trainer(
    recipe: AnyRecipe, data: DataSet, device: torch.device, first: nn.Module | None = None
) -> AnyTrainer:
    if isinstance(recipe, LineRecipe):
        return LineTrainer(recipe, data, device)
    if recipe.hands or recipe.outliers:
        print(f"{recipe.name}: drawing what it learns beside the data set, up to half a minute")
    return Trainer(recipe, data, device, first, read_teachers(recipe.teachers))


def _restore(folder: Path, found: Checkpoint, trainer: AnyTrainer) -> None:
    """Bring `trainer`, which is new, to the state that `found` has.

    Raises:
        CheckpointError: it has another recipe, other data or other teachers, or is damaged.

    """
    checkpoint.restore(folder, found, trainer)
    taught = {key: value for key, value in found.environment.items() if key.startswith(_TEACHER)}
    if taught != _teachers(trainer):
        raise CheckpointError(
            f"{folder} was taught by other models than those published now, so it cannot be "
            "resumed; bring them back, or train again with --restart"
        )


def _environment(trainer: AnyTrainer) -> dict[str, str]:
    """What the trainer's figures depend on beside its recipe and data."""
    return {**environment(trainer.device), **_teachers(trainer)}


def _teachers(trainer: AnyTrainer) -> dict[str, str]:
    """The SHA-256 of the ONNX file of each of the trainer's teachers."""
    if isinstance(trainer, LineTrainer) or not trainer.teachers:
        return {}
    return {_TEACHER + name: digest for name, digest in trainer.teachers.digests.items()}


def _files_of_run(folder: Path) -> set[Path]:
    """Everything in `folder`, of which all must be a run's.

    Raises:
        ForeignFileError: something is not.

    """
    # Without a run's checkpoint.json, a metrics.csv may be anybody's.
    patterns = _WRITTEN if checkpoint.marks_run(folder) else _PARTIAL
    written = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    if others := set(folder.iterdir()) - written:
        raise run_files.foreign(folder, sorted(path.name for path in others))
    return written


def _train_to_end(folder: Path, trainer: AnyTrainer) -> None:
    """Train with a progress bar, save after every epoch, and draw the plots."""
    _write_metrics(folder, trainer.history)  # without what was written after the last checkpoint
    epochs = len(trainer.history)
    with (
        SummaryWriter(str(folder), purge_step=epochs + 1) as board,
        progress_bar(
            trainer.samples,
            folder.name,
            initial=trainer.samples_done,
            unit="line" if isinstance(trainer, LineTrainer) else "img",
            unit_scale=True,
        ) as bar,
    ):
        while not trainer.finished:
            epoch = trainer.run_epoch(bar.update)
            checkpoint.save(folder, trainer, _environment(trainer))
            _write_metrics(folder, trainer.history)
            _write_events(board, epoch)
            bar.set_postfix_str(
                f"epoch {epoch.number}/{trainer.recipe.epochs} loss {epoch.train_loss:.4f} "
                f"val {epoch.validation_accuracy:.2%}"
            )
    _draw_plots(folder, trainer)


def _draw_plots(folder: Path, trainer: AnyTrainer) -> None:
    run_plots.learning_curve(trainer.history, folder / _LEARNING_CURVE, folder.name)
    if isinstance(trainer, LineTrainer):
        return
    validation = trainer.data.validation
    predictions = evaluate(trainer.best, validation).predictions
    run_plots.confusion_matrix(
        validation.labels.cpu(), predictions, folder / _CONFUSION_MATRIX, folder.name
    )


def _write_metrics(folder: Path, history: list[Epoch]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in dataclasses.fields(Epoch)])
    writer.writeheader()
    writer.writerows(dataclasses.asdict(epoch) for epoch in history)
    run_files.replace(folder / _METRICS, text.getvalue().encode())


def _write_events(board: SummaryWriter, epoch: Epoch) -> None:
    board.add_scalar("loss/train", epoch.train_loss, epoch.number)
    board.add_scalar("loss/validation", epoch.validation_loss, epoch.number)
    board.add_scalar("accuracy/validation", epoch.validation_accuracy, epoch.number)
    board.add_scalar("learning_rate", epoch.learning_rate, epoch.number)
    board.flush()
