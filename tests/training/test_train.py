"""The command `training.train`, as a person meets it."""

from pathlib import Path

import pytest

from tests.support.training import permissions
from training import train
from training.runs import run_folder


def run(folder: Path, *options: str, name: str = "lstm") -> int:
    """Run the command on scikit-learn's digits."""
    fixed = ["--dataset", "digits", "--device", "cpu", "--runs-dir", str(folder)]
    return train.main([*fixed, name, *options])


def test_training_writes_everything_that_the_readme_names(tmp_path: Path) -> None:
    assert run(tmp_path, "--epochs", "1") == 0
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
    assert run(tmp_path, "--epochs", "1") == 0
    before = (tmp_path / "lstm-digits" / "checkpoint.json").read_text()
    assert run(tmp_path, "--epochs", "1") == 1
    error = capsys.readouterr().err
    assert "1 epochs done" in error
    assert "--resume" in error
    assert "--restart" in error
    assert (tmp_path / "lstm-digits" / "checkpoint.json").read_text() == before
    assert run(tmp_path, "--epochs", "1", "--seed", "1", "--restart") == 0
    assert (tmp_path / "lstm-digits" / "checkpoint.json").read_text() != before


@pytest.mark.parametrize("option", [(), ("--restart",), ("--resume",)])
def test_a_folder_that_is_no_run_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, ...]
) -> None:
    notes = tmp_path / "lstm-digits" / "metrics.csv"  # of another program
    notes.parent.mkdir()
    notes.write_text("precious")
    assert run(tmp_path, "--epochs", "1", *option) == 1
    assert "holds metrics.csv, which no training run wrote" in capsys.readouterr().err
    assert notes.read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_one_error_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run(tmp_path / "file") == 1
    [error] = capsys.readouterr().err.splitlines()
    assert error.startswith("error: [Errno")


def test_a_run_of_somebody_else_is_one_error_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--epochs", "1") == 0
    capsys.readouterr()
    (tmp_path / ".lstm-digits.lock").chmod(0)
    (tmp_path / "lstm-digits").chmod(0)
    with permissions.enforced():
        codes = [run(tmp_path, option) for option in ("--resume", "--restart")]
        (tmp_path / ".lstm-digits.lock").chmod(0o600)
        codes += [run(tmp_path, option) for option in ("--resume", "--restart")]
    assert codes == [1] * 4
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 4
    for error in errors:
        assert "may not be read or written by this user; change its permissions" in error
        assert "damaged" not in error
        assert "--restart" not in error


def test_two_processes_never_train_in_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_folder.locked(tmp_path / "lstm-digits"):
        assert run(tmp_path, "--epochs", "1") == 1
    assert "another process is training in" in capsys.readouterr().err
    assert run(tmp_path, "--epochs", "1") == 0


def test_resuming_another_recipe_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--epochs", "1") == 0
    assert run(tmp_path, "--epochs", "2", "--resume") == 1
    assert "epochs: 1 -> 2" in capsys.readouterr().err


def test_cuda_where_there_is_none_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert run(tmp_path, "--device", "cuda") == 1
    assert "finds no usable CUDA device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--epochs", "0"], ["--seed", "-1"]])
def test_a_setting_out_of_range_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert run(tmp_path, *options) == 1
    assert f"{options[0].strip('-')} is {options[1]}, expected" in capsys.readouterr().err


def test_help_lists_the_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        train.main(["--help"])
    text = capsys.readouterr().out
    for expected in ("rnn", "gru", "lstm", "--dataset", "--data-dir", "--device", "99.2%"):
        assert expected in text


def test_an_unknown_recipe_is_named_beside_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        train.main(["transformer"])
    assert "'transformer', choose from rnn, gru, lstm" in capsys.readouterr().err


def test_a_tutorial_s_recipe_is_trained_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--seed", "3", name="mlp-50") == 0
    assert "mlp-50-digits, seed 3: accuracy test 0." in capsys.readouterr().out
    assert (tmp_path / "mlp-50-digits" / "seed-3.json").is_file()
    assert run(tmp_path, "--seed", "3", name="mlp-50") == 1
    assert "holds a finished run of seed 3; --restart" in capsys.readouterr().err
    assert run(tmp_path, "--seed", "3", "--resume", name="mlp-50") == 0
    assert run(tmp_path, "--seed", "3", "--restart", name="mlp-50") == 0
