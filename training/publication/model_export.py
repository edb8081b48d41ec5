"""Export a trained model: write all forms of its graphs, and publish them if all are proven.

Graphs that belong together are moved one after the other, each in one step.
"""

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch

from models import transcription
from models.manifest import FILENAME, File, Manifest, Metric, RowReading
from models.publish import publish, staging
from training.graphs.onnx_graph import write_onnx
from training.graphs.torchscript import write_torchscript
from training.networks.configuration import CLASSES
from training.networks.interface import interface
from training.parity.candidates import ParityCandidate
from training.parity.proof import ParityReport, prove
from training.publication import provenance
from training.publication.trained_model import TrainedModel
from training.recipes.plain import score_name


def export_model(trained: TrainedModel, models_dir: Path, *, cuda: bool) -> dict[str, list[str]]:
    """Publish every graph of `trained` in `models_dir` if all of them are proven.

    Args:
        trained: the model.
        models_dir: where models are published.
        cuda: whether to prove the forms on CUDA, too.

    Returns:
        What failed, by graph; empty if all were published.

    Raises:
        PublishError: something that was not published lies in a graph's place.
        OSError: the disk is full, or `models_dir` cannot be written.

    """
    failed: dict[str, list[str]] = {}
    with contextlib.ExitStack() as stack:
        staged = {
            candidate.name: stack.enter_context(staging(models_dir, candidate.name))
            for candidate in trained.candidates
        }
        for candidate in trained.candidates:
            if failures := _prepare(trained, candidate, staged, cuda=cuda):
                failed[candidate.name] = failures
        if failed:
            return failed
        for name, folder in staged.items():
            publish(folder, models_dir / name)
            print(f"published {models_dir / name}")
    return {}


def write_forms(network: torch.nn.Module, folder: Path) -> tuple[File, ...]:
    """Write every form of `network`, which is in eval mode, into `folder`."""
    onnx_path, script_path = folder / "model.onnx", folder / "model.pt"
    write_onnx(network, onnx_path)
    opset = onnx.load(onnx_path).opset_import[0].version
    write_torchscript(network, script_path)
    return (File.of(onnx_path, "onnx", opset), File.of(script_path, "torchscript"))


def describe(
    trained: TrainedModel,
    candidate: ParityCandidate,
    files: tuple[File, ...],
    row_reading: RowReading | None = None,
) -> Manifest:
    """The manifest of a graph that is not proven yet; a row stream has its `row_reading`."""
    graph = interface(candidate.network)
    labels = {"classify": tuple(map(str, range(CLASSES))), "transcribe": transcription.LABELS}
    return Manifest(
        name=candidate.name,
        task="classify_rows" if row_reading else trained.task,
        recipe=trained.recipe,
        labels=labels.get(trained.task, ()),
        inputs=graph.inputs,
        outputs=graph.outputs,
        states=graph.states,
        files=files,
        metrics=trained.metrics,
        parity=(),
        calibration=trained.calibration,
        row_reading=row_reading,
        provenance={**trained.provenance, **provenance.of_export()},
    )


def _prepare(
    trained: TrainedModel, candidate: ParityCandidate, staged: Mapping[str, Path], *, cuda: bool
) -> list[str]:
    """Write a graph and its manifest into its folder and prove it; returns what failed.

    `staged` holds the folders of all graphs of `trained`, those before this one complete.
    """
    folder = staged[candidate.name]
    files = write_forms(candidate.network, folder)
    reading = None
    if candidate.whole and trained.row_scores:
        whole = File.of(staged[candidate.whole] / "model.onnx", "onnx")
        reading = trained.row_scores.reading(candidate.whole, whole.sha256)
    unproven = describe(trained, candidate, files, reading)
    report = prove(candidate.network, folder, unproven, candidate.task, cuda=cuda)
    print(f"\n{candidate.name}\n{report.table()}")
    failures = [str(failure) for failure in report.failures] + _out_of_bound(trained, report)
    if not failures:
        name, n = score_name(trained.task), report.rows[0].n
        tested = Metric(split="test", name=name, value=report.score, n=n)
        proven = dataclasses.replace(
            unproven, metrics=(*unproven.metrics, tested), parity=tuple(report.rows)
        )
        (folder / FILENAME).write_text(proven.to_json(), encoding="utf-8")
    return failures


def _out_of_bound(trained: TrainedModel, report: ParityReport) -> list[str]:
    """What is wrong with the score on the test images, if it is worse than the recipe allows."""
    bound = trained.bound
    if not report.rows or bound is None:
        return []
    dataset = trained.provenance["dataset"]
    scored = trained.task in ("classify", "transcribe")
    if scored and report.score < bound:
        found = f"floor: test accuracy is {report.score:.2%}, "
        asked = f"at least {bound:.2%} on {dataset}"
    elif not scored and not report.score <= bound:
        found = f"ceiling: the test's mean squared error is {report.score:.4f}, "
        asked = f"at most {bound:.4f} on {dataset}"
    else:
        return []
    return [
        f"{found}the recipe {trained.recipe['name']!r} asks for {asked}; train it better before "
        "publishing it"
    ]
