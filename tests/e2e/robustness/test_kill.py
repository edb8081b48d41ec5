"""Kill the real commands with SIGKILL at awkward moments: nothing is lost, nothing is mixed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from models import manifest
from tests.support.training.commands import finish, kill_when, start
from tests.support.training.samples import finished_run, same_weights, small_recipe
from training.runs import checkpoint

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_a_killed_training_resumes_to_the_same_weights(tmp_path: Path) -> None:
    arguments = ["rnn", "--dataset", "digits", "--epochs", "5", "--device", "cpu", "--runs-dir"]
    whole = start("training.train", *arguments, str(tmp_path / "whole"))
    assert finish(whole)[0] == 0

    killed = tmp_path / "killed" / "rnn-digits"
    process = start("training.train", *arguments, str(tmp_path / "killed"))
    kill_when(process, (killed / "epoch-0002.safetensors").exists)
    assert 1 <= len(checkpoint.load(killed).history) <= 3
    process = start("training.train", *arguments, str(tmp_path / "killed"), "--resume")
    assert finish(process)[0] == 0

    networks = [
        checkpoint.best_network(folder, checkpoint.load(folder))
        for folder in (killed, tmp_path / "whole" / "rnn-digits")
    ]
    assert same_weights(*networks)
    rows = (killed / "metrics.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["1", "2", "3", "4", "5"]


MOMENTS: dict[str, Callable[[Path], object]] = {
    "as the staging folder appears": lambda models: list(models.glob(".lstm-digits.*")),
    "as the graph is written": lambda models: list(models.glob(".lstm-digits.*/model.onnx")),
    "as TorchScript is written": lambda models: list(models.glob(".lstm-digits.*/model.pt")),
    "as the manifest is written": lambda models: list(models.glob(".lstm-digits.*/manifest.json")),
}


def test_a_killed_export_leaves_the_old_model_or_the_new_one(tmp_path: Path) -> None:
    models, runs = tmp_path / "models", tmp_path / "runs"
    folders = ["--models-dir", str(models), "--runs-dir", str(runs)]
    arguments = ["lstm", "--dataset", "digits", *folders]
    finished_run(runs / "lstm-digits", small_recipe())
    assert finish(start("training.export", *arguments))[0] == 0
    folder, stream = models / "lstm-digits", models / "lstm-digits-rows"
    old = manifest.read(folder)
    for moment, reached in MOMENTS.items():
        kill_when(start("training.export", *arguments), partial(reached, models))
        assert set(manifest.discover(models)) == {folder, stream}, moment
        for path in (folder, stream):
            found = manifest.read(path)
            manifest.verify(path, found)
            assert found.recipe == old.recipe, moment
    assert finish(start("training.export", *arguments))[0] == 0
    assert {path.name for path in models.iterdir()} == {folder.name, stream.name}
