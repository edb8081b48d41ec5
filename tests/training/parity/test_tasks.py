"""Every tutorial's network is exported and proven by its task, and what is planted is caught."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from models import manifest
from models.manifest import FILENAME, Manifest, State
from tests.support.training.samples import CPU, digits
from training.data.datasets import DataSet, Split
from training.data.sine_windows import windows
from training.graphs.onnx_graph import build
from training.networks.modules import Autoencoder, SequenceRegressor
from training.networks.modules import build as build_network
from training.parity.candidates import ParityCandidate, parity_candidates
from training.parity.proof import ParityReport, prove
from training.parity.tasks import BATCH_SIZES, ParityTask, RolloutParity
from training.publication.model_export import describe, write_forms
from training.publication.trained_model import TrainedModel
from training.recipes.tutorials import TUTORIALS
from training.trainers.plain_trainer import PlainTrainer

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


def few() -> DataSet:
    """Twenty test images; every form still reads them at every batch size."""
    known = digits()
    return dataclasses.replace(known, test=Split(known.test.images[:20], known.test.labels[:20]))


def trained_network(name: str) -> nn.Module:
    """The tutorial's network after one epoch of two steps."""
    recipe = dataclasses.replace(TUTORIALS[name].recipe, batch_size=190, epochs=1)
    trainer = PlainTrainer(recipe, digits(), CPU)
    trainer.run()
    return trainer.network.eval().requires_grad_(False)


def trained(name: str, network: nn.Module) -> TrainedModel:
    return TrainedModel(
        task=TUTORIALS[name].recipe.task,
        recipe=TUTORIALS[name].recipe.to_dict(),
        candidates=parity_candidates(name, network, few()),
        bound=None,
        provenance={},
    )


def exported(run: TrainedModel, candidate: ParityCandidate, folder: Path) -> Manifest:
    folder.mkdir()
    described = describe(run, candidate, write_forms(candidate.network, folder))
    (folder / FILENAME).write_text(described.to_json())
    return described


def proven(
    candidate: ParityCandidate, folder: Path, described: Manifest, task: ParityTask | None = None
) -> ParityReport:
    return prove(candidate.network, folder, described, task or candidate.task, cuda=False)


@pytest.mark.parametrize("name", TUTORIALS)
def test_every_recipe_exports_and_proves_parity(name: str, tmp_path: Path) -> None:
    run = trained(name, trained_network(name))
    for candidate in run.candidates:
        folder = tmp_path / candidate.name
        described = exported(run, candidate, folder)
        assert manifest.read(folder) == described
        report = proven(candidate, folder, described)
        assert report.failures == []
        forms = ("eager", "onnxruntime", "torchscript")
        rows = [row for row in report.rows if row.backend in forms]
        assert [(row.backend, row.batch_size) for row in rows] == [
            (form, size) for form in forms for size in BATCH_SIZES
        ]
        for row in rows:
            assert row.max_difference <= 1e-4
            assert (row.accuracy is None) == (run.task != "classify")
            assert (row.growth is None) == (run.task != "regress")
        assert len(report.table().splitlines()) == 1 + len(report.rows) + len(report.notes)


def test_an_autoencoder_is_published_whole_and_in_halves() -> None:
    whole, encoder, decoder = trained("autoencoder", trained_network("autoencoder")).candidates
    graphs = {c.name: build(c.network).graph for c in (whole, encoder, decoder)}
    assert {
        name: ([value.name for value in graph.input], [value.name for value in graph.output])
        for name, graph in graphs.items()
    } == {
        "autoencoder": (["rows"], ["code", "reconstruction"]),
        "autoencoder-encoder": (["rows"], ["code"]),
        "autoencoder-decoder": (["code"], ["reconstruction"]),
    }


def test_no_graph_builds_shapes() -> None:
    """A state made of the batch's size, or a frozen axis, would be seen here."""
    for tutorial in TUTORIALS.values():
        network = build_network(tutorial.recipe.network).eval()
        operators = {node.op_type for node in build(network).graph.node}
        assert not operators & {"Shape", "Expand", "ConstantOfShape", "Loop", "Scan", "If"}


