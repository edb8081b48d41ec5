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
from training.fields import RecipeError
from training.options import (
    INTERRUPTED,
    DeviceError,
    add_options,
    choose_device,
    describe_recipes,
    recipe_name,
)
from training.recipes import Recipe, recipe_for
from training.trainer import Trainer, TrainingDiverged


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        device = choose_device(options.device)
        data = load(options.dataset, options.data_dir)
        for recipe in _recipes(options):
            folder = options.runs_dir / runs.run_name(recipe, options.dataset)
            with runs.alone(folder):
                trainer = _trainer(folder, recipe, data, device, options)
                runs.drive(folder, trainer)
            best = trainer.best_epoch
            print(
                f"{folder.name}: best validation accuracy {best.validation_accuracy:.2%} "
                f"(epoch {best.number} of {recipe.epochs}), in {folder}"
            )
    except KeyboardInterrupt:
        print("\nInterrupted; --resume (in place of --restart) goes on with it.", file=sys.stderr)
        return INTERRUPTED
    except (
        CheckpointError,
        DataError,
        DeviceError,
        OSError,
        RecipeError,
        TrainingDiverged,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.train",
        description="Train recurrent digit classifiers by recipe, into RUNS_DIR/NAME/.",
        epilog=describe_recipes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", type=recipe_name, metavar="NAME", help="recipes")
    add_options(parser)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on where a stopped run left off")
    again.add_argument("--restart", action="store_true", help="remove an earlier run first")
    return parser


def _recipes(options: argparse.Namespace) -> list[Recipe]:
    given = {"epochs": options.epochs, "seed": options.seed}
    changes = {key: value for key, value in given.items() if value is not None}
    recipes = [recipe_for(name, options.dataset) for name in options.names]
    return [dataclasses.replace(recipe, **changes) for recipe in recipes]


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
