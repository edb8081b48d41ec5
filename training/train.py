"""Train recipes by name: `python -m training.train lstm gru`.

Writes `runs/NAME/` with a checkpoint after every epoch, metrics as CSV and TensorBoard events, and
plots. A run that was stopped, by Ctrl-C or by force, goes on with `--resume`.

The recipes of the tutorials (`recipes.tutorials`) are minutes at most, so theirs are kept by seed
and only when they are finished; `python -m training.reproduce` trains all of them.
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import torch

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
from training.recipes.shipped import Recipe, recipe_for
from training.recipes.tutorials import TUTORIALS
from training.recipes.validation import RecipeError
from training.runs import checkpoint, folders, seeds
from training.runs.checkpoint import CheckpointError
from training.runs.finished import data_for, score_name, train_seed
from training.trainers.trainer import Trainer, TrainingDiverged


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        device = choose_device(options.device)
        data = load(options.dataset, options.data_dir) if needs_data(options.names) else None
        for name in options.names:
            if name in TUTORIALS:
                _train_tutorial(name, data, device, options)
            elif data is not None:
                _train_row_reader(name, data, device, options)
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


def _train_row_reader(
    name: str, data: DataSet, device: torch.device, options: argparse.Namespace
) -> None:
    recipe = dataclasses.replace(recipe_for(name, data.name), **_changes(options))
    folder = options.runs_dir / folders.run_name(name, data.name)
    with folders.alone(folder):
        trainer = _trainer(folder, recipe, data, device, options)
        folders.drive(folder, trainer)
    best = trainer.best_epoch
    print(
        f"{folder.name}: best validation accuracy {best.validation_accuracy:.2%} "
        f"(epoch {best.number} of {recipe.epochs}), in {folder}"
    )


def _train_tutorial(
    name: str, data: DataSet | None, device: torch.device, options: argparse.Namespace
) -> None:
    recipe = dataclasses.replace(TUTORIALS[name].recipe, **_changes(options))
    mine = data_for(recipe, data)
    folder = options.runs_dir / folders.run_name(name, seeds.dataset_name(mine))
    if options.restart:
        seeds.remove(folder, recipe.seed)
    elif not options.resume and seeds.find(folder, recipe, mine):
        raise CheckpointError(
            f"{folder} holds a finished run of seed {recipe.seed}; --restart removes it and "
            "begins again"
        )
    run = train_seed(folder, recipe, mine, device)
    scores = ", ".join(f"{split} {score:.4f}" for split, score in run.scores.items())
    print(f"{folder.name}, seed {recipe.seed}: {score_name(recipe.task)} {scores}, in {folder}")


def _changes(options: argparse.Namespace) -> dict[str, Any]:
    given = {"epochs": options.epochs, "seed": options.seed}
    return {key: value for key, value in given.items() if value is not None}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.train",
        description="Train networks by recipe, into RUNS_DIR/NAME/.",
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


def _trainer(
    folder: Path, recipe: Recipe, data: DataSet, device: torch.device, options: argparse.Namespace
) -> Trainer:
    if not checkpoint.exists(folder) or options.restart:
        return folders.start(folder, recipe, data, device)
    if options.resume:
        return folders.resume(folder, recipe, data, device)
    done = len(checkpoint.load(folder).history)
    raise CheckpointError(
        f"{folder} holds a run with {done} epochs done; --resume goes on with it, "
        "--restart removes it and begins again"
    )


if __name__ == "__main__":
    sys.exit(main())
