"""Prove the proof: what is planted in an exported file is caught, by name."""

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from models.manifest import File, Manifest
from tests.support.training.samples import row_classifier, small_recipe, trained, unproven
from training.graphs.torchscript import write_torchscript
from training.networks.modules import RowClassifier
from training.parity import proof
from training.parity.proof import ParityReport, prove
from training.parity.structure import Failure
from training.parity.tasks import BATCH_SIZES
from training.publication.model_export import describe, write_forms
from training.recipes.shipped import Recipe

RECIPE = small_recipe("lstm", epochs=1)


@pytest.fixture(scope="module")
def network() -> RowClassifier:
    trainer = trained(RECIPE)
    return row_classifier(trainer.average)


@dataclasses.dataclass
class Exported:
    """A freshly exported folder whose manifest is not proven yet."""

    folder: Path
    network: RowClassifier

    def edit(self, change: Callable[[onnx.ModelProto], None]) -> None:
        """Plant `change` in the ONNX file."""
        model = onnx.load(self.folder / "model.onnx")
        change(model)
        onnx.save(model, self.folder / "model.onnx")

    def manifest(self, recipe: Recipe = RECIPE) -> Manifest:
        files = (
            File.of(self.folder / "model.onnx", "onnx", 17),
            File.of(self.folder / "model.pt", "torchscript"),
        )
        run = unproven(recipe, self.network)
        return describe(run, run.candidates[0], files)

    def prove(self, manifest: Manifest | None = None) -> ParityReport:
        [candidate] = unproven(RECIPE, self.network).candidates
        described = manifest or self.manifest()
        return prove(self.network, self.folder, described, candidate.task, cuda=False)


@pytest.fixture
def exported(tmp_path: Path, network: RowClassifier) -> Exported:
    write_forms(network, tmp_path)
    return Exported(tmp_path, network)


def constant(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    found: dict[str, onnx.TensorProto] = {t.name: t for t in model.graph.initializer}
    return found[name]


def replace(tensor: onnx.TensorProto, array: np.ndarray) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))


def checks(report: ParityReport) -> list[str]:
    """The checks that failed, once each, in the order of the report."""
    return list(dict.fromkeys(failure.check for failure in report.failures))


def test_an_honest_export_passes_every_form_at_every_batch_size(exported: Exported) -> None:
    report = exported.prove()
    assert report.failures == []
    rows = [(row.backend, row.batch_size) for row in report.rows]
    forms = ("eager", "onnxruntime", "torchscript")
    others = [row for row in rows if row[0] != "openvino"]
    assert others == [(form, size) for form in forms for size in BATCH_SIZES]
    for row in report.rows:
        if "bf16" in row.provider:
            continue  # it is proven by the share of decisions
        assert row.max_difference <= 1e-4
        assert (row.agreed, row.n) == (360, 360)
        assert row.accuracy == report.score


def test_the_table_shows_every_row(exported: Exported) -> None:
    report = exported.prove()
    table = report.table().splitlines()
    assert len(table) == 1 + len(report.rows) + len(report.notes)
    assert len(report.rows) >= 3 * len(BATCH_SIZES)
    assert "360 of 360" in table[1]


def test_openvino_is_proven_where_it_is_installed(exported: Exported) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install '.[openvino]'")
    rows = [row for row in exported.prove().rows if row.backend == "openvino"]
    by_provider = {row.provider: row for row in rows}
    assert by_provider["OpenVINO, f32"].max_difference <= 1e-4
    assert len(rows) == len(by_provider) * len(BATCH_SIZES)
    for row in rows:
        assert row.agreed is not None
        assert row.n - row.agreed <= proof.REDUCED_SHARE * row.n


