"""The two commands, `training.train` and `training.export`, as a person meets them."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from models import manifest
from models.manifest import Manifest
from tests.support.samples import finished_run, small_recipe
from training import export, train
from training.networks.modules import RowClassifier
from training.parity import proof, structure
from training.parity.structure import Failure
from training.recipes.tutorials import TUTORIALS
from training.runs import checkpoint, folders
from training.runs.checkpoint import Checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


def train_digits(folder: Path, *options: str) -> int:
    return train.main(["lstm", "--dataset", "digits", "--runs-dir", str(folder), *options])


def export_digits(root: Path, *options: str) -> int:
    return export.main(
        [
            "lstm",
            "--dataset",
            "digits",
            "--runs-dir",
            str(root / "runs"),
            "--models-dir",
            str(root / "models"),
            *options,
        ]
    )


def prepare(root: Path, **changes: Any) -> None:
    """A finished small run, floors included or not, where the export command looks for it."""
    finished_run(root / "runs" / "lstm-digits", small_recipe(**changes))


def test_a_network_whose_logits_are_not_finite_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    best_network = checkpoint.best_network

    def broken(folder: Path, found: Checkpoint) -> RowClassifier:
        network = best_network(folder, found)
        for weights in network.parameters():
            weights.fill_(float("nan"))
        return network

    monkeypatch.setattr(checkpoint, "best_network", broken)
    assert export_digits(tmp_path) == 1
    told = capsys.readouterr().err
    assert "error: lstm was not published:" in told
    assert "logits that are not finite for 180 of 180 validation images; train it again" in told
    assert not (tmp_path / "models" / "lstm-digits").exists()


def test_training_writes_everything_that_the_readme_names(tmp_path: Path) -> None:
    assert train_digits(tmp_path, "--epochs", "1") == 0
    written = {path.name for path in (tmp_path / "lstm-digits").iterdir()}
    assert {
        "checkpoint.json",
        "epoch-0001.safetensors",
        "metrics.csv",
        "learning_curve.png",
        "confusion_matrix.png",
    } <= written
    assert any(name.startswith("events.out.tfevents") for name in written)
    header, row = (tmp_path / "lstm-digits" / "metrics.csv").read_text().splitlines()
    assert header.startswith("number,step,learning_rate,train_loss")
    assert row.startswith("1,10,")
    for plot in ("learning_curve.png", "confusion_matrix.png"):
        assert (tmp_path / "lstm-digits" / plot).read_bytes().startswith(b"\x89PNG")


def test_an_earlier_run_is_neither_lost_nor_mixed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_digits(tmp_path, "--epochs", "1") == 0
    before = (tmp_path / "lstm-digits" / "checkpoint.json").read_text()
    assert train_digits(tmp_path, "--epochs", "1") == 1
    error = capsys.readouterr().err
    assert "1 epochs done" in error
    assert "--resume" in error
    assert "--restart" in error
    assert (tmp_path / "lstm-digits" / "checkpoint.json").read_text() == before
    assert train_digits(tmp_path, "--epochs", "1", "--seed", "1", "--restart") == 0
    assert (tmp_path / "lstm-digits" / "checkpoint.json").read_text() != before


def test_a_folder_that_is_no_run_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = tmp_path / "lstm-digits" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("precious")
    assert train_digits(tmp_path, "--epochs", "1", "--restart") == 1
    assert "holds notes.txt, which no training run wrote" in capsys.readouterr().err
    assert notes.read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_one_error_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert train_digits(tmp_path / "file") == 1
    # Before an hour of training, not after it.
    assert export_digits(tmp_path, "--models-dir", str(tmp_path / "file" / "models")) == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line.startswith("error: [Errno") for line in errors] == [True, True]


def test_two_processes_never_train_in_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with folders.alone(tmp_path / "lstm-digits"):
        assert train_digits(tmp_path, "--epochs", "1") == 1
        assert export_digits(tmp_path.parent, "--runs-dir", str(tmp_path)) == 1
    assert capsys.readouterr().err.count("another process is training in") == 2
    assert train_digits(tmp_path, "--epochs", "1") == 0


def test_resuming_another_recipe_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_digits(tmp_path, "--epochs", "1") == 0
    assert train_digits(tmp_path, "--epochs", "2", "--resume") == 1
    assert "epochs: 1 -> 2" in capsys.readouterr().err


def test_cuda_where_there_is_none_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert train_digits(tmp_path, "--device", "cuda") == 1
    assert "finds no usable CUDA device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--epochs", "0"], ["--seed", "-1"]])
def test_a_setting_out_of_range_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert train_digits(tmp_path, *options) == 1
    assert f"{options[0].strip('-')} is {options[1]}, expected" in capsys.readouterr().err


@pytest.mark.parametrize("command", [train.main, export.main])
def test_help_lists_the_recipes(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        command(["--help"])
    text = capsys.readouterr().out
    for expected in ("rnn", "gru", "lstm", "--dataset", "--data-dir", "--device", "99.2%"):
        assert expected in text


@pytest.mark.parametrize("command", [train.main, export.main])
def test_an_unknown_recipe_is_named_beside_the_known_ones(
    command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(["transformer"])
    assert "'transformer', choose from rnn, gru, lstm" in capsys.readouterr().err


def test_export_publishes_a_proven_model(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert export_digits(tmp_path) == 0
    folder = tmp_path / "models" / "lstm-digits"
    published = manifest.read(folder)
    manifest.verify(folder, published)
    assert {entry.role for entry in published.files} == {"onnx", "torchscript"}
    assert published.recipe == small_recipe().to_dict()
    assert published.metric("test", "accuracy").n == 360
    assert published.metric("validation", "accuracy").n == 180
    assert len(published.parity) == 12
    assert published.provenance["dataset"] == "digits"
    assert [p.name for p in folder.parent.iterdir()] == ["lstm-digits"]


def test_a_model_of_other_data_never_takes_the_name_of_one_of_mnist() -> None:
    assert folders.run_name("lstm", "mnist") == "lstm"
    assert folders.run_name("lstm", "digits") == "lstm-digits"
    assert folders.run_name("sine", "waves") == "sine"


def test_a_model_below_its_floor_is_not_published_and_the_old_one_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    assert export_digits(tmp_path) == 0
    before = published_files(tmp_path)
    prepare(tmp_path, floors={"digits": 0.95}, seed=5)
    assert export_digits(tmp_path) == 1
    assert "floor: test accuracy is" in (error := capsys.readouterr().err)
    assert "at least 95.00% on digits" in error
    assert published_files(tmp_path) == before


def test_a_failed_proof_lists_everything_and_publishes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path, epochs=1, floors={"digits": 0.95})

    def fail(*_: object) -> list[Failure]:
        return [Failure("names", "onnx", "planted"), Failure("axes", "onnx", "planted too")]

    monkeypatch.setattr(proof, "check_onnx", fail)
    assert export_digits(tmp_path) == 1
    error = capsys.readouterr().err
    for line in ("lstm-digits was not published", "names: onnx: planted", "planted too", "floor:"):
        assert line in error
    assert list((tmp_path / "models").iterdir()) == []


def tutorial(command: Any, root: Path, *arguments: str) -> int:
    options = ["--dataset", "digits", "--runs-dir", str(root / "runs"), "--device", "cpu"]
    if command is export.main:
        options += ["--models-dir", str(root / "models")]
    status: int = command([*arguments, *options])
    return status


def test_a_tutorial_s_recipe_is_trained_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tutorial(train.main, tmp_path, "mlp-50", "--seed", "3") == 0
    assert "mlp-50-digits, seed 3: accuracy test 0." in capsys.readouterr().out
    assert (tmp_path / "runs" / "mlp-50-digits" / "seed-3.json").is_file()
    assert tutorial(train.main, tmp_path, "mlp-50", "--seed", "3") == 1
    assert "holds a finished run of seed 3; --restart" in capsys.readouterr().err
    assert tutorial(train.main, tmp_path, "mlp-50", "--seed", "3", "--resume") == 0
    assert tutorial(train.main, tmp_path, "mlp-50", "--seed", "3", "--restart") == 0


def test_tutorials_are_published_on_request_and_need_no_more_than_they_learn_from(
    tmp_path: Path,
) -> None:
    assert tutorial(export.main, tmp_path, "sine", "--data-dir", str(tmp_path / "none")) == 0
    assert tutorial(export.main, tmp_path, "autoencoder", "mlp-50") == 0
    root = tmp_path / "models"
    halves = ["autoencoder-digits-decoder", "autoencoder-digits-encoder"]
    published = [*sorted(["autoencoder-digits", *halves]), "mlp-50-digits", "sine"]
    assert [folder.name for folder in manifest.discover(root)] == published
    sine, whole = manifest.read(root / "sine"), manifest.read(root / "autoencoder-digits")
    assert (sine.task, whole.task) == ("regress", "reconstruct")
    assert [(state.input, state.output) for state in sine.states] == [("state", "next_state")]
    assert sine.provenance["dataset"] == "waves"
    errors = {
        name: manifest.read(root / name).metric("test", "mean_squared_error").value
        for name in ("autoencoder-digits", *halves)
    }
    assert max(errors.values()) - min(errors.values()) < 1e-6  # the same pictures, by any way


def test_graphs_that_belong_together_are_published_together_or_not_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = structure.check_torchscript

    def fail(path: Path, described: Manifest) -> list[Failure]:
        planted = [Failure("names", "torchscript", "planted")]
        return planted if described.name.endswith("decoder") else whole(path, described)

    monkeypatch.setattr(proof, "check_torchscript", fail)
    assert tutorial(export.main, tmp_path, "autoencoder") == 1
    assert "autoencoder-digits-decoder was not published" in capsys.readouterr().err
    assert list((tmp_path / "models").iterdir()) == []


def test_an_error_above_the_ceiling_is_not_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sine = dataclasses.replace(TUTORIALS["sine"], bounds={"waves": 1e-6})
    monkeypatch.setattr(export, "TUTORIALS", {"sine": sine})
    assert tutorial(export.main, tmp_path, "sine") == 1
    assert "ceiling: the test's mean squared error is 0.0" in capsys.readouterr().err
    assert list((tmp_path / "models").iterdir()) == []


def test_an_unfinished_run_is_finished_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path, epochs=1)
    folder = tmp_path / "runs" / "lstm-digits"
    document = (folder / "checkpoint.json").read_text()
    (folder / "checkpoint.json").write_text(document.replace('"epochs": 1', '"epochs": 2'))
    assert export_digits(tmp_path) == 0
    assert "going on after epoch 1 of 2" in capsys.readouterr().out


def test_a_run_on_other_data_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    path = tmp_path / "runs" / "lstm-digits" / "checkpoint.json"
    path.write_text(path.read_text().replace('"dataset": "digits"', '"dataset": "mnist"'))
    assert export_digits(tmp_path) == 1
    assert "trained on mnist" in capsys.readouterr().err


def test_a_missing_mnist_is_one_error_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"])
    assert export.main(["--data-dir", str(tmp_path)]) == 1
    assert "error: MNIST is not in" in capsys.readouterr().err


def published_files(root: Path) -> dict[str, bytes]:
    folder = root / "models" / "lstm-digits"
    read: Manifest = manifest.read(folder)
    manifest.verify(folder, read)
    return {path.name: path.read_bytes() for path in folder.iterdir()}
