"""Training a reader of lines: it learns, resumes to the same weights, and says when it fails."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.training.samples import CPU, digits, same_weights
from training.errors import CheckpointError, RecipeError, TrainingDivergedError
from training.recipes.lines import LINE_RECIPES, LineRecipe, Phase
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
        "phases": (phase(), phase(batch_size=8, learning_rate=1e-3)),
    }
    return LineRecipe(**{**settings, **changes})


def phase(**changes: Any) -> Phase:
    settings: dict[str, Any] = {"epochs": 1, "lines": 48, "batch_size": 16, "learning_rate": 2e-3}
    return Phase(**{**settings, **changes})


def test_it_learns() -> None:
    trainer = LineTrainer(
        small(phases=(phase(epochs=3, lines=96, learning_rate=1e-2),)), digits(), CPU
    )
    epochs = [trainer.run_epoch() for _ in range(3)]
    assert epochs[-1].train_loss < 0.7 * epochs[0].train_loss
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
    assert trainer.samples == trainer.samples_done == 2 * 48
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


def test_in_every_phase_the_rate_rises_and_falls_and_places_weigh_most_at_first() -> None:
    phases = (phase(epochs=10, lines=160), phase(epochs=5, lines=160, learning_rate=1e-3))
    trainer = LineTrainer(small(phases=phases, warmup=0.1), digits(), CPU)
    for part in phases:
        rates = [trainer.learning_rate(part, step) for step in range(part.steps)]
        warm = part.steps // 10
        assert rates[0] < rates[warm - 1] <= max(rates) <= part.learning_rate
        assert rates[warm:] == sorted(rates[warm:], reverse=True)
        assert rates[-1] < 0.01 * part.learning_rate
    first, second = ([trainer.placement(part, s) for s in range(part.steps)] for part in phases)
    assert first[0] == 1.0
    assert first == sorted(first, reverse=True)
    assert first[-1] == pytest.approx(0.1)
    assert set(second) == {first[-1]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "rnn"}, "cell is 'rnn', expected one of gru, lstm"),
        ({"phases": ()}, r"phases is \(\), expected at least one"),
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


def test_a_phase_outside_its_range_is_refused_by_name() -> None:
    with pytest.raises(RecipeError, match=r"lines is 0, expected a number in \[1, 1000000\]"):
        phase(lines=0)


def test_the_shipped_recipe_survives_json_and_builds() -> None:
    recipe = LINE_RECIPES["numbers"]
    assert LineRecipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.differences(dataclasses.replace(recipe, seed=3)) == ["seed: 0 -> 3"]
    assert recipe.shortened(2).epochs == 2
    with pytest.raises(RecipeError, match="not a recipe of this version"):
        LineRecipe.from_dict({**recipe.to_dict(), "heads": 8})
