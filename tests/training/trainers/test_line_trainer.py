"""Training a reader of lines: it learns, resumes to the same weights, and says when it fails."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.training.samples import CPU, digits, same_weights
from training.errors import CheckpointError, RecipeError, TrainingDivergedError
from training.recipes.lines import LINE_RECIPES, LineRecipe
from training.runs import checkpoint, run_folder
from training.trainers import line_trainer
from training.trainers.line_trainer import LineTrainer


@pytest.fixture(autouse=True)
def few_validation_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_trainer, "VALIDATION_LINES", 12)


def small(**changes: Any) -> LineRecipe:
    settings: dict[str, Any] = {
        "name": "numbers",
        "hidden_size": 8,
        "num_layers": 1,
        "stages": ((4,), (6,), (8,)),
        "features": 12,
        "epochs": 2,
        "lines": 48,
        "batch_size": 16,
    }
    return LineRecipe(**{**settings, **changes})


def test_it_learns() -> None:
    trainer = LineTrainer(small(lines=96, epochs=3, learning_rate=1e-2), digits(), CPU)
    epochs = [trainer.run_epoch() for _ in range(3)]
    assert epochs[-1].train_loss < 0.5 * epochs[0].train_loss
    assert epochs[-1].validation_loss < epochs[0].validation_loss
    assert trainer.finished


def test_a_resumed_run_is_the_one_that_was_never_stopped(tmp_path: Path) -> None:
    whole = LineTrainer(small(), digits(), CPU)
    for _ in range(2):
        whole.run_epoch()
    first = LineTrainer(small(), digits(), CPU)
    first.run_epoch()
    checkpoint.save(tmp_path, first, {})
    resumed = LineTrainer(small(), digits(), CPU)
    checkpoint.restore(tmp_path, checkpoint.load(tmp_path), resumed)
    resumed.run_epoch()
    assert same_weights(resumed.network, whole.network)
    assert same_weights(resumed.average, whole.average)


def test_a_finished_run_gives_its_best_network_back(tmp_path: Path) -> None:
    folder = tmp_path / "numbers"
    trainer = run_folder.train(folder, small(), digits(), CPU, "refuse")
    found = checkpoint.load(folder)
    assert found.finished
    assert same_weights(checkpoint.best_network(folder, found), trainer.best)
    assert (folder / "learning_curve.png").is_file()
    assert not (folder / "confusion_matrix.png").exists()


def test_a_run_of_another_recipe_is_not_resumed(tmp_path: Path) -> None:
    trainer = LineTrainer(small(), digits(), CPU)
    trainer.run_epoch()
    checkpoint.save(tmp_path, trainer, {})
    other = LineTrainer(small(placement=0.5), digits(), CPU)
    with pytest.raises(CheckpointError, match=r"placement: 1.0 -> 0.5"):
        checkpoint.restore(tmp_path, checkpoint.load(tmp_path), other)


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    trainer = LineTrainer(small(), digits(), CPU)
    with torch.no_grad():
        for parameter in trainer.network.parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(TrainingDivergedError, match="numbers: the loss is nan in epoch 1"):
        trainer.run_epoch()


def test_the_rate_rises_then_falls_and_so_does_the_weight_of_places() -> None:
    trainer = LineTrainer(small(epochs=10, lines=160, warmup=0.1), digits(), CPU)
    rates = [trainer.learning_rate(step) for step in range(100)]
    assert rates[0] < rates[9]
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) <= trainer.recipe.learning_rate
    weights = [trainer.placement(step) for step in range(100)]
    assert weights[0] == 1.0
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "rnn"}, "cell is 'rnn', expected one of gru, lstm"),
        ({"lines": 0}, r"lines is 0, expected a number in \[1, 1000000\]"),
        ({"stages": ((4,), (6,))}, "expected three tuples of channels"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"placement": -1.0}, "placement is -1.0"),
        ({"floors": {"mnist": 97}}, r"floors\['mnist'\] is 97, expected a fraction"),
    ],
)
def test_a_field_outside_its_range_is_refused_by_name(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        small(**changes)


def test_the_shipped_recipe_survives_json_and_builds() -> None:
    recipe = LINE_RECIPES["numbers"]
    assert LineRecipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.differences(dataclasses.replace(recipe, epochs=3)) == ["epochs: 12 -> 3"]
    with pytest.raises(RecipeError, match="not a recipe of this version"):
        LineRecipe.from_dict({**recipe.to_dict(), "heads": 8})
