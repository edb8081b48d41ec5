"""Export, prove and publish models: `python -m training.export`, without names all that ship.

For each name: train it if it has no finished run, write ONNX and TorchScript beside the place where
models are published, prove both against eager torch, and only then move them to `MODELS_DIR/NAME/`
in one step. If anything fails, all that failed is listed, the exit status is 1, and what was
published before stays. A classifier that reads from top to bottom is published with its row stream
`NAME-rows`, or not at all.

With `--more FOLDER` a published classifier learns from pictures of your own, FOLDER/7/*.png and so
on, and is replaced if it then reads more of them.
"""

import argparse
import sys
from pathlib import Path

import models
from models.manifest import ManifestError
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
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.bento_store and (options.names or options.more):
        parser.error(
            "--bento-store takes all models of --models-dir, so it takes no NAME and no --more"
        )
    if options.more and (not options.names or set(options.names) - set(RECIPES)):
        parser.error(f"--more needs the names of classifiers that ship: {', '.join(RECIPES)}")
    work = _store if options.bento_store else _export
    return run_command(lambda: work(options), "the same command goes on where it stopped")


def _store(options: argparse.Namespace) -> int:
    from training.publication import bento_store

    print(bento_store.put(options.models_dir))
    return 0


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

    if options.more:
        return _export_continued(options)
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
    return _report(failed)


def _export_continued(options: argparse.Namespace) -> int:
    """Have published classifiers learn from more pictures, and publish what is better for it."""
    from training.data.loading import load
    from training.data.pictures import find_files, read_pictures
    from training.publication.continued_model import find_published, from_published
    from training.publication.model_export import export_model
    from training.publication.trained_model import published_names
    from training.runs.progress_bar import progress_bar
    from training.trainers.device import choose_device

    device, data = choose_device(options.device), load(options.dataset, options.data_dir)
    found = {}
    for name in options.names:
        whole, *others = published_names(name, data)
        found[whole] = find_published(whole, options.models_dir)
        for published in (whole, *others):
            check_replaceable(options.models_dir / published)
    files = find_files(options.more)
    with progress_bar(len(files), f"reading {options.more}") as bar:
        pictures = read_pictures(files, lambda: bar.update(1))
    print(f"{options.more}: {len(pictures.split)} pictures to learn from, of {len(files)}")
    if pictures.left_out:
        print("left out:", *pictures.left_out, sep="\n  ")
    failed: dict[str, list[str]] = {}
    for name, folder in found.items():
        try:
            trained = from_published(
                folder,
                pictures,
                data,
                device,
                options.runs_dir,
                allowed_loss=options.allowed_loss / 100,
            )
        except (TrainingError, ManifestError) as error:
            failed[name] = [str(error)]
            continue
        if trained:
            failed |= export_model(trained, options.models_dir, cuda=device.type == "cuda")
    return _report(failed)


def _report(failed: dict[str, list[str]]) -> int:
    """Print what failed, by model; returns the exit status."""
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
    parser.add_argument(
        "--more",
        type=Path,
        metavar="FOLDER",
        help="go on from the published weights with the pictures in FOLDER/0 to FOLDER/9, mixed "
        "with the data set; a fifth of them is held out, and the model is published if it reads "
        "more of these than before",
    )
    parser.add_argument(
        "--allowed-loss",
        type=_points,
        default=0.1,
        metavar="POINTS",
        help="with --more: percentage points of the accuracy on the data set's test images that "
        "may be lost (default: 0.1)",
    )
    parser.add_argument(
        "--bento-store",
        action="store_true",
        help="train and export nothing: copy all models of --models-dir into BentoML's model store",
    )
    return parser


def _points(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"it is {text}, expected percentage points from 0 to 100")
    return value


if __name__ == "__main__":
    sys.exit(main())
