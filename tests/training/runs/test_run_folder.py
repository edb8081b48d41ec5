"""The folder of a run: nothing of anybody else is touched, and every stop can be resumed."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import models
from models import manifest
from tests.support.training import permissions
from tests.support.training.samples import CPU, digits, same_weights, small_recipe
from training.errors import CheckpointError, PublishedModelError
from training.runs import checkpoint, run_folder
from training.runs.run_files import ForeignFileError
from training.runs.run_folder import Existing
from training.trainers.trainer import Trainer


def train(folder: Path, existing: Existing = "refuse", **changes: Any) -> Trainer:
    trainer = run_folder.train(folder, small_recipe(**changes), digits(), CPU, existing)
    assert isinstance(trainer, Trainer)
    return trainer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    return train(tmp_path_factory.mktemp("whole") / "lstm")


class StoppedError(Exception):
    """In place of a kill: nothing is cleared up."""


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Have the training of a run end amid an epoch, after so many steps of the optimiser."""
    whole_step = torch.optim.AdamW.step
    left = iter(range(steps))

    def step(*arguments: Any) -> Any:
        if next(left, None) is None:
            raise StoppedError
        return whole_step(*arguments)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)


def test_a_run_that_was_killed_in_its_first_epoch_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Trainer
) -> None:
    with monkeypatch.context() as patched:
        stop_after(patched, 3)
        with pytest.raises(StoppedError):
            train(tmp_path / "lstm")
    assert same_weights(train(tmp_path / "lstm").best, whole.best)


@pytest.mark.parametrize(
    "name", ["metrics.csv", "epoch-0001.safetensors", "learning_curve.png", "notes.txt"]
)
@pytest.mark.parametrize("existing", ["refuse", "resume", "restart"])
def test_without_a_checkpoint_of_ours_no_file_is_ours(
    tmp_path: Path, name: str, existing: Existing
) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(ForeignFileError, match=f"holds {name}, which no training run wrote"):
        train(tmp_path, existing)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "precious")]


def test_a_checkpoint_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.json"
    path.write_text('{"global_step": 500}')
    with pytest.raises(ForeignFileError, match=r"holds checkpoint\.json, which no training run"):
        train(tmp_path, "restart")
    assert path.read_text() == '{"global_step": 500}'


def test_a_restart_replaces_its_own_run_alone(tmp_path: Path) -> None:
    folder = tmp_path / "lstm"
    train(folder)
    (folder / "notes.txt").write_text("precious")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ForeignFileError, match=r"holds notes\.txt"):
        train(folder, "restart", seed=1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (folder / "notes.txt").unlink()
    train(folder, "restart", seed=1)
    assert checkpoint.load(folder).recipe.seed == 1


def test_a_damaged_run_can_be_restarted(tmp_path: Path) -> None:
    train(tmp_path / "lstm")
    (tmp_path / "lstm" / "checkpoint.json").write_text("{")
    train(tmp_path / "lstm", "restart")
    assert checkpoint.load(tmp_path / "lstm").finished


def test_a_kill_amid_a_restart_leaves_a_folder_that_can_be_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lstm"
    train(folder)

    def stop(*_: object, **__: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", stop)
        with pytest.raises(StoppedError):
            train(folder, "restart")
    train(folder, "restart")
    assert checkpoint.load(folder).finished


@pytest.mark.parametrize("name", ["checkpoint.json", "epoch-0001.safetensors"])
def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "lstm"
    train(folder, epochs=1)
    (folder / name).chmod(0)
    with permissions.enforced():
        with pytest.raises(CheckpointError) as caught:
            train(folder, "resume", epochs=1)
        if name == "checkpoint.json":  # nor is it lost
            with pytest.raises(CheckpointError, match="may not be read"):
                train(folder, "restart")
    message = str(caught.value)
    assert f"{name} may not be read by this user; ask its owner" in message
    assert "damaged" not in message
    assert "--restart" not in message


def test_a_full_disk_names_the_file_and_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Trainer
) -> None:
    folder = tmp_path / "lstm"
    with monkeypatch.context() as patched:
        stop_after(patched, 10)  # of 7 an epoch
        with pytest.raises(StoppedError):
            train(folder)
    partial = folder / ".epoch-0002.safetensors.partial"
    partial.symlink_to("/dev/full")  # which has no space for whatever is written to it
    with pytest.raises(OSError, match="No space left") as caught:
        train(folder, "resume")
    assert caught.value.filename == str(folder / "epoch-0002.safetensors")
    assert len(checkpoint.load(folder).history) == 1
    assert not partial.is_symlink()  # or it would take space from what matters
    assert same_weights(train(folder, "resume").best, whole.best)


def test_a_run_names_its_teachers_and_goes_on_with_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(models.__file__).parent
    with monkeypatch.context() as patched:
        stop_after(patched, 10)  # of seven an epoch
        with pytest.raises(StoppedError):
            train(tmp_path / "gru", teachers=("lstm",))
    digest = manifest.read(root / "lstm").file("onnx").sha256
    assert checkpoint.load(tmp_path / "gru").environment["teacher lstm"] == digest

    (tmp_path / "models").mkdir()
    other = tmp_path / "models" / "lstm"
    shutil.copytree(root / "gru", other)
    text = (other / "manifest.json").read_text()
    (other / "manifest.json").write_text(text.replace('"name": "gru"', '"name": "lstm"'))
    monkeypatch.setattr(models, "__file__", str(tmp_path / "models" / "__init__.py"))
    with pytest.raises(CheckpointError, match="was taught by other models than those published"):
        train(tmp_path / "gru", "resume", teachers=("lstm",))


def test_a_teacher_that_is_damaged_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(Path(models.__file__).parent / "lstm", tmp_path / "lstm")
    (tmp_path / "lstm" / "model.onnx").write_bytes(b"cut")
    monkeypatch.setattr(models, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(PublishedModelError, match="model lstm, which the recipe names among its"):
        train(tmp_path / "run", teachers=("lstm",))
