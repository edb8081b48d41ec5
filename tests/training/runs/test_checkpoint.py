"""Checkpoints: a resumed run equals the uninterrupted one; damage is named, never loaded."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.training.samples import CPU, digits, same_weights, small_recipe, trained
from training.data.datasets import DataSet
from training.errors import CheckpointError
from training.recipes.shipped import Recipe
from training.runs import checkpoint
from training.runs.run_files import ForeignFileError
from training.trainers.trainer import Trainer


def resumed(folder: Path, recipe: Recipe, data: DataSet | None = None) -> Trainer:
    trainer = Trainer(recipe, data or digits(), CPU)
    checkpoint.restore(folder, checkpoint.load(folder), trainer)
    return trainer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    checkpoint.save(tmp_path, trained(small_recipe(), epochs=1), {"torch": "2"})
    return tmp_path


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_a_resumed_run_equals_the_uninterrupted_one(tmp_path: Path, cell: str) -> None:
    recipe = small_recipe(cell, epochs=3)  # type: ignore[arg-type]
    whole = trained(recipe)
    checkpoint.save(tmp_path, trained(recipe, epochs=1), {})
    second = resumed(tmp_path, recipe)
    second.run_epoch()
    checkpoint.save(tmp_path, second, {})
    third = resumed(tmp_path, recipe)
    third.run_epoch()
    assert same_weights(third.network, whole.network)
    assert same_weights(third.average, whole.average)
    assert same_weights(third.best, whole.best)
    losses = [epoch.train_loss for epoch in third.history]
    assert losses == [epoch.train_loss for epoch in whole.history]


def test_only_the_last_tensors_are_kept(folder: Path) -> None:
    checkpoint.save(folder, trained(small_recipe()), {})
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint.json",
        "epoch-0002.safetensors",
    ]


def test_the_best_network_is_the_one_that_validation_chose(tmp_path: Path) -> None:
    trainer = trained(small_recipe(epochs=3))
    checkpoint.save(tmp_path, trainer, {})
    network = checkpoint.best_network(tmp_path, checkpoint.load(tmp_path))
    assert same_weights(network, trainer.best)
    assert not network.training


def test_a_kill_while_saving_leaves_the_last_complete_checkpoint(folder: Path) -> None:
    """What lies there if the process dies between the two files, or amid either of them."""
    (folder / "epoch-0002.safetensors").write_bytes(b"complete, but not named yet")
    (folder / ".checkpoint.json.partial").write_text('{"version": 1, "rec')
    assert len(resumed(folder, small_recipe()).history) == 1


def test_another_recipe_is_not_resumed(folder: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"another recipe \(batch_size: 32 -> 16\).*--restart"
    ):
        resumed(folder, small_recipe(batch_size=16))


def test_other_data_is_not_resumed(folder: Path) -> None:
    known = digits()
    other = DataSet("digits", known.train, known.validation, known.test, {"load_digits": "0"})
    with pytest.raises(CheckpointError, match="trained on digits with other files"):
        resumed(folder, small_recipe(), other)


def test_a_missing_checkpoint_says_train_first(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no checkpoint; train first"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", '{"version": 2, "recipe": {"name": "lstm"}}'])
def test_a_damaged_json_is_named_with_the_remedy(folder: Path, text: str) -> None:
    (folder / "checkpoint.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"checkpoint\.json is damaged .*--restart"):
        checkpoint.load(folder)


@pytest.mark.parametrize("text", ["[]", "null", '{"version": 2}'])
def test_a_json_of_something_else_is_no_checkpoint(folder: Path, text: str) -> None:
    (folder / "checkpoint.json").write_text(text)
    with pytest.raises(ForeignFileError, match=r"checkpoint\.json, which no training run wrote"):
        checkpoint.load(folder)


def test_another_versions_checkpoint_is_refused(folder: Path) -> None:
    document = json.loads((folder / "checkpoint.json").read_text())
    (folder / "checkpoint.json").write_text(json.dumps({**document, "version": 1}))
    with pytest.raises(CheckpointError, match="another version of RowReader"):
        checkpoint.load(folder)


@pytest.mark.parametrize("content", [b"", b"junk" * 100])
def test_damaged_tensors_are_named_with_the_remedy(folder: Path, content: bytes) -> None:
    (folder / "epoch-0001.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"epoch-0001\.safetensors is damaged .*--restart"):
        resumed(folder, small_recipe())


def test_missing_tensors_are_named_with_the_remedy(folder: Path) -> None:
    (folder / "epoch-0001.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"epoch-0001\.safetensors is missing; .*--restart"):
        resumed(folder, small_recipe())


def test_an_incomplete_state_of_the_optimiser_is_refused(folder: Path) -> None:
    """Or the run would go on with a fresh optimiser, and to other weights than it should."""
    path = folder / "epoch-0001.safetensors"
    tensors = load_file(path)
    save_file({key: t for key, t in tensors.items() if not key.startswith("optimizer.0.")}, path)
    with pytest.raises(CheckpointError, match=r"does not fit its recipe .*incomplete"):
        resumed(folder, small_recipe())


def test_files_have_the_mode_that_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        checkpoint.save(tmp_path, trained(small_recipe(), epochs=1), {})
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"checkpoint.json": 0o640, "epoch-0001.safetensors": 0o640}


def test_tensors_of_another_shape_are_refused(folder: Path) -> None:
    save_file({"best.mean": torch.zeros(3)}, folder / "epoch-0001.safetensors")
    with pytest.raises(CheckpointError, match="does not fit its recipe"):
        checkpoint.best_network(folder, checkpoint.load(folder))
