"""The tutorials' recipes: every one builds, learns, and is what its tutorial says."""

import dataclasses
from typing import Any, get_args

import numpy as np
import pytest
import torch

from tests.support.training.samples import CPU, digits, same_weights
from training.data.sine_windows import windows
from training.errors import RecipeError
from training.networks.configuration import Cell, DenseConfig, RecurrentConfig
from training.networks.modules import RowClassifier, build
from training.recipes.plain import PlainRecipe
from training.recipes.shipped import RECIPES
from training.recipes.tutorials import TUTORIALS
from training.trainers.plain_trainer import PlainTrainer


def quick(name: str, **changes: Any) -> PlainRecipe:
    """The tutorial's recipe with two steps an epoch on the small digits."""
    return dataclasses.replace(TUTORIALS[name].recipe, batch_size=190, epochs=1, **changes)


@pytest.mark.parametrize("name", TUTORIALS)
def test_every_recipe_takes_its_steps_and_is_evaluated(name: str) -> None:
    trainer = PlainTrainer(quick(name, evaluate_every=1), digits(), CPU)
    before = [parameter.detach().clone() for parameter in trainer.network.parameters()]
    steps: list[None] = []
    scores = trainer.run(lambda: steps.append(None))
    assert len(steps) == trainer.steps == len(trainer.curve)
    assert all(np.isfinite(point.score) and point.loss is not None for point in trainer.curve)
    assert scores["test"] >= 0.0
    for old, new in zip(before, trainer.network.parameters(), strict=True):
        assert not torch.equal(old, new)


def test_the_table_of_the_issue_is_complete() -> None:
    cells = [f"{cell}-256-{readout}" for readout in ("flat", "last") for cell in get_args(Cell)]
    others = ["mlp-50", "cnn", "lstm-64", "lstm-64-forget1", "relu-rnn-100", "sine", "autoencoder"]
    assert set(TUTORIALS) == {*cells, *others, "relu-rnn-100-clipped"}
    assert not set(TUTORIALS) & set(RECIPES)


def test_the_steps_are_the_tutorials() -> None:
    """60,000 images, or 55,000, in the tutorials' batches."""

    def steps(name: str) -> int:
        recipe = TUTORIALS[name].recipe
        images = 55_000 if recipe.training_images == "train" else 60_000
        return recipe.epochs * -(-images // recipe.batch_size)

    assert steps("relu-rnn-100") == 3_000
    assert steps("lstm-64") == 938
    assert steps("lstm-64-forget1") == 860
    assert steps("autoencoder") == 9_380


def test_validation_images_train_only_where_all_do() -> None:
    known = digits()
    for name, count in (("lstm-64", 200 + 180), ("lstm-64-forget1", 200)):
        recipe = dataclasses.replace(TUTORIALS[name].recipe, batch_size=1)
        assert PlainTrainer(recipe, known, CPU).steps == count


@pytest.mark.parametrize("name", ["lstm-64", "sine", "autoencoder"])
def test_the_seed_alone_decides(name: str) -> None:
    first, second, third = (
        PlainTrainer(quick(name, seed=seed), digits(), CPU) for seed in (0, 0, 1)
    )
    first.run()
    torch.rand(3)
    second.run()
    third.run()
    assert same_weights(first.network, second.network)
    assert not same_weights(first.network, third.network)


def test_looking_on_changes_nothing() -> None:
    often = PlainTrainer(quick("lstm-64", evaluate_every=1), digits(), CPU)
    never = PlainTrainer(quick("lstm-64", evaluate_every=1000), digits(), CPU)
    often.run()
    never.run()
    assert same_weights(often.network, never.network)
    assert len(never.curve) == 1  # the end is always looked at


def test_the_sine_is_learned_and_its_state_carried_on() -> None:
    trainer = PlainTrainer(TUTORIALS["sine"].recipe, None, CPU)
    scores = trainer.run()
    assert scores["test"] < 0.05
    # From the sine alone a cosine's sign cannot be told: without the state it must fail.
    sines, cosines = windows(0, 100)
    with torch.no_grad():
        apart, _ = trainer.network(sines, torch.zeros(100, 32))
    assert float((apart - cosines).square().mean()) > 4 * scores["test"]


def test_windows_follow_each_other_exactly() -> None:
    sines, cosines = windows(0, 1_000)
    angles = torch.arange(10_000, dtype=torch.float64) * torch.pi / 10
    torch.testing.assert_close(sines.flatten().double(), angles.sin(), atol=1e-6, rtol=0)
    torch.testing.assert_close(cosines.flatten().double(), angles.cos(), atol=1e-6, rtol=0)
    assert torch.equal(windows(7, 2)[0], sines[7:9])


def test_clipping_bounds_every_step() -> None:
    recipe = quick("relu-rnn-100-clipped", clip_norm=1e-3)
    trainer = PlainTrainer(recipe, digits(), CPU)
    before = [parameter.detach().clone() for parameter in trainer.network.parameters()]
    trainer.run()
    moved = [new - old for old, new in zip(before, trainer.network.parameters(), strict=True)]
    distance = torch.cat([part.flatten() for part in moved]).norm()
    assert distance <= trainer.steps * recipe.learning_rate * 1e-3 * 1.01


def test_tensorflow_begins_with_open_forget_gates_and_glorot_weights() -> None:
    torch.manual_seed(0)
    recurrent = build(TUTORIALS["lstm-64-forget1"].recipe.network).get_submodule("recurrent")
    biases = recurrent.get_parameter("bias_ih_l0") + recurrent.get_parameter("bias_hh_l0")
    assert torch.equal(biases, torch.tensor([0.0] * 64 + [1.0] * 64 + [0.0] * 128))  # i, f, g, o
    limit = (6 / (28 + 64 + 256)) ** 0.5
    for name in ("weight_ih_l0", "weight_hh_l0"):
        largest = recurrent.get_parameter(name).abs().max().item()
        assert 0.98 * limit < largest <= limit


def test_a_flat_readout_sees_every_row_and_a_last_one_the_last() -> None:
    rows = torch.rand(1, 28, 28)
    for readout, width in (("flat", 28 * 8), ("last", 8)):
        config = RecurrentConfig(cell="gru", hidden_size=8, readout=readout)  # type: ignore[arg-type]
        network = RowClassifier(config)
        assert network.head.in_features == width
        states = network.recurrent(rows.transpose(0, 1))[0]  # (28, 1, 8)
        seen = states.transpose(0, 1).reshape(1, -1)[:, -width:]
        torch.testing.assert_close(network(rows), network.head(seen))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: RecurrentConfig(cell="gru", hidden_size=8, nonlinearity="relu"), "a gru has tanh"),
        (lambda: RecurrentConfig(cell="rnn", hidden_size=0), "hidden_size is 0"),
        (lambda: DenseConfig(sizes=(784, 50)), "expected 784 pixels first, 10 classes last"),
        (lambda: quick("cnn", optimizer="lion"), "optimizer is 'lion', expected one of adam, sgd"),
        (lambda: quick("cnn", clip_norm=0.0), "clip_norm is 0.0"),
        (lambda: quick("cnn", evaluate_every=0), "evaluate_every is 0"),
    ],
)
def test_what_cannot_be_is_refused_by_name(change: Any, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        change()
