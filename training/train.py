"""Train recipes by name: `python -m training.train lstm gru`.

Writes `runs/NAME/` with a checkpoint after every epoch, metrics as CSV and TensorBoard events, and
plots. A run that was stopped, by Ctrl-C or by force, goes on with `--resume`.

The tutorials' recipes take minutes at most: each finished seed is kept in `runs/NAME/`, and nothing
of an unfinished one. `python -m training.reproduce` trains all of them.
"""

import argparse
import dataclasses
import sys
from typing import Any

from training.command_line import (
    add_options,
    describe_recipes,
    needs_data,
    recipe_name,
    run_command,
)
from training.recipes.lines import LINE_RECIPES, LineRecipe
from training.recipes.plain import score_name
from training.recipes.shipped import Recipe, recipe_for
from training.recipes.tutorials import TUTORIALS


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    to_go_on = "--resume (in place of --restart) goes on with it"
    return run_command(lambda: _train(options), to_go_on)


def _train(options: argparse.Namespace) -> None:
    from training.data.loading import load
    from training.runs import run_folder, seed_runs
    from training.trainers.device import choose_device

    given = {"epochs": options.epochs, "seed": options.seed}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    device = choose_device(options.device)
    data = load(options.dataset, options.data_dir) if needs_data(options.names) else None
    for name in options.names:
        if name in TUTORIALS:
            plain = dataclasses.replace(TUTORIALS[name].recipe, **changes)
            mine = seed_runs.data_for(plain, data)
            folder = seed_runs.folder_of(plain, mine, options.runs_dir)
            run = seed_runs.finish(folder, plain, mine, device, options.existing)
            scores = ", ".join(f"{split} {score:.4f}" for split, score in run.scores.items())
            print(
                f"{folder.name}, seed {plain.seed}: {score_name(plain.task)} {scores}, in {folder}"
            )
        elif data:
            recipe = _changed(name, data.name, changes)
            folder = options.runs_dir / run_folder.run_name(name, data.name)
            best = run_folder.train(folder, recipe, data, device, options.existing).best_epoch
            print(
                f"{folder.name}: least validation loss {best.validation_loss:.4f}, accuracy "
                f"{best.validation_accuracy:.2%} "
                f"(epoch {best.number} of {recipe.epochs}), in {folder}"
            )


def _changed(name: str, dataset: str, changes: dict[str, Any]) -> Recipe | LineRecipe:
    """The shipped recipe `name` with other epochs or another seed."""
    if name not in LINE_RECIPES:
        return dataclasses.replace(recipe_for(name, dataset), **changes)
    recipe, others = LINE_RECIPES[name], dict(changes)
    if epochs := others.pop("epochs", None):
        recipe = recipe.shortened(epochs)
    return dataclasses.replace(recipe, **others)


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
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume",
        dest="existing",
        action="store_const",
        const="resume",
        help="go on where a stopped run left off",
    )
    existing.add_argument(
        "--restart",
        dest="existing",
        action="store_const",
        const="restart",
        help="remove an earlier run first",
    )
    parser.set_defaults(existing="refuse")
    return parser


if __name__ == "__main__":
    sys.exit(main())
