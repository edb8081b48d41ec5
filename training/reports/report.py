"""The report of `training.reproduce`: `report.md` with a table and notes, and plots beside it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from training.data.datasets import DataSet, Split
from training.errors import ReportError
from training.recipes.tutorials import GENERAL_NOTES, Tutorial
from training.reports import report_plots
from training.reports.results import Result, mean_and_spread
from training.runs import run_files, run_plots
from training.trainers.tasks import TEST_WINDOWS

FILENAME = "report.md"
_TITLE = "# The tutorials' models, reproduced"


def check_folder(folder: Path, tutorials: Iterable[Tutorial], data: DataSet | None) -> None:
    """Refuse to write the report of `tutorials` where it would replace what is not of a report.

    Raises:
        ReportError: naming the files that are in the way.
        PermissionError: one of them may not be read.

    """
    nothing_yet = [Result(tutorial, folder, ()) for tutorial in tutorials]
    plots = [folder / plot.filename for plot in _plots(nothing_yet, data)]
    others = [path.name for path in plots if path.exists() and not run_plots.is_plot(path)]
    text = folder / FILENAME
    if text.exists() and not (text.is_file() and text.read_bytes().startswith(_TITLE.encode())):
        others.insert(0, FILENAME)
    if others:
        raise ReportError(
            f"{folder} holds {', '.join(others[:5])}, which no earlier report wrote, so it is left "
            "alone; move that, or name another folder with --report-dir"
        )


def write(results: Sequence[Result], data: DataSet | None, folder: Path) -> str:
    """Write the report of `results` into `folder`; returns its table and notes.

    Raises:
        ReportError: it would replace what is not of a report.
        OSError: the disk is full, or `folder` cannot be written.

    """
    check_folder(folder, [result.tutorial for result in results], data)
    plots = list(_plots(results, data))
    for plot in plots:
        plot.draw(folder / plot.filename)
    text = "\n\n".join([table(results), notes(results, data), _effort(results, data)])
    shown = [f"## {plot.title}\n\n![{plot.title}]({plot.filename})" for plot in plots]
    document = "\n\n".join([_TITLE, text, *shown]) + "\n"
    run_files.replace(folder / FILENAME, document.encode())
    return f"{text}\n\nwritten to {folder / FILENAME}"


def table(results: Sequence[Result]) -> str:
    """The table: a line a recipe, with the tutorial's figure and the mean and spread of ours."""
    ours = "ours, on all test images" if _of_images(results) else "ours, on the test's windows"
    columns = ("recipe", "the tutorial's", ours, "seeds")
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    for result in results:
        tutorial = result.tutorial
        cells = (
            f"`{result.name}`: {tutorial.summary}",
            tutorial.figure,
            _score(result),
            str(len(result.runs)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def notes(results: Sequence[Result], data: DataSet | None) -> str:
    """The notes on all recipes, and on each."""
    lines = [f"- {note}" for note in GENERAL_NOTES] if _of_images(results) else []
    for result in results:
        remarks = [*result.tutorial.notes, *_measured(result, data)]
        if remarks:
            lines.append(f"- `{result.name}`: {' '.join(remarks)}")
    return "\n".join(lines)


def _score(result: Result) -> str:
    if result.task != "classify":
        return f"squared error {mean_and_spread(result.scores('test'), 1, 4)}"
    test, train = (mean_and_spread(result.scores(split), 100, 2) for split in ("test", "train"))
    return f"{test} % (train {train} %)"


def _measured(result: Result, data: DataSet | None) -> Iterator[str]:
    """Sentences on what was measured beside the final score, if the tutorial shows the like."""
    steps = [step for step in result.tutorial.shown_steps if result.at_step(step)]
    if steps:
        limit = result.tutorial.recipe.evaluation_images
        on = f" on the first {limit:,} test images" if limit else ""
        shown = [mean_and_spread(result.at_step(step), 100, 1) for step in steps]
        after = ", ".join(f"{step:,}" for step in steps)
        yield f"After {after} steps{on}: {', '.join(shown)} %."
    if data and result.tutorial.shows_first_digits:
        first = data.test.first(10)
        predictions = [result.predictions(first, seed) for seed in range(len(result.runs))]
        digits = " ".join(str(digit) for digit in predictions[result.shown_seed].tolist())
        right = sum(bool((digits == first.labels).all()) for digits in predictions)
        yield (
            f"Seed {result.shown_seed} reads the first ten test digits as {digits}; {right} of "
            f"{len(predictions)} seeds read them all right."
        )


def _effort(results: Sequence[Result], data: DataSet | None) -> str:
    """A sentence on what was measured, and how long the runs took on which machines."""
    seconds = sum(result.core_seconds for result in results)
    runs = sum(len(result.runs) for result in results)
    machines = {_describe(run.environment) for result in results for run in result.runs}
    return (
        f"Mean ± standard deviation over the seeds, measured on {_test_data(results, data)}. "
        f"{runs} runs took {seconds / 60:.1f} minutes of one core together "
        f"({'; '.join(sorted(machines))})."
    )


def _test_data(results: Sequence[Result], data: DataSet | None) -> str:
    windows = f"{TEST_WINDOWS:,} windows in a row"
    if not (data and _of_images(results)):
        return windows
    images = f"the {len(data.test):,} test images of `{data.name}`"
    others = " and ".join(f"`{result.name}`" for result in results if result.task == "regress")
    return f"{images}, {others} on {windows}" if others else images


def _describe(environment: Mapping[str, str]) -> str:
    count = environment["threads"]
    threads = "one thread" if count == "1" else f"{count} threads"
    return (
        f"{environment['device']}, Python {environment['python']}, torch {environment['torch']}, "
        f"{threads} each"
    )


def _of_images(results: Sequence[Result]) -> bool:
    """Whether any of the recipes learns from images."""
    return any(result.task != "regress" for result in results)


class _Plot(NamedTuple):
    title: str
    filename: str
    draw: Callable[[Path], None]


def _plots(results: Sequence[Result], data: DataSet | None) -> Iterator[_Plot]:
    """The plots of a report; their names depend on the recipes alone, not on the runs."""
    named = {result.name: result for result in results}
    yield _Plot(
        "Learning curves",
        "learning_curves.png",
        lambda path: report_plots.learning_curves(results, path),
    )
    if {"relu-rnn-100", "relu-rnn-100-clipped"} <= named.keys():
        plain, clipped = named["relu-rnn-100"], named["relu-rnn-100-clipped"]
        yield _Plot(
            "An unstable recipe, and its cure",
            "instability.png",
            lambda path: report_plots.instability(plain, clipped, path),
        )
    if sine := named.get("sine"):
        yield _Plot(
            "The sine's cosine",
            "sine.png",
            lambda path: report_plots.sine(sine.network(sine.shown_seed), path),
        )
    if data is None:
        return
    images = data.test
    if autoencoder := named.get("autoencoder"):
        seed = autoencoder.shown_seed
        yield _Plot(
            "Pictures, and what their codes give back",
            "reconstructions.png",
            lambda path: report_plots.reconstructions(autoencoder.network(seed), images, path),
        )
        yield _Plot(
            "Codes of 200 test digits",
            "codes.png",
            lambda path: report_plots.codes(autoencoder.network(seed), images, path),
        )
    for result in results:
        if result.task == "classify":
            yield _confusion_matrix(result, images)


def _confusion_matrix(result: Result, images: Split) -> _Plot:
    def draw(path: Path) -> None:
        predictions = result.predictions(images, result.shown_seed)
        title = f"{result.name}, seed {result.shown_seed}"
        run_plots.confusion_matrix(images.labels, predictions, path, title, "test")

    return _Plot(f"Confusions of {result.name}", f"confusion_{result.name}.png", draw)
