"""The report of the tutorials: its table, notes and plots, and what it never replaces."""

import dataclasses
import statistics
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from tests.support.training.samples import CPU, digits
from training.errors import ReportError
from training.recipes.tutorials import TUTORIALS, Tutorial
from training.reports import report
from training.reports.results import Result, mean_and_spread
from training.runs import seed_runs
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
        seed_runs.train(root / name, PlainTrainer(tutorial.with_seed(seed), data, CPU))
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
    text = report.notes([lstm], digits())
    assert f"Seed 0 reads the first ten test digits as {read}; " in text
    assert " of 2 seeds read them all right." in text


def test_a_report_says_what_was_measured_on_what(
    results: list[Result], sine: Result, tmp_path: Path
) -> None:
    whole = report.write(results, digits(), tmp_path)
    images = f"the {len(digits().test):,} test images of `digits`"
    assert f"measured on {images}, `sine` on 1,000 windows in a row. 12 runs" in whole
    alone = report.write([sine], None, tmp_path)
    assert "measured on 1,000 windows in a row. 2 runs" in alone
    assert "images" not in alone
    [lstm] = [part for part in results if part.name == "lstm-64"]
    assert f"measured on {images}. 2 runs" in report.write([lstm], digits(), tmp_path)


def test_a_report_names_every_environment_that_its_runs_were_made_in(
    sine: Result, tmp_path: Path
) -> None:
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


@pytest.fixture
def sine(results: list[Result]) -> Result:
    [found] = [part for part in results if part.name == "sine"]
    return found


def test_a_report_replaces_an_earlier_one(sine: Result, tmp_path: Path) -> None:
    report.write([sine], None, tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    (tmp_path / report.FILENAME).unlink()  # as a kill amid the plots leaves it
    report.write([sine], None, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", [report.FILENAME, "sine.png", "learning_curves.png"])
@pytest.mark.parametrize("content", [b"precious", b""], ids=["a file", "an empty file"])
def test_a_file_that_no_report_wrote_is_refused_and_stays(
    sine: Result, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReportError, match=f"holds {name}, which no earlier report wrote"):
        report.write([sine], None, tmp_path)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, content)]


def test_a_plot_of_somebody_else_is_refused_and_stays(sine: Result, tmp_path: Path) -> None:
    Figure().savefig(tmp_path / "sine.png")
    before = (tmp_path / "sine.png").read_bytes()
    with pytest.raises(ReportError, match=r"holds sine\.png"):
        report.check_folder(tmp_path, [sine.tutorial], None)
    assert (tmp_path / "sine.png").read_bytes() == before


def test_a_folder_in_the_place_of_a_file_is_refused(sine: Result, tmp_path: Path) -> None:
    (tmp_path / "sine.png").mkdir()
    (tmp_path / report.FILENAME).mkdir()
    with pytest.raises(ReportError, match=r"holds report\.md, sine\.png, which"):
        report.write([sine], None, tmp_path)
