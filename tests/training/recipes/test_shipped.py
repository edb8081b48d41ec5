"""Named recipes are data: validated, written down and read back; every shipped one works."""

import dataclasses
import json
from typing import Any

import pytest

from tests.support.training.samples import CPU, digits
from training.errors import RecipeError
from training.graphs.onnx_graph import build
from training.recipes.shipped import RECIPES, Augmentation, Recipe, recipe_for
from training.trainers.trainer import Trainer


@pytest.mark.parametrize("name", RECIPES)
def test_every_shipped_recipe_builds_takes_a_step_and_exports(name: str) -> None:
    recipe = dataclasses.replace(RECIPES[name], batch_size=200)
    trainer = Trainer(recipe, digits(), CPU)
    assert trainer.run_epoch().step == 1
    assert [value.name for value in build(trainer.average).graph.output] == ["logits"]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_json(name: str) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(RECIPES[name].to_dict()))) == RECIPES[name]


def test_the_floors_are_those_that_the_project_promises() -> None:
    assert {name: recipe.floors["mnist"] for name, recipe in RECIPES.items()} == {
        "rnn": 0.985,
        "gru": 0.992,
        "lstm": 0.992,
        "accurate": 0.994,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "transformer"}, "cell is 'transformer', expected one of rnn, gru, lstm"),
        ({"epochs": 0}, r"epochs is 0, expected a number in \[1, 1000000\]"),
        ({"epochs": 1.5}, "epochs is 1.5, expected a whole number"),
        ({"hidden_size": True}, "hidden_size is True, expected a whole number"),
        ({"learning_rate": 0.0}, r"learning_rate is 0.0, expected a number in \(0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"average_decay": 1.01}, "average_decay is 1.01"),
        ({"renet": (16,)}, "row_weight is 0.3, but a ReNet decides nothing after a row"),
        ({"dropout": 0.2}, "dropout is 0.2, but only a ReNet has it"),
        ({"renet": (16,), "row_weight": 0.0, "cell": "rnn"}, "a ReNet has gated cells"),
        ({"floors": {"mnist": 99.2}}, r"floors\['mnist'\] is 99.2, expected a fraction"),
    ],
)
def test_a_field_outside_its_range_is_refused_by_name(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        dataclasses.replace(RECIPES["lstm"], **changes)


def test_augmentation_is_checked_too() -> None:
    with pytest.raises(RecipeError, match=r"scale is 1\.5, expected a number in \[0\.0, 0\.9\]"):
        Augmentation(scale=1.5)


def test_a_recipe_of_another_version_is_refused() -> None:
    with pytest.raises(RecipeError, match="not a recipe of this version"):
        Recipe.from_dict({**RECIPES["lstm"].to_dict(), "attention_heads": 8})


def test_differences_name_the_field_and_both_values() -> None:
    longer = dataclasses.replace(RECIPES["gru"], epochs=99)
    assert RECIPES["gru"].differences(longer) == [f"epochs: {RECIPES['gru'].epochs} -> 99"]


def test_the_small_data_set_gets_more_epochs_and_no_teacher_that_has_learned_mnist() -> None:
    small, large = recipe_for("lstm", "digits"), recipe_for("lstm", "mnist")
    assert small.epochs > large.epochs
    assert (small.teachers, large.teachers) == ((), ("accurate", "lstm", "gru"))
