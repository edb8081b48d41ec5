"""Export, prove and publish models: `python -m training.export`, what ships by default.

For each name: train it if it has no finished run, write ONNX and TorchScript beside the place where
models are published, prove both against the eager network, and only then move them into
`MODELS_DIR/NAME/` in one step. When anything fails, everything that failed is listed, the exit
status is 1, and what was published before stays.
"""

import argparse
import contextlib
import dataclasses
import sys
from pathlib import Path

import onnx
import torch

import models
from models.manifest import FILENAME, File, Manifest, Metric
from models.publish import publish, staging
from training.command_line import (
    INTERRUPTED,
    DeviceError,
    add_options,
    choose_device,
    describe_recipes,
    needs_data,
    recipe_name,
)
from training.data.datasets import DataError, DataSet, load
from training.graphs.onnx_graph import write_onnx
from training.graphs.torchscript import write_torchscript
from training.networks.configuration import CLASSES
from training.networks.interface import interface
from training.parity.candidates import Candidate
from training.parity.proof import ParityReport, prove
from training.recipes.shipped import RECIPES, recipe_for
from training.recipes.tutorials import TUTORIALS
from training.runs import provenance
from training.runs.checkpoint import CheckpointError
from training.runs.finished import Trained, from_recipe, from_tutorial, score_name
from training.trainers.trainer import TrainingDiverged

# The classifiers that the service is for, and one small model of each other task.
SHIPPED = (*RECIPES, "sine", "autoencoder")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    failed: dict[str, list[str]] = {}
    try:
        options.models_dir.mkdir(parents=True, exist_ok=True)  # or say now that it cannot be
        device = choose_device(options.device)
        names = options.names or SHIPPED
        data = load(options.dataset, options.data_dir) if needs_data(names) else None
        for name in names:
            failed |= export(name, data, device, options)
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on where it stopped.", file=sys.stderr)
        return INTERRUPTED
    except (CheckpointError, DataError, DeviceError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, failures in failed.items():
        print(f"error: {name} was not published:", *failures, sep="\n  ", file=sys.stderr)
    return 1 if failed else 0


def export(
    name: str, data: DataSet | None, device: torch.device, options: argparse.Namespace
) -> dict[str, list[str]]:
    """Bring one recipe all the way; returns what failed by graph, nothing of it published.

    An autoencoder's graphs are published when all of them are proven, or none is.
    """
    try:
        trained = _trained(name, data, device, options)
    except TrainingDiverged as error:
        return {name: [str(error)]}
    failed: dict[str, list[str]] = {}
    with contextlib.ExitStack() as stack:
        staged = {
            candidate.name: stack.enter_context(staging(options.models_dir, candidate.name))
            for candidate in trained.candidates
        }
        for candidate in trained.candidates:
            if failures := _prepare(trained, candidate, staged[candidate.name]):
                failed[candidate.name] = failures
        if failed:
            return failed
        for graph, folder in staged.items():
            publish(folder, options.models_dir / graph)
            print(f"published {options.models_dir / graph}")
    return {}


def _trained(
    name: str, data: DataSet | None, device: torch.device, options: argparse.Namespace
) -> Trained:
    if name in RECIPES and data is not None:
        return from_recipe(recipe_for(name, data.name), data, device, options.runs_dir)
    return from_tutorial(TUTORIALS[name], data, device, options.runs_dir)


def _prepare(trained: Trained, candidate: Candidate, staged: Path) -> list[str]:
    """Write and prove one graph in the folder `staged`; returns what failed."""
    files = write_files(candidate.network, staged)
    manifest = draft(trained, candidate, files)
    cuda = torch.cuda.is_available()
    report = prove(candidate.network, staged, manifest, candidate.trial, cuda=cuda)
    print(f"\n{candidate.name}\n{report.table()}")
    failures = [str(failure) for failure in report.failures] + _out_of_bound(trained, report)
    if not failures:
        text = _with_proof(manifest, report).to_json()
        (staged / FILENAME).write_text(text, encoding="utf-8")
    return failures


def write_files(network: torch.nn.Module, staged: Path) -> tuple[File, ...]:
    """Write every form of `network`, in eval mode, into the folder `staged`."""
    onnx_path, script_path = staged / "model.onnx", staged / "model.pt"
    write_onnx(network, onnx_path)
    opset = onnx.load(onnx_path).opset_import[0].version
    write_torchscript(network, script_path)
    return (File.of(onnx_path, "onnx", opset), File.of(script_path, "torchscript"))


def draft(trained: Trained, candidate: Candidate, files: tuple[File, ...]) -> Manifest:
    """The manifest of a graph that is not proven yet."""
    described = interface(candidate.network)
    digits = tuple(str(digit) for digit in range(CLASSES))
    return Manifest(
        name=candidate.name,
        task=trained.task,
        recipe=trained.recipe,
        labels=digits if trained.task == "classify" else (),
        inputs=described.inputs,
        outputs=described.outputs,
        states=described.states,
        files=files,
        metrics=trained.metrics,
        parity=(),
        calibration=trained.calibration,
        provenance={**trained.provenance, **provenance.of_export()},
    )


def _with_proof(manifest: Manifest, report: ParityReport) -> Manifest:
    name, n = score_name(manifest.task), report.rows[0].n
    test = Metric(split="test", name=name, value=report.score, n=n)
    return dataclasses.replace(
        manifest, metrics=(*manifest.metrics, test), parity=tuple(report.rows)
    )


def _out_of_bound(trained: Trained, report: ParityReport) -> list[str]:
    bound = trained.bound
    if not report.rows or bound is None:
        return []
    dataset = trained.provenance["dataset"]
    if trained.task == "classify" and report.score < bound:
        found = f"floor: test accuracy is {report.score:.2%}, "
        asked = f"at least {bound:.2%} on {dataset}"
    elif trained.task != "classify" and not report.score <= bound:
        found = f"ceiling: the test's mean squared error is {report.score:.4f}, "
        asked = f"at most {bound:.4f} on {dataset}"
    else:
        return []
    return [
        f"{found}the recipe {trained.recipe['name']!r} asks for {asked}; train it better before "
        "publishing it"
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.export",
        description="Export, prove and publish models; trains what has no finished run.",
        epilog=describe_recipes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names",
        nargs="*",
        type=recipe_name,
        metavar="NAME",
        help=f"recipes (default: those that ship, {' '.join(SHIPPED)})",
    )
    add_options(parser)
    parser.add_argument(
        "--models-dir",
        type=Path,
        default=Path(models.__file__).parent,
        metavar="DIR",
        help="where models are published (default: this project's models)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
