"""Finished seeds on disk: found again, replaced only where they are ours, damage named."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.support.training.samples import CPU, digits, same_weights
from training.errors import CheckpointError
from training.recipes.plain import PlainRecipe
from training.recipes.tutorials import TUTORIALS
from training.runs import seed_runs
from training.runs.run_files import ForeignFileError
from training.trainers.plain_trainer import PlainTrainer


def quick(**changes: Any) -> PlainRecipe:
    """The recipe of `mlp-50` with two steps on the small digits."""
    recipe = dataclasses.replace(TUTORIALS["mlp-50"].recipe, batch_size=190, epochs=1)
    return dataclasses.replace(recipe, **changes)


def train(folder: Path, **changes: Any) -> seed_runs.SeedRun:
    return seed_runs.train(folder, PlainTrainer(quick(**changes), digits(), CPU))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_finished_run_is_found_and_made_again(tmp_path: Path, threads: int) -> None:
    recipe = quick()
    assert seed_runs.find(tmp_path, recipe, digits()) is None
    run = train(tmp_path)
    assert seed_runs.find(tmp_path, recipe, digits()) == run
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        train(tmp_path / "again")
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    again = seed_runs.network(tmp_path / "again", recipe)
    assert same_weights(seed_runs.network(tmp_path, recipe), again)


def test_a_run_of_another_recipe_seed_or_data_is_not_it(tmp_path: Path) -> None:
    train(tmp_path)
    other = dataclasses.replace(digits(), digests={"load_digits": "0"})
    assert seed_runs.find(tmp_path, quick(), other) is None
    for change in ({"seed": 1}, {"learning_rate": 0.1}):
        assert seed_runs.find(tmp_path, quick(**change), digits()) is None


def test_a_kill_between_the_two_files_leaves_no_run_and_can_be_repeated(tmp_path: Path) -> None:
    train(tmp_path)
    (tmp_path / "seed-0.json").unlink()
    assert seed_runs.find(tmp_path, quick(), digits()) is None
    assert train(tmp_path) == seed_runs.find(tmp_path, quick(), digits())


def test_a_run_of_another_version_is_trained_again(tmp_path: Path) -> None:
    train(tmp_path)
    path = tmp_path / "seed-0.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 1}))
    assert seed_runs.find(tmp_path, quick(), digits()) is None
    assert train(tmp_path) == seed_runs.find(tmp_path, quick(), digits())


def test_a_run_of_another_recipe_is_not_replaced_unless_it_is_asked_for(tmp_path: Path) -> None:
    kept = train(tmp_path)
    other = dataclasses.replace(quick(), learning_rate=0.5)
    with pytest.raises(CheckpointError, match=r"of another recipe.*--restart"):
        seed_runs.finish(tmp_path, other, digits(), CPU, "refuse")
    assert seed_runs.find(tmp_path, quick(), digits()) == kept
    seed_runs.finish(tmp_path, other, digits(), CPU, "restart")
    assert seed_runs.find(tmp_path, quick(), digits()) is None


def test_damage_is_named_with_the_remedy(tmp_path: Path) -> None:
    train(tmp_path)
    (tmp_path / "seed-0.safetensors").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match=r"seed-0\.safetensors is damaged.*delete it"):
        seed_runs.network(tmp_path, quick())
    (tmp_path / "seed-0.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"seed-0\.json is damaged.*delete it"):
        seed_runs.find(tmp_path, quick(), digits())


def test_weights_that_vanished_are_missing_not_damaged(tmp_path: Path) -> None:
    train(tmp_path)
    (tmp_path / "seed-0.safetensors").unlink()
    assert seed_runs.find(tmp_path, quick(), digits()) is None
    with pytest.raises(CheckpointError, match=r"seed-0\.safetensors is missing"):
        seed_runs.network(tmp_path, quick())


def test_files_of_somebody_else_are_refused_and_stay(tmp_path: Path) -> None:
    weights, record = tmp_path / "seed-0.safetensors", tmp_path / "seed-0.json"
    save_file({"mine": torch.ones(2)}, weights)
    before = weights.read_bytes()
    with pytest.raises(ForeignFileError, match=r"seed-0\.safetensors, which no training run wrote"):
        train(tmp_path)
    assert weights.read_bytes() == before
    weights.unlink()
    record.write_text('{"my": "settings"}')
    with pytest.raises(ForeignFileError, match=r"seed-0\.json, which no training run wrote"):
        train(tmp_path)
    assert record.read_text() == '{"my": "settings"}'


def test_files_have_the_mode_that_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        train(tmp_path)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"seed-0.json": 0o640, "seed-0.safetensors": 0o640}
