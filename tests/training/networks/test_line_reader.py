"""The reader of lines: every form of it reads strips of any width alike, and it learns."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from models.transcription import CLASSES
from training.errors import RecipeError
from training.graphs.onnx_graph import build as build_graph
from training.graphs.torchscript import write_torchscript
from training.networks.configuration import LineReaderConfig
from training.networks.line_reader import LineReader, fold_norms
from training.networks.modules import build


def network(**changes: Any) -> LineReader:
    """A small reader whose running means are not those that it begins with."""
    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "cell": "lstm",
        "hidden_size": 12,
        "stages": ((4,), (6,), (6, 8)),
        "features": 10,
        "dropout": 0.2,
    }
    made = build(LineReaderConfig(**{**settings, **changes}))
    assert isinstance(made, LineReader)
    for _ in range(3):
        made(torch.rand(4, 32, 60))
    for parameter in made.parameters():
        parameter.data += torch.randn_like(parameter) * 0.2
    return made.eval().requires_grad_(False)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 2])
def test_every_form_reads_strips_of_any_width_and_number(
    cell: str, layers: int, tmp_path: Path
) -> None:
    eager = network(cell=cell, num_layers=layers)
    session = onnxruntime.InferenceSession(
        build_graph(eager).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    write_torchscript(eager, tmp_path / "model.pt")
    with pytest.warns(FutureWarning, match=r"torch\.jit\.load"):
        script = torch.jit.load(tmp_path / "model.pt")
    random = np.random.default_rng(0)
    for batch, width in ((1, 1), (3, 24), (2, 161), (7, 90), (1, 1024)):
        strips = random.random((batch, 32, width), np.float32)
        expected = eager(torch.from_numpy(strips)).numpy()
        assert expected.shape == (batch, (width + 1) // 2, CLASSES)
        np.testing.assert_allclose(expected.sum(2), 1, atol=1e-5)
        (found,) = session.run(["probabilities"], {"strips": strips})
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        scripted = script(torch.from_numpy(strips)).numpy()
        np.testing.assert_allclose(scripted, expected, rtol=0, atol=1e-5)


def test_strips_that_share_a_batch_are_read_as_alone() -> None:
    eager = network()
    strips = torch.rand(5, 32, 77)
    together = eager(strips)
    for index in range(5):
        torch.testing.assert_close(together[index], eager(strips[index : index + 1])[0])


def test_a_step_knows_what_stands_before_and_behind_it() -> None:
    eager = network()
    strips = torch.rand(1, 32, 80)
    for changed in (slice(0, 4), slice(76, 80)):
        other = strips.clone()
        other[:, :, changed] = 1 - other[:, :, changed]
        assert not torch.allclose(eager(strips)[0, 20], eager(other)[0, 20], atol=1e-7)


@pytest.mark.parametrize(
    "changes", [{"stages": ((4,), (6,))}, {"stages": ((4,), (), (6,))}, {"cell": "rnn"}]
)
def test_what_cannot_be_built_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RecipeError):
        network(**changes)


def test_a_reader_without_batch_normalisations_reads_alike() -> None:
    eager = network(num_layers=2)
    folded = fold_norms(eager)
    assert any(isinstance(layer, torch.nn.BatchNorm2d) for layer in eager.front)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in folded.front)
    strips = torch.rand(3, 32, 90)
    torch.testing.assert_close(folded(strips), eager(strips), rtol=0, atol=1e-5)
