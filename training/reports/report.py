"""The report of `training.reproduce`: `report.md` with the table, and its plots beside it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from training.data.datasets import DataSet
from training.recipes.tutorials import GENERAL_NOTES
from training.reports import figures, plots
from training.reports.results import Result, mean_and_spread
from training.trainers.tasks import TEST_WINDOWS

FILENAME = "report.md"


def write(results: Sequence[Result], data: DataSet | None, folder: Path) -> str:
    """Write the report of `results` into `folder`; returns its table and notes."""
    pictures = dict(_draw(results, data, folder))
    text = "\n\n".join([table(results), notes(results, data), _effort(results, data)])
    shown = [f"## {title}\n\n![{title}]({name})" for title, name in pictures.items()]
    document = "\n\n".join(["# The tutorials' models, reproduced", text, *shown])
    (folder / FILENAME).write_text(document + "\n", encoding="utf-8")
    return f"{text}\n\nwritten to {folder / FILENAME}"


def table(results: Sequence[Result]) -> str:
    """One line a recipe: the tutorial's figure, and mean and standard deviation of ours."""
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
    """What there is to say about all recipes, and about each."""
    lines = [f"- {note}" for note in GENERAL_NOTES] if _of_images(results) else []
    for result in results:
        said = [*result.tutorial.notes, *_measured(result, data)]
        if said:
            lines.append(f"- `{result.name}`: {' '.join(said)}")
    return "\n".join(lines)


def _score(result: Result) -> str:
    if result.task != "classify":
        return f"squared error {mean_and_spread(result.scores('test'), 1, 4)}"
    test, train = (mean_and_spread(result.scores(split), 100, 2) for split in ("test", "train"))
    return f"{test} % (train {train} %)"


def _measured(result: Result, data: DataSet | None) -> Iterator[str]:
    """What the runs themselves say beside their last score."""
    steps = [step for step in result.tutorial.shown_steps if result.at_step(step)]
    if steps:
        limit = result.tutorial.recipe.evaluation_images
        on = f" on the first {limit:,} test images" if limit else ""
        shown = [mean_and_spread(result.at_step(step), 100, 1) for step in steps]
        after = ", ".join(f"{step:,}" for step in steps)
        yield f"After {after} steps{on}: {', '.join(shown)} %."
    if data and result.task == "classify" and "first ten" in result.tutorial.figure:
        first = data.test.first(10)
        read = [result.predictions(first, seed) for seed in range(len(result.runs))]
        digits = " ".join(str(digit) for digit in read[result.shown].tolist())
        right = sum(bool((digits == first.labels).all()) for digits in read)
        yield (
            f"Seed {result.shown} reads the first ten test digits as {digits}; {right} of "
            f"{len(read)} seeds read them all right."
        )


def _effort(results: Sequence[Result], data: DataSet | None) -> str:
    seconds = sum(result.core_seconds for result in results)
    runs = sum(len(result.runs) for result in results)
    environments = {_told(run.environment) for result in results for run in result.runs}
    return (
        f"Mean ± standard deviation over the seeds, measured on {_judges(results, data)}. {runs} "
        f"runs took {seconds / 60:.1f} minutes of one core together "
        f"({'; '.join(sorted(environments))})."
    )


def _judges(results: Sequence[Result], data: DataSet | None) -> str:
    """What the scores were measured on."""
    windows = f"{TEST_WINDOWS:,} windows in a row"
    if not (data and _of_images(results)):
        return windows
    images = f"the {len(data.test):,} test images of `{data.name}`"
    others = " and ".join(f"`{result.name}`" for result in results if result.task == "regress")
    return f"{images}, {others} on {windows}" if others else images


def _told(environment: Mapping[str, str]) -> str:
    """Where a run was made, for people."""
    count = environment["threads"]
    threads = "one thread" if count == "1" else f"{count} threads"
    return (
        f"{environment['device']}, Python {environment['python']}, torch {environment['torch']}, "
        f"{threads} each"
    )


def _of_images(results: Sequence[Result]) -> bool:
    """Whether any of the recipes learns from images."""
    return any(result.task != "regress" for result in results)


def _draw(
    results: Sequence[Result], data: DataSet | None, folder: Path
) -> Iterator[tuple[str, str]]:
    """Draw all plots; gives the title and file name of each."""
    by_name = {result.name: result for result in results}
    figures.learning_curves(results, folder / "learning_curves.png")
    yield "Learning curves", "learning_curves.png"
    if {"relu-rnn-100", "relu-rnn-100-clipped"} <= by_name.keys():
        plain, clipped = by_name["relu-rnn-100"], by_name["relu-rnn-100-clipped"]
        figures.instability(plain, clipped, folder / "instability.png")
        yield "An unstable recipe, and its cure", "instability.png"
    if "sine" in by_name:
        shown = by_name["sine"]
        figures.sine(shown.network(shown.shown), folder / "sine.png")
        yield "The sine's cosine", "sine.png"
    if data is None:
        return
    if "autoencoder" in by_name:
        shown = by_name["autoencoder"]
        network = shown.network(shown.shown)
        figures.reconstructions(network, data.test, folder / "reconstructions.png")
        yield "Pictures, and what their codes give back", "reconstructions.png"
        figures.codes(network, data.test, folder / "codes.png")
        yield "Codes of 200 test digits", "codes.png"
    for result in results:
        if result.task == "classify":
            name = f"confusion_{result.name}.png"
            predictions = result.predictions(data.test, result.shown)
            plots.confusion_matrix(
                data.test.labels,
                predictions,
                folder / name,
                f"{result.name}, seed {result.shown}",
                "test",
            )
            yield f"Confusions of {result.name}", name
