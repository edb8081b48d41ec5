"""`training.export --more`: a published classifier learns from pictures, or stays as it is."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from models import manifest
from tests.support.training.samples import (
    CPU,
    digits,
    finished_run,
    same_weights,
    small_recipe,
)
from tests.support.training.writer import odd_writer
from training import export
from training.errors import PublishedModelError
from training.networks.modules import build
from training.publication import continued_model
from training.publication.continued_model import check_better
from training.recipes.shipped import Recipe
from training.runs import checkpoint, run_folder
from training.runs.environment import environment
from training.trainers.trainer import Trainer

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


def run(root: Path, *arguments: str) -> int:
    folders = ["--runs-dir", str(root / "runs"), "--models-dir", str(root / "models")]
    return export.main(["--dataset", "digits", "--device", "cpu", *folders, "lstm", *arguments])


def draw(folder: Path, seed: int = 0) -> None:
    """60 pictures of the odd writer, six of each digit."""
    random = np.random.default_rng(seed)
    for number in range(60):
        path = folder / str(number % 10) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(odd_writer().draw(number % 10, random))


def published(root: Path, name: str = "lstm-digits") -> manifest.Manifest:
    found: manifest.Manifest = manifest.read(root / "models" / name)
    manifest.verify(root / "models" / name, found)
    return found


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that was published, and has learned from the odd writer."""
    root = tmp_path_factory.mktemp("learned")
    finished_run(root / "runs" / "lstm-digits", small_recipe(hidden_size=48))
    assert run(root) == 0
    (root / "before.json").write_text(published(root).to_json())
    draw(root / "pictures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(continued_model, "continued", thorough)
        assert run(root, "--more", str(root / "pictures"), "--allowed-loss", "5") == 0
    return root


def thorough(recipe: Recipe) -> Recipe:
    """So many epochs at such a rate that a model of two epochs learns much."""
    return dataclasses.replace(recipe, epochs=12, learning_rate=5e-3)


@pytest.mark.slow
def test_the_manifest_says_what_was_learned_from_and_where_it_began(learned: Path) -> None:
    old = json.loads((learned / "before.json").read_text())
    made = published(learned).provenance
    told = made["learned_from"]
    assert sum(told["held_out"].values()) * 4 <= sum(told["pictures"].values()) + 4
    assert told["held_out_accuracy"]["after"] > told["held_out_accuracy"]["before"]
    assert made["digests"]["pictures"] == told["digest"]
    onnx = next(file for file in old["files"] if file["role"] == "onnx")
    assert made["started_from"]["sha256"] == onnx["sha256"]
    assert made["started_from"]["provenance"] == old["provenance"]


@pytest.mark.slow
def test_the_row_stream_is_that_of_the_new_model(learned: Path) -> None:
    whole, rows = published(learned), published(learned, "lstm-digits-rows")
    assert rows.row_reading is not None
    assert rows.row_reading.whole_sha256 == whole.file("onnx").sha256
    assert rows.provenance["learned_from"] == whole.provenance["learned_from"]


@pytest.mark.slow
def test_the_same_pictures_are_learned_once(
    learned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = published(learned)
    assert run(learned, "--more", str(learned / "pictures")) == 0
    assert "has learned from these pictures already" in capsys.readouterr().out
    assert published(learned) == before


@pytest.mark.slow
def test_what_is_no_better_is_not_published(
    learned: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ruinous(recipe: Recipe) -> Recipe:
        return dataclasses.replace(recipe, epochs=1, learning_rate=5.0)

    before = published(learned)
    draw(learned / "others", seed=1)
    monkeypatch.setattr(continued_model, "continued", ruinous)
    assert run(learned, "--more", str(learned / "others")) == 1
    error = capsys.readouterr().err
    assert "lstm-digits was not published" in error
    assert "no more; add pictures of the kind that is misread" in error
    assert published(learned) == before


def test_a_loss_on_the_data_set_is_bounded() -> None:
    check_better((0.5, 0.9), (0.995, 0.994), 20, 0.001, "mnist")
    with pytest.raises(
        PublishedModelError, match=r"on mnist it loses 0\.11 points .* at most 0\.1"
    ):
        check_better((0.5, 0.9), (0.9951, 0.994), 20, 0.001, "mnist")
    with pytest.raises(PublishedModelError, match=r"18 of 20 new pictures .* published model 18"):
        check_better((0.9, 0.9), (0.99, 0.999), 20, 0.001, "mnist")


def test_names_are_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for names in ([], ["sine"]):
        with pytest.raises(SystemExit):
            export.main([*names, "--more", str(tmp_path)])
        assert "--more needs the names of classifiers" in capsys.readouterr().err


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    recipe = small_recipe()
    first = build(recipe.network)
    whole = Trainer(recipe, digits(), CPU, first)
    stopped = run_folder.start(tmp_path / "run", recipe, digits(), CPU, first)
    assert same_weights(stopped.network, first)
    stopped.run_epoch()
    checkpoint.save(tmp_path / "run", stopped, environment(CPU))
    resumed = Trainer(recipe, digits(), CPU, first)
    checkpoint.restore(tmp_path / "run", checkpoint.load(tmp_path / "run"), resumed)
    resumed.run_epoch()
    for _ in range(2):
        whole.run_epoch()
    assert same_weights(whole.network, resumed.network)
    assert same_weights(whole.best, resumed.best)
