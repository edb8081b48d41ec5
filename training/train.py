"""Train recipes by name: `python -m training.train lstm gru`.

Writes `runs/NAME/` with a checkpoint after every epoch, metrics as CSV and TensorBoard events, and
plots. A run that was stopped, by Ctrl-C or by force, goes on with `--resume`.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import torch

from training import checkpoint, runs
from training.checkpoint import CheckpointError
from training.data import DataError, DataSet, load
from training.mnist import default_root
from training.recipes import RECIPES, Recipe, RecipeError
from training.trainer import Trainer, TrainingDiverged

INTERRUPTED = 130  # the shell's exit status for Ctrl-C


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        device = choose_device(options.device)
        data = load(options.dataset, options.data_dir or default_root())
        for recipe in _recipes(options):
            folder = options.runs_dir / runs.run_name(recipe, options.dataset)
            trainer = _trainer(folder, recipe, data, device, options)
            runs.drive(folder, trainer)
            best = trainer.best_epoch
            print(
                f"{folder.name}: best validation accuracy {best.validation_accuracy:.2%} "
                f"(epoch {best.number} of {recipe.epochs}), in {folder}"
            )
    except KeyboardInterrupt:
        print("\nInterrupted; go on with the same command and --resume.", file=sys.stderr)
        return INTERRUPTED
    except (CheckpointError, DataError, DeviceError, RecipeError, TrainingDiverged) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


class DeviceError(RuntimeError):
    """The device that was asked for does not work here."""


def choose_device(name: str) -> torch.device:
    """`cpu`, `cuda`, or `auto`: CUDA where it works, otherwise the CPU.

    Raises:
        DeviceError: `cuda` was asked for and torch cannot use it.

    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise DeviceError(
            "--device cuda, but torch finds no usable CUDA device; check the driver with "
            "`nvidia-smi`, or use --device cpu"
        )
    return torch.device("cuda")


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """The options that say what to train on, where, and where runs are kept."""
    parser.add_argument(
        "--dataset",
        choices=("mnist", "digits"),
        default="mnist",
        help="digits: scikit-learn's bundled ones, when MNIST cannot be had (default: mnist)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="folder that holds MNIST/raw/, or will after the download "
        "(default: $MNIST_ROOT, else data)",
    )
    parser.add_argument(
        "--runs-dir",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="where training runs are kept (default: runs)",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto is CUDA where it works, otherwise the CPU (default: auto)",
    )


def describe_recipes() -> str:
    """The recipes as lines of text for --help."""
    lines = [
        f"  {recipe.name:5} {recipe.num_layers} x {recipe.hidden_size} {recipe.cell.upper()}, "
        f"{recipe.epochs} epochs, at least {recipe.floors['mnist']:.1%} on MNIST's test images"
        for recipe in RECIPES.values()
    ]
    return "recipes:\n" + "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.train",
        description="Train recurrent digit classifiers by recipe, into RUNS_DIR/NAME/.",
        epilog=describe_recipes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", choices=list(RECIPES), metavar="NAME", help="recipes")
    add_common_options(parser)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on where a stopped run left off")
    again.add_argument("--restart", action="store_true", help="remove an earlier run first")
    return parser


def _recipes(options: argparse.Namespace) -> list[Recipe]:
    given = {"epochs": options.epochs, "seed": options.seed}
    changes = {key: value for key, value in given.items() if value is not None}
    return [dataclasses.replace(RECIPES[name], **changes) for name in options.names]


def _trainer(
    folder: Path, recipe: Recipe, data: DataSet, device: torch.device, options: argparse.Namespace
) -> Trainer:
    if not checkpoint.exists(folder) or options.restart:
        return runs.start(folder, recipe, data, device)
    if options.resume:
        return runs.resume(folder, recipe, data, device)
    done = len(checkpoint.load(folder).history)
    raise CheckpointError(
        f"{folder} holds a run with {done} epochs done; --resume goes on with it, "
        "--restart removes it and begins again"
    )


if __name__ == "__main__":
    sys.exit(main())
