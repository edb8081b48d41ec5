"""A stream of rows is proven to read as the whole graph does, and what is planted is caught."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from models import manifest
from models.manifest import FILENAME, Manifest
from tests.support.training.samples import digits, row_classifier, small_recipe, trained, unproven
from training.data.datasets import DataSet, Split
from training.networks.configuration import RecurrentConfig
from training.networks.modules import RowClassifier
from training.networks.row_streams import row_stream, zero_states
from training.parity.candidates import ParityCandidate, stream_candidate
from training.parity.proof import ParityReport, prove
from training.parity.tasks import BATCH_SIZES
from training.publication.model_export import describe, write_forms

RECIPE = small_recipe("lstm", epochs=1)


def few() -> DataSet:
    """Twenty test images; every form still reads them at every batch size."""
    known = digits()
    test = Split(known.test.images[:20], known.test.labels[:20])
    return DataSet(known.name, known.train, known.validation, test, known.digests)


@pytest.fixture(scope="module")
def network() -> RowClassifier:
    return row_classifier(trained(RECIPE).average).eval().requires_grad_(False)


@pytest.fixture
def candidate(network: RowClassifier) -> ParityCandidate:
    return stream_candidate("lstm", network, few())


def exported(candidate: ParityCandidate, network: RowClassifier, folder: Path) -> Manifest:
    described = describe(
        unproven(RECIPE, network), candidate, write_forms(candidate.network, folder)
    )
    (folder / FILENAME).write_text(described.to_json())
    return described


def proven(candidate: ParityCandidate, folder: Path, described: Manifest) -> ParityReport:
    return prove(candidate.network, folder, described, candidate.task, cuda=False)


@pytest.mark.parametrize(("cell", "layers"), [("rnn", 2), ("gru", 1), ("lstm", 1), ("lstm", 2)])
def test_rows_in_any_cut_are_read_as_the_whole_by_every_form(
    cell: str, layers: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    config = RecurrentConfig(cell=cell, hidden_size=8, num_layers=layers, normalised=True)  # type: ignore[arg-type]
    network = RowClassifier(config).eval().requires_grad_(False)
    candidate = stream_candidate("x", network, few())
    described = exported(candidate, network, tmp_path)
    names = ["hidden", "cell"] if cell == "lstm" else ["hidden"]
    assert [state.input for state in described.states] == names
    assert [state.output for state in described.states] == [f"next_{name}" for name in names]
    assert described.inputs[0].dims == ("batch", "steps", 28)
    assert described.inputs[1].dims == ("batch", layers, 8)
    report = proven(candidate, tmp_path, described)
    assert report.failures == []
    rows = [(row.backend, row.batch_size) for row in report.rows]
    forms = ("eager", "onnxruntime", "torchscript")
    assert rows == [(form, size) for form in forms for size in BATCH_SIZES]
    for row in report.rows:
        assert (row.agreed, row.n) == (20, 20)
        if row.batch_size == max(BATCH_SIZES):  # where every image is read in every cut
            assert row.by_row is not None
            assert len(row.by_row) == 28
            assert max(row.by_row) <= row.max_difference <= 1e-4
            assert row.growth == pytest.approx(1, abs=0.5)


def plant(folder: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    model = onnx.load(folder / "model.onnx")
    change(model)
    onnx.save(model, folder / "model.onnx")


def test_a_state_that_is_not_handed_on_is_caught_though_all_rows_at_once_are_right(
    candidate: ParityCandidate, network: RowClassifier, tmp_path: Path
) -> None:
    described = exported(candidate, network, tmp_path)

    def give_back_what_came(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            if "next_cell" in node.output:
                node.CopyFrom(helper.make_node("Identity", ["cell"], ["next_cell"]))

    plant(tmp_path, give_back_what_came)
    report = proven(candidate, tmp_path, described)
    assert {"values", "growth"} <= {failure.check for failure in report.failures}
    assert all("onnxruntime" in failure.form for failure in report.failures)
    values = [str(failure) for failure in report.failures if "logits" in str(failure)]
    assert any("logits, one by one" in value for value in values)
    assert not any("logits, at once" in value for value in values)


def test_a_difference_that_grows_with_each_hand_over_is_caught_though_it_is_still_small(
    candidate: ParityCandidate, network: RowClassifier, tmp_path: Path
) -> None:
    described = exported(candidate, network, tmp_path)

    def lose_a_little(model: onnx.ModelProto) -> None:
        [node] = [node for node in model.graph.node if "next_cell" in node.output]
        node.output[0] = "whole"
        model.graph.node.append(helper.make_node("Mul", ["whole", "nearly"], ["next_cell"]))
        model.graph.initializer.append(
            numpy_helper.from_array(np.array(1 - 9e-7, np.float32), "nearly")
        )

    plant(tmp_path, lose_a_little)
    report = proven(candidate, tmp_path, described)
    assert [failure.check for failure in report.failures] == ["growth"]
    assert "when the rows come one by one, allowed is 3" in str(report.failures[0])


def test_the_decisions_are_those_of_the_whole_graph(
    network: RowClassifier, candidate: ParityCandidate, tmp_path: Path
) -> None:
    """Every form of the stream agrees, but it is the stream of another network."""
    other = row_classifier(trained(small_recipe("lstm", epochs=1, seed=3)).average)
    stream = ParityCandidate(
        name=candidate.name, network=row_stream(other), task=candidate.task, whole="lstm"
    )
    described = exported(stream, network, tmp_path)
    report = proven(stream, tmp_path, described)
    assert "decisions" in {failure.check for failure in report.failures}
    assert {failure.form for failure in report.failures} > {"eager on cpu"}


def test_a_published_stream_is_described_by_its_rows(
    candidate: ParityCandidate, network: RowClassifier, tmp_path: Path
) -> None:
    """A manifest that says that it reads rows says what they are worth, and of which model."""
    folder = tmp_path / "lstm-rows"
    folder.mkdir()
    exported(candidate, network, folder)
    path = folder / FILENAME
    path.write_text(path.read_text().replace('"task": "classify"', '"task": "classify_rows"'))
    with pytest.raises(manifest.ManifestError, match="only one that reads rows has row_reading"):
        manifest.read(folder)


def test_a_network_that_reads_out_all_states_has_no_stream() -> None:
    config = RecurrentConfig(cell="rnn", hidden_size=4, readout="flat")
    with pytest.raises(ValueError, match="decides after the last row only"):
        row_stream(RowClassifier(config))


def test_the_stream_is_the_network_itself(network: RowClassifier) -> None:
    rows = torch.rand(3, 28, 28)
    stream = row_stream(network)
    logits, *_ = stream(rows, *zero_states(stream, 3))
    torch.testing.assert_close(logits[:, -1], network(rows), rtol=0, atol=1e-6)
