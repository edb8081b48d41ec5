"""Training: reproducible, resumable exactly, averaged, and stopped when it has gone wrong."""

import math

import pytest
import torch

from tests.support.training.samples import (
    CPU,
    digits,
    row_classifier,
    same_weights,
    small_recipe,
    trained,
)
from training.data.augmentation import pen, warp
from training.data.datasets import as_rows
from training.data.drawn import hands, outliers
from training.errors import TrainingDivergedError
from training.networks.modules import build
from training.recipes.shipped import Augmentation
from training.trainers.teachers import TEMPERATURE, Teachers
from training.trainers.trainer import Trainer, evaluate, learning_rate


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_network_learns(cell: str) -> None:
    recipe = small_recipe(cell, epochs=12, hidden_size=32, learning_rate=1e-2)  # type: ignore[arg-type]
    history = trained(recipe).history
    assert history[-1].train_loss < 0.75 * history[0].train_loss
    assert history[-1].validation_accuracy > 0.3  # guessing is 0.1


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = trained(small_recipe()), trained(small_recipe())
    assert same_weights(first.average, second.average)


def test_another_seed_gives_other_weights() -> None:
    assert not same_weights(
        trained(small_recipe(), epochs=1).average, trained(small_recipe(seed=1), epochs=1).average
    )


def test_the_seed_alone_decides_whatever_was_drawn_before() -> None:
    first = trained(small_recipe(), epochs=1)
    torch.rand(17)
    assert same_weights(first.average, trained(small_recipe(), epochs=1).average)


def test_a_loss_that_is_not_finite_stops_the_run_with_the_remedy() -> None:
    broken = Trainer(small_recipe(), digits(), CPU)
    torch.nn.init.constant_(row_classifier(broken.network).head.bias, math.nan)
    with pytest.raises(TrainingDivergedError, match=r"the loss is nan in epoch 1.*learning_rate"):
        broken.run_epoch()


def test_training_on_keeps_to_what_was_answered_before(monkeypatch: pytest.MonkeyPatch) -> None:
    start = trained(small_recipe(epochs=6, hidden_size=32, learning_rate=1e-2)).best
    before = evaluate(start, digits().validation).logits

    def change(remember: float) -> float:
        monkeypatch.setattr("training.trainers.trainer.REMEMBER", remember)
        trainer = Trainer(small_recipe(hidden_size=32, learning_rate=1e-2), digits(), CPU, start)
        trainer.run_epoch()
        after = evaluate(trainer.average, digits().validation).logits
        return (after - before).softmax(dim=1).var().item()

    assert change(remember=10.0) < 0.8 * change(remember=0.0)


def test_a_network_learns_the_mean_answer_of_its_teachers() -> None:
    """Of teachers that are wrong in their own ways, it comes to answer as both together do."""
    wrong = [row_classifier(build(small_recipe().network)).eval() for _ in range(2)]
    for network, digits_taught in zip(wrong, ((1, 4), (7, 4)), strict=True):
        torch.nn.init.zeros_(network.head.weight)
        network.head.bias.data = torch.tensor([4.0 * (d in digits_taught) for d in range(10)])
    teachers = Teachers({"one": wrong[0], "other": wrong[1]}, {})
    rows = as_rows(digits().validation.images)
    answer = (teachers.answer(rows) / TEMPERATURE).softmax(dim=1)
    halves = [(network(rows) / TEMPERATURE).softmax(dim=1) for network in wrong]
    torch.testing.assert_close(answer, (halves[0] + halves[1]) / 2)

    recipe = small_recipe(epochs=6, hidden_size=32, learning_rate=1e-2)
    taught = Trainer(recipe, digits(), CPU, teachers=teachers)
    while not taught.finished:
        taught.run_epoch()
    alone = trained(recipe)

    def apart(network: torch.nn.Module) -> float:
        given = (evaluate(network, digits().validation).logits / TEMPERATURE).log_softmax(dim=1)
        return torch.nn.functional.kl_div(given, answer, reduction="batchmean").item()

    assert apart(taught.average) < 0.5 * apart(alone.average)


def test_a_teacher_that_is_too_sure_for_float32_gives_finite_logits() -> None:
    network = row_classifier(build(small_recipe().network)).eval()
    network.head.bias.data = torch.tensor([1e4] + [0.0] * 9)
    answer = Teachers({"sure": network}, {}).answer(torch.zeros(1, 28, 28))
    assert answer.isfinite().all()


def test_the_best_epoch_is_the_first_of_the_least_validation_loss() -> None:
    trainer = trained(small_recipe(epochs=4))
    best = min(epoch.validation_loss for epoch in trainer.history)
    first = next(e for e in trainer.history if e.validation_loss == best)
    assert trainer.best_epoch is first
    assert evaluate(trainer.best, digits().validation).loss == pytest.approx(best)


def test_batches_report_every_image() -> None:
    images: list[int] = []
    Trainer(small_recipe(), digits(), CPU).run_epoch(images.append)
    assert sum(images) == len(digits().train)