def test_a_flat_readout_is_the_same_in_both_forms() -> None:
    import onnxruntime

    network = build_network(TUTORIALS["rnn-256-flat"].recipe.network).eval()
    relu = build_network(TUTORIALS["relu-rnn-100"].recipe.network).eval()
    rows = np.random.default_rng(0).random((3, 28, 28), np.float32)
    for one in (network, relu):
        with torch.inference_mode():
            expected = one(torch.from_numpy(rows)).numpy()
        for form in ("unrolled", "one_node"):
            model = build(one, form).SerializeToString()
            session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
            np.testing.assert_allclose(session.run(None, {"rows": rows})[0], expected, atol=1e-5)


class TestReconstruction:
    """An autoencoder's graphs, with something planted in one of them."""

    def check(self, place: int, tmp_path: Path, plant: Callable[[onnx.ModelProto], None]) -> None:
        run = trained("autoencoder", trained_network("autoencoder"))
        candidate = run.candidates[place]
        described = exported(run, candidate, tmp_path / candidate.name)
        path = tmp_path / candidate.name / "model.onnx"
        model = onnx.load(path)
        plant(model)
        onnx.save(model, path)
        report = proven(candidate, path.parent, described)
        checks = {failure.check for failure in report.failures}
        assert {"weights", "values", "error"} <= checks
        assert "the mean squared error is" in str(report.failures[-1])
        assert all("onnx" in failure.form for failure in report.failures)

    def test_a_wrong_code_is_caught_by_the_picture_that_it_stands_for(self, tmp_path: Path) -> None:
        self.check(1, tmp_path, lambda model: shift(model, "encoder.6.bias", 2.0))

    def test_a_wrong_picture_is_caught(self, tmp_path: Path) -> None:
        self.check(2, tmp_path, lambda model: shift(model, "decoder.6.bias", 0.5))


class TestRollout:
    """A graph that carries state, with something planted in it."""

    @pytest.fixture
    def run(self) -> TrainedModel:
        return trained("sine", trained_network("sine"))

    def test_a_state_that_is_not_handed_on_is_caught(
        self, run: TrainedModel, tmp_path: Path
    ) -> None:
        """One window alone would pass: the graph gives out the state that it was given."""
        [candidate] = run.candidates
        described = exported(run, candidate, tmp_path / "sine")
        path = tmp_path / "sine" / "model.onnx"
        model = onnx.load(path)
        for node in model.graph.node:
            if "next_state" in node.output:
                node.op_type = "Identity"
                del node.input[:]
                node.input.append("state")
        onnx.save(model, path)
        report = proven(candidate, path.parent, described)
        assert {"values", "error"} <= {failure.check for failure in report.failures}

    def test_a_difference_that_grows_is_caught_though_it_is_still_small(
        self, run: TrainedModel
    ) -> None:
        values, targets = (part.numpy()[:, np.newaxis] for part in windows(0, 1_000))
        task = RolloutParity(values, targets, State(input="state", output="next_state"), 32)
        drift = np.linspace(0, 5e-5, len(targets), dtype=np.float32).reshape(-1, 1, 1, 1)
        verdict = task.judge({"predictions": targets + drift}, {"predictions": targets})
        assert [check for check, _ in verdict.problems] == ["error", "growth"]
        assert "grows" in verdict.problems[-1][1]
        assert "over 1,000 windows" in verdict.problems[-1][1]
        steady = np.float32(5e-5)
        verdict = task.judge({"predictions": targets + steady}, {"predictions": targets})
        assert verdict.growth == pytest.approx(1.0)

    def test_the_state_carries_what_one_long_call_would(self, run: TrainedModel) -> None:
        network = run.candidates[0].network
        assert isinstance(network, SequenceRegressor)
        values = torch.rand(2, 30, 1)
        state = torch.zeros(2, 32)
        whole, last = network(values, state)
        parts = []
        for part in values.split(10, dim=1):
            prediction, state = network(part, state)
            parts.append(prediction)
        torch.testing.assert_close(torch.cat(parts, dim=1), whole)
        torch.testing.assert_close(state, last)


def test_the_two_halves_make_the_whole() -> None:
    network = trained_network("autoencoder")
    assert isinstance(network, Autoencoder)
    rows = torch.rand(4, 28, 28)
    code, picture = network(rows)
    assert code.shape == (4, 3)
    assert torch.equal(picture, network.decoder(network.encoder(rows)))
    assert 0 < picture.min() < picture.max() < 1


def shift(model: onnx.ModelProto, name: str, by: float) -> None:
    """Add `by` to the constant `name`."""
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    values = numpy_helper.to_array(tensor) + np.float32(by)
    tensor.CopyFrom(numpy_helper.from_array(values, name))
