"""The models in the repository: whole, small, above their floors, as good as they say."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import models
from models import manifest
from models.manifest import Manifest
from service.backends import Device, Kind, open_backend
from tests.devices import EACH
from training.data import as_rows, load
from training.parity import ATOL
from training.recipes import RECIPES, Recipe
from training.trials import BATCH_SIZES

ROOT = Path(models.__file__).parent
LARGEST = 2_000_000  # bytes of a file
NAMES = ("gru", "lstm", "rnn")


@pytest.fixture(params=NAMES)
def shipped(request: pytest.FixtureRequest) -> Manifest:
    """A shipped model's manifest, its files being as published."""
    folder = ROOT / request.param
    found = manifest.read(folder)
    manifest.verify(folder, found)
    return found


def test_these_and_no_others_are_shipped() -> None:
    assert tuple(folder.name for folder in manifest.discover(ROOT)) == NAMES


def test_no_file_is_large(shipped: Manifest) -> None:
    for path in (ROOT / shipped.name).iterdir():
        assert path.stat().st_size <= LARGEST, path


def test_the_recipe_of_today_made_it_and_it_keeps_the_floor(shipped: Manifest) -> None:
    recipe = RECIPES[shipped.name]
    assert Recipe.from_dict(dict(shipped.recipe)) == recipe
    assert shipped.metric("test", "accuracy").value >= recipe.floors["mnist"]
    assert shipped.provenance["training_seconds"] <= 15 * 60


def test_every_form_was_proven_at_every_batch_size(shipped: Manifest) -> None:
    forms = ("eager", *get_args(Kind))
    cpu = [row for row in shipped.parity if "cuda" not in row.provider.lower()]
    assert [(row.backend, row.batch_size) for row in cpu] == [
        (form, size) for form in forms for size in BATCH_SIZES
    ]
    accuracy = shipped.metric("test", "accuracy").value
    for row in shipped.parity:
        assert row.max_difference <= ATOL
        assert row.agreed == row.n == 10_000
        assert row.accuracy == accuracy


@EACH
@pytest.mark.mnist
@pytest.mark.parametrize("kind", get_args(Kind))
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
