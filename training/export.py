"""Export, prove and publish models: `python -m training.export`, without names all that ship.

For each name: train it if it has no finished run, write ONNX and TorchScript beside the place where
models are published, prove both against eager torch, and only then move them to `MODELS_DIR/NAME/`
in one step. If anything fails, all that failed is listed, the exit status is 1, and what was
published before stays. A classifier that reads from top to bottom is published with its row stream
`NAME-rows`, or not at all.
"""

import argparse
import sys
from pathlib import Path

import models
from models.publish import check_replaceable
from training.command_line import (
    add_options,
    describe_recipes,
    needs_data,
    recipe_name,
    run_command,
)
from training.errors import TrainingError
from training.recipes.lines import LINE_RECIPES
from training.recipes.shipped import RECIPES, recipe_for
from training.recipes.tutorials import TUTORIALS

# The classifiers and the reader of lines that the service is for, and a small model of each other
# task.
SHIPPED = (*RECIPES, *LINE_RECIPES, "sine", "autoencoder")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    return run_command(lambda: _export(options), "the same command goes on where it stopped")


def _export(options: argparse.Namespace) -> int:
    from training.data.loading import load
    from training.publication.model_export import export_model
    from training.publication.trained_model import (
        from_line_recipe,
        from_recipe,
        from_tutorial,
        published_names,
    )
    from training.trainers.device import choose_device

    names = options.names or SHIPPED
    device = choose_device(options.device)
    data = load(options.dataset, options.data_dir) if needs_data(names) else None
    # Before hours of training: that it can be published.
    options.models_dir.mkdir(parents=True, exist_ok=True)
    for name in names:
        for published in published_names(name, data):
            check_replaceable(options.models_dir / published)
    failed: dict[str, list[str]] = {}
    for name in names:
        try:
            if name in RECIPES and data:
                recipe = recipe_for(name, data.name)
                trained = from_recipe(recipe, data, device, options.runs_dir)
            elif name in LINE_RECIPES and data:
                trained = from_line_recipe(LINE_RECIPES[name], data, device, options.runs_dir)
            else:
                trained = from_tutorial(TUTORIALS[name], data, device, options.runs_dir)
        except TrainingError as error:
            failed[name] = [str(error)]
        else:
            failed |= export_model(trained, options.models_dir, cuda=device.type == "cuda")
    for name, failures in failed.items():
        print(f"error: {name} was not published:", *failures, sep="\n  ", file=sys.stderr)
    return 1 if failed else 0


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
