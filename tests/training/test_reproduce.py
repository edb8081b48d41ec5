"""The command `training.reproduce`, as a person meets it; its work is tested end to end."""

from pathlib import Path

import pytest

from training import reproduce


@pytest.mark.parametrize("option", [["--seeds", "0"], ["--workers", "two"]])
def test_a_count_below_one_is_refused(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        reproduce.main(option)
    assert f"{option[1]!r} is no number from 1 on" in capsys.readouterr().err


def test_only_tutorials_are_reproduced(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        reproduce.main(["lstm"])
    assert "no recipe is called 'lstm', choose from mlp-50" in capsys.readouterr().err


def test_somebody_s_report_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.md").write_text("# My own report")
    folders = ["--runs-dir", str(tmp_path / "runs"), "--report-dir", str(tmp_path)]
    assert reproduce.main(["sine", "--device", "cpu", *folders]) == 1
    [error] = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {tmp_path} holds report.md, which no earlier report wrote")
    assert "name another folder with --report-dir" in error
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]
    assert (tmp_path / "report.md").read_text() == "# My own report"


def test_a_file_of_somebody_else_is_one_error_from_a_worker_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "runs" / "sine" / "seed-0.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_text("precious")
    folders = ["--runs-dir", str(tmp_path / "runs"), "--report-dir", str(tmp_path / "report")]
    assert reproduce.main(["sine", "--device", "cpu", "--seeds", "1", *folders]) == 1
    [error] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert f"{weights.parent} holds {weights.name}, which no training run wrote" in error
    assert weights.read_text() == "precious"