def test_what_openvino_does_otherwise_is_not_proven_and_holds_up_nobody(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install '.[openvino]'")
    monkeypatch.setattr(proof, "_too_many_differ", lambda rows: [Failure("decisions", "it", "no")])
    report = exported.prove()
    assert report.failures == []
    kept = {row.provider for row in report.rows if row.backend == "openvino"}
    assert kept == {"OpenVINO, f32"}


def test_a_wrong_weight_is_caught_by_name(exported: Exported) -> None:
    def plant(model: onnx.ModelProto) -> None:
        tensor = constant(model, "layer0.R")
        weights = numpy_helper.to_array(tensor).copy()
        weights[0, 3, 5] += 1.0
        replace(tensor, weights)

    exported.edit(plant)
    report = exported.prove()
    assert checks(report)[:2] == ["weights", "values"]
    assert "layer0.R differs from the network's in 1 of" in str(report.failures[0])
    assert any("onnxruntime" in str(failure) for failure in report.failures)


def test_a_swapped_gate_order_is_caught_by_name(exported: Exported) -> None:
    def plant(model: onnx.ModelProto) -> None:
        for name in ("layer0.W", "layer0.R"):
            tensor = constant(model, name)
            gates = np.split(numpy_helper.to_array(tensor), 4, axis=1)
            replace(tensor, np.concatenate([gates[i] for i in (0, 2, 1, 3)], axis=1))

    exported.edit(plant)
    report = exported.prove()
    assert checks(report) == ["weights", "values", "decisions", "accuracy"]
    assert "layer0.W has its gates in the order [0, 2, 1, 3]" in str(report.failures[0])
    assert "layer0.R has its gates in the order [0, 2, 1, 3]" in str(report.failures[1])


def test_a_frozen_batch_axis_is_caught_by_name(exported: Exported) -> None:
    def plant(model: onnx.ModelProto) -> None:
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = 2

    exported.edit(plant)
    report = exported.prove()
    assert checks(report)[0] == "axes"
    assert "rows has axes (2, 28, 28)" in str(report.failures[0])
    assert "a free axis is frozen" in str(report.failures[0])


def test_a_wrong_output_name_is_caught_by_name(exported: Exported) -> None:
    def plant(model: onnx.ModelProto) -> None:
        model.graph.output[0].name = "scores"
        model.graph.node[-1].output[0] = "scores"

    exported.edit(plant)
    report = exported.prove()
    assert checks(report)[0] == "names"
    assert "outputs are ['scores'], expected ['logits']" in str(report.failures[0])


def test_a_missing_constant_is_caught_by_name(exported: Exported) -> None:
    def plant(model: onnx.ModelProto) -> None:
        tensor = constant(model, "head.bias")
        for node in model.graph.node:
            for index, name in enumerate(node.input):
                if name == "head.bias":
                    node.input[index] = "bias"
        tensor.name = "bias"

    exported.edit(plant)
    assert "weights: onnx: head.bias is missing" in str(exported.prove().failures[0])


def test_a_graph_that_onnx_refuses_is_caught(exported: Exported) -> None:
    exported.edit(lambda model: model.graph.node[3].attribute.pop())  # LSTM's hidden_size
    report = exported.prove()
    assert report.failures


def test_wrong_torchscript_is_caught_where_onnx_passes(exported: Exported) -> None:
    other = copy.deepcopy(exported.network)
    other.head.weight.data = other.head.weight.data.roll(1, 0)
    write_torchscript(other, exported.folder / "model.pt")
    report = exported.prove()
    assert checks(report) == ["values", "decisions", "accuracy"]
    assert all("torchscript" in failure.form for failure in report.failures)


def test_a_torchscript_input_of_another_name_is_caught(exported: Exported) -> None:
    manifest = exported.manifest()
    renamed = (dataclasses.replace(manifest.inputs[0], name="pixels"),)
    manifest = dataclasses.replace(manifest, inputs=renamed)
    report = exported.prove(manifest)
    named = [str(failure) for failure in report.failures if failure.check == "names"]
    assert "names: onnx: inputs are ['rows'], expected ['pixels']" in named
    assert "names: torchscript: inputs are ['rows'], expected ['pixels']" in named


def test_all_failures_are_collected_not_only_the_first(exported: Exported) -> None:
    def plant(model: onnx.ModelProto) -> None:
        model.graph.output[0].name = "scores"
        model.graph.node[-1].output[0] = "scores"
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
        tensor = constant(model, "head.bias")
        replace(tensor, numpy_helper.to_array(tensor) + 1)

    exported.edit(plant)
    assert checks(exported.prove())[:3] == ["names", "axes", "weights"]
