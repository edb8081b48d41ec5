"""The reproduction of the tutorials: its report, and the command on a small budget."""

import dataclasses
import statistics
from pathlib import Path

import pytest

from tests.support.samples import CPU, digits
from training import reproduce
from training.recipes.tutorials import TUTORIALS, Tutorial
from training.reports import report
from training.reports.results import Result, mean_and_spread
from training.runs import seeds
from training.trainers.plain_trainer import PlainTrainer

PNG = b"\x89PNG"


def small(name: str) -> Tutorial:
    """The tutorial with two steps an epoch, of two seeds."""
    tutorial = TUTORIALS[name]
    recipe = dataclasses.replace(tutorial.recipe, batch_size=190, epochs=1, evaluate_every=1)
    return dataclasses.replace(tutorial, recipe=recipe, seeds=2, shown_steps=(1, 2))


def result(name: str, root: Path) -> Result:
    tutorial = small(name)
    data = None if tutorial.recipe.task == "regress" else digits()
    runs = tuple(
        seeds.train(root / name, PlainTrainer(tutorial.with_seed(seed), data, CPU))
        for seed in range(2)
    )
    return Result(tutorial, root / name, runs)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    root = tmp_path_factory.mktemp("runs")
    names = ("mlp-50", "lstm-64", "relu-rnn-100", "relu-rnn-100-clipped", "sine", "autoencoder")
    return [result(name, root) for name in names]


def test_a_report_has_a_table_notes_and_every_plot(results: list[Result], tmp_path: Path) -> None:
    shown = report.write(results, digits(), tmp_path)
    document = (tmp_path / report.FILENAME).read_text()
    for part in results:
        assert f"| `{part.name}`: {part.tutorial.summary} | {part.tutorial.figure} |" in shown
        assert part.name in document
        for note in part.tutorial.notes:
            assert note in document
    plots = {path.name for path in tmp_path.glob("*.png")}
    classifiers = {f"confusion_{part.name}.png" for part in results if part.task == "classify"}
    others = ("learning_curves", "instability", "sine", "reconstructions", "codes")
    assert plots == classifiers | {f"{name}.png" for name in others}
    for name in plots:
        assert (tmp_path / name).read_bytes().startswith(PNG)
        assert f"({name})" in document


def test_the_figures_are_those_of_the_runs(results: list[Result]) -> None:
    for part in results:
        [row] = [line for line in report.table([part]).splitlines() if f"`{part.name}`" in line]
        values = [run.scores["test"] for run in part.runs]
        scale, digits_shown = (100, 2) if part.task == "classify" else (1, 4)
        assert f"{statistics.fmean(values) * scale:.{digits_shown}f} ± " in row
        assert row.endswith("| 2 |")


def test_the_first_ten_digits_are_read_by_the_network_that_was_trained(
    results: list[Result],
) -> None:
    [lstm] = [part for part in results if part.name == "lstm-64"]
    read = " ".join(map(str, lstm.predictions(digits().test, 0)[:10].tolist()))
    said = report.notes([lstm], digits())
    assert f"Seed 0 reads the first ten test digits as {read}; " in said
    assert " of 2 seeds read them all right." in said


def test_a_report_says_what_was_measured_on_what(results: list[Result], tmp_path: Path) -> None:
    whole = report.write(results, digits(), tmp_path)
    images = f"the {len(digits().test):,} test images of `digits`"
    assert f"measured on {images}, `sine` on 1,000 windows in a row. 12 runs" in whole
    [sine] = [part for part in results if part.name == "sine"]
    alone = report.write([sine], None, tmp_path)
    assert "measured on 1,000 windows in a row. 2 runs" in alone
    assert "images" not in alone
    [lstm] = [part for part in results if part.name == "lstm-64"]
    assert f"measured on {images}. 2 runs" in report.write([lstm], digits(), tmp_path)


def test_a_report_names_every_environment_that_its_runs_were_made_in(
    results: list[Result], tmp_path: Path
) -> None:
    [sine] = [part for part in results if part.name == "sine"]
    first, second = sine.runs
    elsewhere = {**second.environment, "device": "Some GPU", "threads": "3"}
    moved = (first, dataclasses.replace(second, environment=elsewhere))
    text = report.write([dataclasses.replace(sine, runs=moved)], None, tmp_path)
    assert f"(Some GPU, Python {elsewhere['python']}, torch {elsewhere['torch']}, 3 threads" in text
    assert f"; {first.environment['device']}, Python" in text
    assert "one thread each)" in text


def test_one_value_has_no_spread() -> None:
    assert mean_and_spread([0.5], 100, 1) == "50.0"
    assert mean_and_spread([0.25, 0.75], 100, 1) == "50.0 ± 35.4"


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