def test_the_rate_warms_up_to_its_peak_and_falls_to_nearly_nothing() -> None:
    recipe = small_recipe(epochs=10, warmup=0.1)
    rates = [learning_rate(recipe, step, steps_per_epoch=10) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == recipe.learning_rate
    assert rates[-1] < 0.001 * recipe.learning_rate


def test_the_network_reads_top_to_bottom() -> None:
    """A change in the last row cannot change what was known before it: the cell is causal."""
    network = row_classifier(build(small_recipe("gru").network)).eval()
    rows = torch.rand(1, 28, 28)
    changed = rows.clone()
    changed[:, -1] = 0.0
    states = [network.recurrent(x.transpose(0, 1))[0] for x in (rows, changed)]
    assert torch.equal(states[0][:-1], states[1][:-1])
    assert not torch.equal(states[0][-1], states[1][-1])


def test_augmentation_moves_each_image_on_its_own_and_stays_in_range() -> None:
    rows = digits().train.images[:1].float().expand(8, 28, 28) / 255
    moved = warp(rows, Augmentation(), torch.Generator().manual_seed(0))
    assert moved.shape == rows.shape
    assert moved.min() >= 0.0
    assert moved.max() <= 1.0 + 1e-6
    assert len({image.numpy().tobytes() for image in moved}) == 8


def test_no_augmentation_leaves_the_images() -> None:
    rows = torch.rand(4, 28, 28, generator=torch.Generator().manual_seed(0))
    settings = Augmentation(rotation=0.0, scale=0.0, shear=0.0, shift=0.0)
    kept = warp(rows, settings, torch.Generator().manual_seed(0))
    assert torch.allclose(kept, rows, atol=1e-5)


def test_a_pen_is_thicker_or_thinner_and_moves_nothing() -> None:
    rows = torch.zeros(64, 28, 28)
    rows[:, 4:24, 13:16] = 1.0
    drawn = pen(rows, Augmentation(pen=0.5), torch.Generator().manual_seed(0))
    widths = drawn[:, 14].sum(dim=1)
    assert 2.0 <= widths.min() < 2.3
    assert 3.7 < widths.max() <= 4.0
    assert torch.equal(drawn, drawn.flip(2).roll(1, 2))  # columns 13 to 15 mirror onto 12 to 14
    assert torch.equal(pen(rows, Augmentation(pen=0.0), torch.Generator()), rows)


def test_what_a_recipe_leaves_out_draws_no_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a model trained before there was such a choice could not be trained again."""
    whole = trained(small_recipe(epochs=1))

    def fail(*_: object) -> None:
        raise AssertionError("drawn, though the recipe does not ask for it")

    monkeypatch.setattr("training.trainers.trainer.pen", fail)
    monkeypatch.setattr("torch.randint", fail)
    assert same_weights(trained(small_recipe(epochs=1)).network, whole.network)


def test_an_epoch_whose_last_step_breaks_the_network_is_not_kept() -> None:
    """Or its checkpoint would take the place of the last good one."""
    trainer = trained(small_recipe(), epochs=1)
    batches = iter(range(1, trainer.steps_per_epoch + 1))

    def spoil_after_the_last(_: int) -> None:
        if next(batches) == trainer.steps_per_epoch:
            for weights in trainer.average.parameters():
                weights.data.fill_(float("nan"))

    with pytest.raises(TrainingDivergedError, match="what was saved after epoch 1 is kept"):
        trainer.run_epoch(spoil_after_the_last)
    assert len(trainer.history) == 1


def test_outliers_make_the_network_unsure_of_them() -> None:
    shown = outliers.draw(100, digits().train.images, seed=9)
    confidence = {}
    for share in (0.0, 0.5):
        recipe = small_recipe(epochs=12, hidden_size=32, outliers=share, outlier_weight=1.0)
        network = trained(recipe).average
        confidence[share] = network(as_rows(shown)).softmax(dim=1).amax(dim=1).mean().item()
    assert confidence[0.5] < 0.8 * confidence[0.0]


def test_digits_of_other_hands_are_learned_beside_the_data_set() -> None:
    """MNIST's and scikit-learn's ones have neither flag nor foot."""
    shown = hands.draw(400, seed=9)
    right = {}
    for share in (0.0, 1.0):
        network = trained(small_recipe(epochs=20, hidden_size=48, hands=share)).average
        right[share] = evaluate(network, shown).accuracy
    assert right[1.0] > right[0.0] + 0.1


def test_the_loss_after_each_row_teaches_to_decide_early() -> None:
    shown = digits().test
    right = {}
    for weight in (0.0, 1.0):
        recipe = small_recipe(epochs=15, hidden_size=48, row_weight=weight)
        network = row_classifier(trained(recipe).average)
        logits = network.after_each_row(as_rows(shown.images))
        assert torch.allclose(logits[:, -1], network(as_rows(shown.images)), atol=1e-5)
        right[weight] = (logits[:, 19].argmax(dim=1) == shown.labels).double().mean().item()
    assert right[1.0] > right[0.0] + 0.1


def test_a_shift_moves_by_pixels() -> None:
    rows = torch.zeros(64, 28, 28)
    rows[:, 14, 14] = 1.0
    settings = Augmentation(rotation=0.0, scale=0.0, shear=0.0, shift=3.0)
    moved = warp(rows, settings, torch.Generator().manual_seed(0))
    centres = torch.stack([(image > 0).nonzero().double().mean(0) for image in moved]) - 14
    assert 2.0 < centres.abs().max() <= 3.6
