"""The models in the repository: whole, small, above their floors, as good as they say."""

from pathlib import Path

import numpy as np
import pytest

import models
from models import manifest, transcription
from models.manifest import Manifest
from service.inference.backends import Backend, open_backend
from service.settings import Device, Kind
from tests.support.devices import EACH
from training.data.datasets import as_rows
from training.data.lines.kinds import draw_clean
from training.data.lines.parts import Digits
from training.data.loading import load
from training.data.sine_windows import windows
from training.export import SHIPPED
from training.parity.proof import ATOL, KINDS, REDUCED_SHARE
from training.parity.tasks import BATCH_SIZES, MAX_GROWTH
from training.recipes.lines import LINE_RECIPES, LineRecipe
from training.recipes.shipped import RECIPES, Recipe
from training.recipes.tutorials import TUTORIALS

ROOT = Path(models.__file__).parent
LARGEST = 2_000_000  # bytes of a file
LARGEST_LINE_READER = 3_200_000
# The least accuracy on MNIST's test images of each classifier that ships, and the longest training
# in minutes, on whatever machine it was.
FLOORS = {"accurate": 0.9955, "gru": 0.9945, "lstm": 0.9945, "rnn": 0.9925}
LONGEST = 90
NAMES = tuple(FLOORS)
CAUSAL = tuple(name for name in NAMES if name != "accurate")  # and what can be read row by row
GRAPHS = {
    "autoencoder": "autoencoder",
    "autoencoder-decoder": "autoencoder",
    "autoencoder-encoder": "autoencoder",
    "sine": "sine",
}  # of the other tasks, and the recipe of each
STREAMS = tuple(f"{name}-rows" for name in CAUSAL)  # what reads row by row, beside each
ALL = sorted([*NAMES, *STREAMS, *GRAPHS, "numbers"])
# The least share of lines without a fault, by kind, of those composed of MNIST's test digits.
LINE_FLOORS = {
    "accuracy_clean_single": 0.98,
    "accuracy_clean_apart": 0.96,
    "accuracy_clean_touching": 0.92,
    "accuracy_apart": 0.93,
    "accuracy_touching": 0.88,
    "accuracy_cells": 0.90,
    "accuracy_other": 0.94,
}
each_graph = pytest.mark.parametrize("name", GRAPHS)


@pytest.fixture(params=NAMES)
def shipped(request: pytest.FixtureRequest) -> Manifest:
    """A shipped classifier's manifest, its files being as published."""
    return verified(request.param)


def verified(name: str) -> Manifest:
    """The manifest of a shipped model, whose files are as published."""
    found = manifest.read(ROOT / name)
    manifest.verify(ROOT / name, found)
    return found


def proven_on_cpu(described: Manifest, forms: tuple[str, ...]) -> list[tuple[str, int]]:
    return [
        (row.backend, row.batch_size)
        for row in described.parity
        if row.backend in forms and "cuda" not in row.provider.lower()
    ]


def opened(name: str, kind: Kind) -> Backend:
    return open_backend(kind, ROOT / name, verified(name), device="cpu", threads=1)


def test_these_and_no_others_are_shipped() -> None:
    assert [folder.name for folder in manifest.discover(ROOT)] == ALL
    assert set(SHIPPED) == {*NAMES, *GRAPHS.values(), "numbers"}


@pytest.mark.parametrize("name", ALL)
def test_no_file_is_large(name: str) -> None:
    for path in (ROOT / name).iterdir():
        largest = LARGEST_LINE_READER if name == "numbers" else LARGEST
        assert path.stat().st_size <= largest, path


@pytest.mark.parametrize("name", ALL)
def test_a_commit_is_named_that_nothing_was_changed_in(name: str) -> None:
    assert len(verified(name).provenance["commit"]) == 40


@each_graph
def test_a_tutorial_s_recipe_of_today_made_it_and_it_keeps_the_bound(name: str) -> None:
    tutorial, described = TUTORIALS[GRAPHS[name]], verified(name)
    assert described.recipe == tutorial.recipe.to_dict()
    bound = tutorial.bounds[described.provenance["dataset"]]
    assert described.metric("test", "mean_squared_error").value <= bound


