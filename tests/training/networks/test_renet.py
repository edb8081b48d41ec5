"""ReNet: reads its patches in both directions, learns with all its weights, and can be restored."""

import copy
from typing import Any

import pytest
import torch
from torch.nn import functional

from tests.support.training.samples import digits, same_weights
from training.data.datasets import as_rows
from training.errors import RecipeError
from training.networks.configuration import ReNetConfig
from training.networks.modules import Patches, ReNetClassifier, build


def network(**changes: Any) -> ReNetClassifier:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"cell": "lstm", "hidden_sizes": (8, 12)}
    return ReNetClassifier(ReNetConfig(**{**settings, **changes}))


@pytest.mark.parametrize("hidden_sizes", [(8,), (8, 12)])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_its_configuration_builds_it(cell: str, hidden_sizes: tuple[int, ...]) -> None:
    made = build(ReNetConfig(cell=cell, hidden_sizes=hidden_sizes))  # type: ignore[arg-type]
    assert isinstance(made, ReNetClassifier)
    for batch in (1, 2, 7):
        assert made(torch.rand(batch, 28, 28)).shape == (batch, 10)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_it_learns_with_all_its_weights(cell: str) -> None:
    made = network(cell=cell)
    before = copy.deepcopy(made.state_dict())
    train = digits().train
    rows, labels = as_rows(train.images[:64]), train.labels[:64]
    optimizer = torch.optim.AdamW(made.parameters(), lr=1e-2)
    losses = []
    for _ in range(15):
        loss = functional.cross_entropy(made(rows), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    for name, parameter in made.named_parameters():
        changed = parameter.detach() != before[name]
        assert changed.double().mean() > 0.95, name


def test_a_state_dict_restores_its_logits() -> None:
    trained, other = network().eval(), network().eval()
    for parameter in trained.parameters():
        parameter.data += torch.randn_like(parameter) * 0.3
    rows = torch.rand(3, 28, 28)
    assert not torch.equal(trained(rows), other(rows))
    other.load_state_dict(trained.state_dict())
    assert same_weights(trained, other)
    assert torch.equal(trained(rows), other(rows))


def test_every_pixel_reaches_every_state_of_the_map() -> None:
    made = network(hidden_sizes=(8,)).eval()
    rows = torch.rand(1, 28, 28)
    patches = made.grid(made.windows(rows.unsqueeze(1))).permute(3, 0, 2, 1)
    for row, column in ((0, 0), (0, 13), (13, 0), (13, 13)):
        changed = patches.clone()
        changed[column, :, row] += 1
        moved = made.stages(changed) != made.stages(patches)  # (14 rows, 1, 14 columns, 2 * 8)
        assert moved.any(dim=3).all()


@pytest.mark.parametrize("margin", [0, 1, 2])
def test_a_patch_is_a_place_of_the_picture_with_its_margin(margin: int) -> None:
    made = network(margin=margin)
    rows = torch.rand(2, 28, 28)
    patches = made.grid(made.windows(rows.unsqueeze(1)))  # (2, window * window, 14, 14)
    row, column = 5, 9
    top, left, window = 2 * row - margin, 2 * column - margin, 2 + 2 * margin
    expected = rows[:, top : top + window, left : left + window].flatten(1)
    assert torch.equal(patches[:, :, row, column], expected)


def test_neighbouring_states_make_one_patch() -> None:
    states = torch.arange(4 * 6 * 3.0).reshape(4, 1, 6, 3)  # (rows, B, columns, n)
    joined = Patches()(states)
    assert joined.shape == (3, 1, 2, 12)  # (columns / 2, B, rows / 2, 4 * n)
    expected = states[2:4, 0, 4:6].flatten()
    assert torch.equal(joined[2, 0, 1], expected)


def test_dropout_is_for_training_alone() -> None:
    made = network(dropout=0.5)
    rows = torch.rand(2, 28, 28)
    assert not torch.equal(made(rows), made(rows))
    made.eval()
    assert torch.equal(made(rows), made(rows))
    assert torch.equal(made(rows), network().eval()(rows))


def test_it_starts_like_the_other_networks() -> None:
    made = network()
    recurrent = dict(made.named_parameters())
    for way in ("", "_reverse"):
        gates = recurrent[f"stages.2.down.weight_hh_l0{way}"].detach().split(12)
        for gate in gates:
            torch.testing.assert_close(gate @ gate.T, torch.eye(12), rtol=0, atol=1e-5)
        bias = recurrent[f"stages.2.down.bias_ih_l0{way}"].detach()
        assert bias.tolist() == [0.0] * 12 + [1.0] * 12 + [0.0] * 24  # the forget gate's are 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "rnn"}, "cell is 'rnn', expected one of gru, lstm"),
        ({"hidden_sizes": (0,)}, r"hidden_sizes is \(0,\), expected a number in"),
        ({"hidden_sizes": ()}, r"hidden_sizes is \(\), expected one or two"),
        ({"hidden_sizes": (8, 8, 8)}, "expected one or two"),
        ({"margin": 3}, "margin is 3, expected one of 0, 1, 2"),
        ({"dropout": 1.0}, "dropout is 1.0, expected a number in"),
    ],
)
def test_a_field_outside_its_range_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        network(**changes)
