"""The command `training.export`, as a person meets it."""

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from models import manifest
from models.manifest import Manifest
from tests.support.training.samples import finished_run, small_recipe
from training import export
from training.parity import proof, structure
from training.parity.structure import Failure
from training.recipes.tutorials import TUTORIALS
from training.runs import checkpoint, run_folder

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


def run(root: Path, *arguments: str) -> int:
    """Run the command on scikit-learn's digits."""
    folders = ["--runs-dir", str(root / "runs"), "--models-dir", str(root / "models")]
    return export.main(["--dataset", "digits", "--device", "cpu", *folders, *arguments])


def prepare(root: Path, **changes: Any) -> None:
    """A finished run of a small recipe, where the command looks for it."""
    finished_run(root / "runs" / "lstm-digits", small_recipe(**changes))


def published_files(root: Path) -> dict[str, bytes]:
    folder = root / "models" / "lstm-digits"
    described: Manifest = manifest.read(folder)
    manifest.verify(folder, described)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_proven_model_is_published(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert run(tmp_path, "lstm") == 0
    folder = tmp_path / "models" / "lstm-digits"
    published = manifest.read(folder)
    manifest.verify(folder, published)
    assert {entry.role for entry in published.files} == {"onnx", "torchscript"}
    assert published.recipe == small_recipe().to_dict()
    assert published.metric("test", "accuracy").n == 360
    assert published.metric("validation", "accuracy").n == 180
    forms = {"eager", "onnxruntime", "torchscript"}
    if importlib.util.find_spec("openvino"):
        forms.add("openvino")
    assert {row.backend for row in published.parity} == forms
    assert len(published.parity) >= 4 * len(forms)
    assert published.provenance["dataset"] == "digits"
    assert sorted(p.name for p in folder.parent.iterdir()) == ["lstm-digits", "lstm-digits-rows"]


def test_a_classifier_is_published_with_what_reads_it_row_by_row(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert run(tmp_path, "lstm") == 0
    whole, rows = (
        manifest.read(tmp_path / "models" / name) for name in ("lstm-digits", "lstm-digits-rows")
    )
    manifest.verify(tmp_path / "models" / "lstm-digits-rows", rows)
    assert (whole.task, rows.task) == ("classify", "classify_rows")
    assert rows.metric("test", "accuracy") == whole.metric("test", "accuracy")
    assert rows.calibration == whole.calibration
    assert rows.row_reading is not None
    assert rows.row_reading.whole == "lstm-digits"
    assert rows.row_reading.whole_sha256 == whole.file("onnx").sha256
    assert rows.row_reading.accuracies[-1] == rows.metric("test", "accuracy").value
    assert rows.row_reading.n == 360
    assert {row.agreed for row in rows.parity} == {360}


def test_a_model_of_other_data_never_takes_the_name_of_one_of_mnist() -> None:
    assert run_folder.run_name("lstm", "mnist") == "lstm"
    assert run_folder.run_name("lstm", "digits") == "lstm-digits"
    assert run_folder.run_name("sine", "waves") == "sine"


def test_what_training_did_not_publish_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thesis = tmp_path / "models" / "mlp-50-digits" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("precious")
    assert run(tmp_path, "lstm", "mlp-50") == 1
    [error] = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {thesis.parent} holds thesis.txt, which was not published")
    assert "name another folder with --models-dir" in error
    assert thesis.read_text() == "precious"
    assert not (tmp_path / "runs").exists()


def test_half_of_an_autoencoder_is_refused_before_it_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decoder = tmp_path / "models" / "autoencoder-digits-decoder"
    decoder.parent.mkdir()
    decoder.write_text("precious")
    assert run(tmp_path, "autoencoder") == 1
    assert f"{decoder} is a file, which was not published" in capsys.readouterr().err
    assert decoder.read_text() == "precious"
    assert not (tmp_path / "runs").exists()


def test_the_cpu_alone_is_used_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full card must not keep anybody from publishing."""
    prepare(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert run(tmp_path, "lstm") == 0
    rows = manifest.read(tmp_path / "models" / "lstm-digits").parity
    assert not [row for row in rows if "cuda" in row.provider.lower()]


def test_a_network_whose_logits_are_not_finite_is_not_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    [path] = (tmp_path / "runs" / "lstm-digits").glob(checkpoint.TENSORS)
    tensors = safetensors.torch.load_file(path)
    nowhere = {name: torch.full_like(t, torch.nan) for name, t in tensors.items() if "best" in name}
    safetensors.torch.save_file(tensors | nowhere, path)
    assert run(tmp_path, "lstm") == 1
    error = capsys.readouterr().err
    assert "error: lstm was not published:" in error
    assert "logits that are not finite for 180 of 180 validation images; train it again" in error
    assert not (tmp_path / "models" / "lstm-digits").exists()


def test_a_model_below_its_floor_is_not_published_and_the_old_one_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    assert run(tmp_path, "lstm") == 0
    before = published_files(tmp_path)
    prepare(tmp_path, floors={"digits": 0.95}, seed=5)
    assert run(tmp_path, "lstm") == 1
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
    assert run(tmp_path, "lstm") == 1
    error = capsys.readouterr().err
    for line in ("lstm-digits was not published", "names: onnx: planted", "planted too", "floor:"):
        assert line in error
    assert list((tmp_path / "models").iterdir()) == []


def test_tutorials_are_published_on_request_and_need_no_more_than_they_learn_from(
    tmp_path: Path,
) -> None:
    assert run(tmp_path, "sine", "--data-dir", str(tmp_path / "none")) == 0
    assert run(tmp_path, "autoencoder", "mlp-50") == 0
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
    check = structure.check_torchscript

    def fail(path: Path, described: Manifest) -> list[Failure]:
        planted = [Failure("names", "torchscript", "planted")]
        return planted if described.name.endswith("decoder") else check(path, described)

    monkeypatch.setattr(proof, "check_torchscript", fail)
    assert run(tmp_path, "autoencoder") == 1
    assert "autoencoder-digits-decoder was not published" in capsys.readouterr().err
    assert list((tmp_path / "models").iterdir()) == []


def test_a_damaged_run_does_not_keep_others_from_being_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    (tmp_path / "runs" / "lstm-digits" / checkpoint.FILENAME).write_text("{")
    assert run(tmp_path, "lstm", "sine") == 1
    error = capsys.readouterr().err
    assert "error: lstm was not published:" in error
    assert "checkpoint.json is damaged" in error
    assert [folder.name for folder in manifest.discover(tmp_path / "models")] == ["sine"]


def test_an_error_above_the_ceiling_is_not_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sine = dataclasses.replace(TUTORIALS["sine"], bounds={"waves": 1e-6})
    monkeypatch.setattr(export, "TUTORIALS", {"sine": sine})
    assert run(tmp_path, "sine") == 1
    assert "ceiling: the test's mean squared error is 0.0" in capsys.readouterr().err
    assert list((tmp_path / "models").iterdir()) == []


def unfinished_run(root: Path) -> Path:
    """The folder of a run that was stopped after the first of two epochs."""
    folder = root / "runs" / "lstm-digits"
    prepare(root, epochs=1)
    document = (folder / "checkpoint.json").read_text()
    (folder / "checkpoint.json").write_text(document.replace('"epochs": 1', '"epochs": 2'))
    return folder


def test_an_unfinished_run_is_finished_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished_run(tmp_path)
    assert run(tmp_path, "lstm") == 0
    assert "going on after epoch 1 of 2" in capsys.readouterr().out


def test_a_full_disk_is_one_error_and_the_same_command_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = unfinished_run(tmp_path)
    # The device has no space for what is written to it.
    (folder / ".epoch-0002.safetensors.partial").symlink_to("/dev/full")
    assert run(tmp_path, "lstm") == 1
    [error] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert error == (
        f"error: there is no space left on the disk for {folder / 'epoch-0002.safetensors'}; "
        "make room, then the same command goes on where it stopped"
    )
    assert run(tmp_path, "lstm") == 0


def test_a_run_on_other_data_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    path = tmp_path / "runs" / "lstm-digits" / "checkpoint.json"
    path.write_text(path.read_text().replace('"dataset": "digits"', '"dataset": "mnist"'))
    assert run(tmp_path, "lstm") == 1
    assert "trained on mnist" in capsys.readouterr().err


def test_a_run_in_which_another_process_trains_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_folder.locked(tmp_path / "runs" / "lstm-digits"):
        assert run(tmp_path, "lstm") == 1
    assert "another process is training in" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_one_error_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run(tmp_path, "lstm", "--models-dir", str(tmp_path / "file" / "models")) == 1
    [error] = capsys.readouterr().err.splitlines()
    assert error.startswith("error: [Errno")
    assert not (tmp_path / "runs").exists()


def test_a_missing_mnist_is_one_error_that_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"])
    folders = ["--data-dir", str(tmp_path), "--models-dir", str(tmp_path / "models")]
    assert export.main(folders) == 1
    assert "error: MNIST is not in" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        export.main(["--help"])
    text = capsys.readouterr().out
    for expected in ("rnn", "gru", "lstm", "--dataset", "--data-dir", "--device", "99.2%"):
        assert expected in text


def test_an_unknown_recipe_is_named_beside_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        export.main(["transformer"])
    assert "'transformer', choose from rnn, gru, lstm" in capsys.readouterr().err