@each_graph
def test_every_form_of_it_was_proven_by_its_task(name: str) -> None:
    described = verified(name)
    forms = ("eager", *KINDS)
    assert proven_on_cpu(described, forms) == [(f, size) for f in forms for size in BATCH_SIZES]
    regresses = described.task == "regress"
    for row in described.parity:
        assert row.max_difference <= ATOL or "bf16" in row.provider
        assert row.n == (1_000 if regresses else 10_000)
        assert row.growth is None or row.growth <= MAX_GROWTH
        assert (row.growth is None) == (not regresses)


@pytest.mark.parametrize("kind", KINDS)
def test_the_sine_is_followed_for_a_thousand_windows(kind: Kind) -> None:
    backend = opened("sine", kind)
    sines, cosines = (part.numpy() for part in windows(0, 1_000))
    state, errors = np.zeros((1, 32), np.float32), []
    for sine, cosine in zip(sines, cosines, strict=True):
        outputs = backend.run({"values": sine[np.newaxis], "state": state})
        state = outputs["next_state"]
        errors.append(float(np.square(outputs["predictions"][0] - cosine).mean()))
    score = verified("sine").metric("test", "mean_squared_error")
    assert score.n == len(errors)
    assert np.mean(errors) == pytest.approx(score.value, rel=1e-4)
    assert np.mean(errors[-100:]) < 2 * np.mean(errors[:100])


@pytest.mark.mnist
@pytest.mark.parametrize("kind", KINDS)
def test_the_autoencoder_gives_the_test_images_back_whole_and_by_halves(
    kind: Kind, mnist_root: Path
) -> None:
    rows = as_rows(load("mnist", mnist_root).test.images).numpy()
    both = opened("autoencoder", kind).run({"rows": rows})
    code = opened("autoencoder-encoder", kind).run({"rows": rows})["code"]
    halves = opened("autoencoder-decoder", kind).run({"code": code})["reconstruction"]
    np.testing.assert_allclose(code, both["code"], atol=1e-4)
    for name in (name for name in GRAPHS if name != "sine"):
        score = verified(name).metric("test", "mean_squared_error").value
        for pictures in (both["reconstruction"], halves):
            assert np.square(pictures - rows, dtype=np.float64).mean() == pytest.approx(score)


def test_the_recipe_of_today_made_it_and_it_keeps_the_floor(shipped: Manifest) -> None:
    recipe = RECIPES[shipped.name]
    assert Recipe.from_dict(dict(shipped.recipe)) == recipe
    assert shipped.metric("test", "accuracy").value >= FLOORS[shipped.name]
    assert shipped.provenance["training_seconds"] <= LONGEST * 60


def test_the_recipe_of_today_made_the_reader_of_lines_and_it_keeps_its_floors() -> None:
    described = verified("numbers")
    recipe = LINE_RECIPES["numbers"]
    assert LineRecipe.from_dict(dict(described.recipe)) == recipe
    assert described.labels == transcription.LABELS
    accuracy = described.metric("test", "accuracy")
    assert accuracy.value >= recipe.floors["mnist"]
    for kind, floor in LINE_FLOORS.items():
        assert described.metric("test", kind).value >= floor, kind
    assert described.calibration is not None
    assert described.calibration.calibration_error < 0.03
    cpu = [row for row in described.parity if "cuda" not in row.provider.lower()]
    assert [(row.backend, row.batch_size) for row in cpu] == [
        (form, size) for form in ("eager", *KINDS) for size in BATCH_SIZES
    ]
    for row in described.parity:
        assert row.max_difference <= ATOL
        assert row.agreed == row.n == accuracy.n
        assert row.accuracy == accuracy.value


