"""The weights of a published network come back from its ONNX file."""

from pathlib import Path

import pytest
import torch

from tests.support.training.samples import small_recipe
from training.errors import PublishedModelError
from training.graphs.onnx_graph import write_onnx
from training.graphs.onnx_weights import read_weights
from training.networks.modules import build
from training.recipes.shipped import Recipe

RECIPES = {
    "lstm": small_recipe("lstm", num_layers=2),
    "gru": small_recipe("gru"),
    "rnn": small_recipe("rnn", num_layers=2),
    "renet": small_recipe("gru", renet=(4, 6), row_weight=0.0),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_what_is_read_computes_the_same_and_is_written_the_same(
    tmp_path: Path, recipe: Recipe
) -> None:
    network, other = (build(recipe.network).eval() for _ in range(2))
    rows = torch.rand(5, 28, 28)
    write_onnx(network, tmp_path / "model.onnx")
    read_weights(tmp_path / "model.onnx", other)
    with torch.inference_mode():
        assert torch.allclose(network(rows), other(rows), rtol=0, atol=1e-5)
    write_onnx(other, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "model.onnx").read_bytes()


def test_the_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    write_onnx(build(small_recipe("lstm", hidden_size=8).network), tmp_path / "model.onnx")
    network = build(small_recipe("lstm").network)
    with pytest.raises(PublishedModelError, match="was not written of the network"):
        read_weights(tmp_path / "model.onnx", network)
