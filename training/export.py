"""Export, prove and publish models: `python -m training.export`, all three by default.

For each name: train it if it has no finished run, write ONNX and TorchScript beside the place where
models are published, prove both against the eager network on all test images, and only then move
them into `MODELS_DIR/NAME/` in one step. When anything fails, everything that failed is listed, the
exit status is 1, and what was published before stays.
"""

import argparse
import dataclasses
import importlib.metadata
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnx
import torch

import models
from models.manifest import FILENAME, Calibration, File, Manifest, Metric, Tensor
from models.publish import publish, staging
from training import checkpoint, runs
from training.architectures import CLASSES, COLUMNS, ROWS
from training.calibration import calibrate
from training.checkpoint import Checkpoint, CheckpointError
from training.data import DataError, DataSet, Split, load
from training.graph import write_onnx
from training.networks import RowClassifier
from training.options import (
    INTERRUPTED,
    DeviceError,
    add_options,
    choose_device,
    describe_recipes,
    recipe_name,
)
from training.parity import ParityReport, prove
from training.recipes import RECIPES, Recipe, recipe_for
from training.torchscript import write_torchscript
from training.trainer import TrainingDiverged, evaluate


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    failed: dict[str, list[str]] = {}
    try:
        options.models_dir.mkdir(parents=True, exist_ok=True)  # or say now that it cannot be
        device = choose_device(options.device)
        data = load(options.dataset, options.data_dir)
        for name in options.names or RECIPES:
            recipe = recipe_for(name, data.name)
            if failures := export(recipe, data, device, options):
                failed[runs.run_name(recipe, data.name)] = failures
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
    recipe: Recipe, data: DataSet, device: torch.device, options: argparse.Namespace
) -> list[str]:
    """Bring one model all the way; returns what failed, nothing of it published."""
    name = runs.run_name(recipe, data.name)
    folder = options.runs_dir / name
    try:
        with runs.alone(folder):
            trained = _train_if_needed(folder, recipe, data, device)
    except TrainingDiverged as error:
        return [str(error)]
    network = checkpoint.best_network(folder, trained)
    with staging(options.models_dir, name) as staged:
        files = write_files(network, staged)
        metrics = (_validation(trained, data),)
        manifest = draft(name, trained.recipe, files, metrics, _provenance(trained))
        manifest = dataclasses.replace(manifest, calibration=_calibration(network, data))
        report = prove(network, staged, manifest, data.test, cuda=torch.cuda.is_available())
        print(f"\n{name}\n{report.table()}")
        failures = [str(failure) for failure in report.failures]
        failures += _below_floor(trained.recipe, data.name, report)
        if failures:
            return failures
        text = _with_proof(manifest, report).to_json()
        (staged / FILENAME).write_text(text, encoding="utf-8")
        publish(staged, options.models_dir / name)
    print(f"published {options.models_dir / name}")
    return []


def _train_if_needed(
    folder: Path, recipe: Recipe, data: DataSet, device: torch.device
) -> Checkpoint:
    """The finished run in `folder`; an unfinished one is resumed, a missing one trained."""
    if not checkpoint.exists(folder):
        runs.drive(folder, runs.start(folder, recipe, data, device))
    found = checkpoint.load(folder)
    if not found.finished:
        print(f"{folder}: going on after epoch {len(found.history)} of {found.recipe.epochs}")
        runs.drive(folder, runs.resume(folder, found.recipe, data, device))
        found = checkpoint.load(folder)
    checkpoint.check_data(folder, found, data)
    if changes := found.recipe.differences(recipe):
        print(
            f"note: {folder} was trained by its own variant of the recipe ({'; '.join(changes)} "
            "today); `python -m training.train --restart` would train it as it stands today"
        )
    return found


def write_files(network: RowClassifier, staged: Path) -> tuple[File, ...]:
    """Write every form of `network`, in eval mode, into the folder `staged`."""
    onnx_path, script_path = staged / "model.onnx", staged / "model.pt"
    write_onnx(network, onnx_path)
    opset = onnx.load(onnx_path).opset_import[0].version
    write_torchscript(network, script_path)
    return (File.of(onnx_path, "onnx", opset), File.of(script_path, "torchscript"))


def draft(
    name: str,
    recipe: Recipe,
    files: tuple[File, ...],
    metrics: tuple[Metric, ...],
    provenance: dict[str, Any],
) -> Manifest:
    """The manifest of a classifier that is not proven yet."""
    return Manifest(
        name=name,
        task="classify",
        recipe=recipe.to_dict(),
        labels=tuple(str(digit) for digit in range(CLASSES)),
        inputs=(
            Tensor(
                name="rows",
                dtype="float32",
                dims=("batch", ROWS, COLUMNS),
                range=(0.0, 1.0),
                meaning="a digit's rows from top to bottom, light ink on dark",
            ),
        ),
        outputs=(
            Tensor(
                name="logits",
                dtype="float32",
                dims=("batch", CLASSES),
                meaning="unnormalised log-probability of each label",
            ),
        ),
        files=files,
        metrics=metrics,
        parity=(),
        provenance=provenance,
    )


def _validation(trained: Checkpoint, data: DataSet) -> Metric:
    best = max(epoch.validation_accuracy for epoch in trained.history)
    return Metric(split="validation", name="accuracy", value=best, n=len(data.validation))


def _calibration(network: RowClassifier, data: DataSet) -> Calibration:
    validation = Split(data.validation.images.cpu(), data.validation.labels.cpu())
    return calibrate(evaluate(network, validation).logits, validation.labels)


def _with_proof(manifest: Manifest, report: ParityReport) -> Manifest:
    test = Metric(split="test", name="accuracy", value=report.accuracy, n=report.rows[0].n)
    metrics = (*manifest.metrics, test)
    return dataclasses.replace(manifest, metrics=metrics, parity=tuple(report.rows))


def _below_floor(recipe: Recipe, dataset: str, report: ParityReport) -> list[str]:
    floor = recipe.floors.get(dataset, 0.0)
    if not report.rows or report.accuracy >= floor:
        return []
    return [
        f"floor: test accuracy is {report.accuracy:.2%}, the recipe {recipe.name!r} asks for at "
        f"least {floor:.2%} on {dataset}; train it better before publishing it"
    ]


def _provenance(trained: Checkpoint) -> dict[str, Any]:
    packages = ("torch", "onnx", "onnxruntime-gpu", "numpy")
    return {
        "dataset": trained.dataset,
        "digests": trained.digests,
        "seed": trained.recipe.seed,
        "epochs": len(trained.history),
        "training_seconds": round(sum(epoch.seconds for epoch in trained.history), 1),
        "trained_with": trained.environment,
        "exported_with": {
            "python": platform.python_version(),
            **{name: version for name in packages if (version := _version(name))},
        },
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _commit() -> str | None:
    """The commit of the code that exports, with "+" if files differ from it; none outside git.

    What this very command publishes is no difference.
    """
    head = _git("rev-parse", "HEAD")
    published = f":(top,exclude){Path(models.__file__).parent.name}/*/*"
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", published)
    return None if head is None else head + ("+" if changed else "")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  arguments of our own
            ["git", *arguments],  # noqa: S607  wherever it is installed
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.export",
        description="Export, prove and publish models; trains what has no finished run.",
        epilog=describe_recipes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", type=recipe_name, metavar="NAME", help="recipes (default: all)"
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