@pytest.mark.mnist
@pytest.mark.parametrize("kind", KINDS)
def test_lines_of_test_digits_are_read_as_the_manifest_says(kind: Kind, mnist_root: Path) -> None:
    digits = Digits(load("mnist", mnist_root).test)
    backend = opened("numbers", kind)
    right = 0
    for seed in range(100):
        line = draw_clean(digits, np.random.default_rng(seed), "apart")
        strips = transcription.views(np.asarray(line.strip / 255, np.float32))
        found = transcription.average(backend.run({"strips": strips})["probabilities"])
        right += tuple(s.label for s in transcription.decode(found)) == line.labels
    assert right >= 93


def test_every_form_was_proven_at_every_batch_size(shipped: Manifest) -> None:
    forms = ("eager", *KINDS)
    assert proven_on_cpu(shipped, forms) == [(f, size) for f in forms for size in BATCH_SIZES]
    accuracy = shipped.metric("test", "accuracy").value
    for row in shipped.parity:
        assert row.n == 10_000
        if "bf16" in row.provider:
            assert row.agreed is not None
            assert row.agreed >= (1 - REDUCED_SHARE) * row.n
            continue
        assert row.max_difference <= ATOL
        assert row.agreed == row.n
        assert row.accuracy == accuracy


@pytest.mark.parametrize("name", CAUSAL)
def test_what_reads_row_by_row_belongs_to_its_classifier_and_says_what_it_is_worth(
    name: str,
) -> None:
    whole, rows = verified(name), verified(f"{name}-rows")
    reading = rows.row_reading
    assert reading is not None
    assert (reading.whole, reading.whole_sha256) == (name, whole.file("onnx").sha256)
    assert (rows.task, rows.recipe, rows.calibration) == (
        "classify_rows",
        whole.recipe,
        whole.calibration,
    )
    assert len(reading.temperatures) == 28
    assert reading.accuracies[-1] == whole.metric("test", "accuracy").value
    assert [early.stop_at for early in reading.early_decisions] == [0.9, 0.99, 0.999]
    for row in rows.parity:
        assert row.max_difference <= ATOL
        assert row.agreed == row.n == 10_000
        assert (row.growth is None) == (row.batch_size != max(BATCH_SIZES))
        assert row.growth is None or row.growth <= MAX_GROWTH


@pytest.mark.mnist
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CAUSAL)
def test_rows_one_by_one_decide_as_the_whole_digits(
    name: str, kind: Kind, mnist_root: Path
) -> None:
    rows = as_rows(load("mnist", mnist_root).test.images[:1_000]).numpy()
    whole = opened(name, kind).run({"rows": rows})["logits"]
    described = verified(f"{name}-rows")
    stream = opened(described.name, kind)
    dims = {
        tensor.name: [dim for dim in tensor.dims if isinstance(dim, int)]
        for tensor in described.inputs
    }
    states = {s.input: np.zeros((1_000, *dims[s.input]), np.float32) for s in described.states}
    for row in np.split(rows, 28, axis=1):
        outputs = stream.run({"rows": row, **states})
        states = {s.input: outputs[s.output] for s in described.states}
    np.testing.assert_allclose(outputs["logits"][:, 0], whole, rtol=0, atol=ATOL)
    assert (outputs["logits"][:, 0].argmax(1) == whole.argmax(1)).all()


@EACH
@pytest.mark.mnist
@pytest.mark.parametrize("kind", KINDS)
def test_all_test_images_score_exactly_as_the_manifest_says(
    shipped: Manifest, kind: Kind, device: Device, mnist_root: Path
) -> None:
    test = load("mnist", mnist_root).test
    backend = open_backend(kind, ROOT / shipped.name, shipped, device=device, exact=True)
    rows = as_rows(test.images).numpy()
    parts = [backend.run({"rows": part})["logits"] for part in np.split(rows, 20)]
    decisions = np.concatenate(parts).argmax(axis=1)
    score = shipped.metric("test", "accuracy")
    assert score.n == len(decisions) == 10_000
    assert float((decisions == test.labels.numpy()).mean()) == score.value
