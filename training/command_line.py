"""What the commands share: options, the check of recipes' names, and errors in one line.

Nothing here imports torch, which takes seconds. The commands import it inside of `run_command`, so
that Ctrl-C during these seconds ends in one line, too.
"""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

from models.manifest import ManifestError
from models.publish import PublishError
from training.errors import TrainingError
from training.recipes.lines import LINE_RECIPES
from training.recipes.shipped import RECIPES, Recipe
from training.recipes.tutorials import TUTORIALS

INTERRUPTED = 130  # the shell's exit status for Ctrl-C

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def run_command(work: Callable[[], int | None], to_go_on: str) -> int:
    """Do the `work` of a command and return its exit status.

    Ctrl-C, or an error that the user can mend, ends in one line on stderr, with the remedy;
    `to_go_on` says how a command that was stopped goes on.
    """
    interrupted = f"\nInterrupted; {to_go_on}."
    before = signal.signal(signal.SIGINT, lambda _, frame: _interrupt(frame, interrupted))
    try:
        return work() or 0
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        print(f"error: {_explain(error, to_go_on)}", file=sys.stderr)
    except (TrainingError, PublishError, ManifestError) as error:
        print(f"error: {error}", file=sys.stderr)
    finally:
        signal.signal(signal.SIGINT, before)
    return 1


def _interrupt(frame: FrameType | None, message: str) -> None:
    """Raise KeyboardInterrupt, but end the process at once if something is being imported.

    Several libraries take an exception during their import for a missing option, and go on.
    """
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            print(message, file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt


def _explain(error: OSError, to_go_on: str) -> str:
    where = error.filename or "what was written last"
    if error.errno in _NO_SPACE:
        return f"there is no space left on the disk for {where}; make room, then {to_go_on}"
    if isinstance(error, PermissionError):
        return (
            f"{where} may not be read or written by this user; change its permissions or its "
            "owner, or name another folder"
        )
    return str(error)


def recipe_name(text: str) -> str:
    """The name of a recipe, for argparse.

    Raises:
        ArgumentTypeError: there is no such recipe.

    """
    return _one_of(text, (*RECIPES, *LINE_RECIPES, *TUTORIALS))


def tutorial_name(text: str) -> str:
    """The name of a tutorial's recipe, for argparse.

    Raises:
        ArgumentTypeError: there is no such recipe.

    """
    return _one_of(text, tuple(TUTORIALS))


def _one_of(text: str, known: tuple[str, ...]) -> str:
    # argparse's own `choices` refuses an empty list, which stands for the default.
    if text not in known:
        expected = ", ".join(known)
        raise argparse.ArgumentTypeError(f"no recipe is called {text!r}, choose from {expected}")
    return text


def needs_data(names: Iterable[str]) -> bool:
    """Whether any of these recipes learns from images."""
    return any(name not in TUTORIALS or TUTORIALS[name].recipe.needs_data for name in names)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the data set, the folder of runs, and the device."""
    parser.add_argument(
        "--dataset",
        choices=("mnist", "qmnist", "digits"),
        default="mnist",
        help="qmnist: MNIST's, tested on 50,000 further digits; digits: scikit-learn's bundled "
        "ones, when MNIST cannot be had (default: mnist)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="folder that holds MNIST/raw/ or QMNIST/raw/, or will after the download "
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
    """The recipes, a line each, for --help."""
    lines = [
        f"  {recipe.name:8} {_layers(recipe)}, {recipe.epochs} epochs, at least "
        f"{recipe.floors['mnist']:.1%} on MNIST's test images"
        for recipe in RECIPES.values()
    ]
    lines += [
        f"  {recipe.name:8} {recipe.num_layers} x {recipe.hidden_size} {recipe.cell.upper()} both "
        f"ways, {recipe.epochs} epochs, at least "
        f"{recipe.floors['mnist']:.1%} of lines of MNIST's test images without a fault"
        for recipe in LINE_RECIPES.values()
    ]
    width = max(map(len, TUTORIALS))
    plain = [f"  {name:{width}} {tutorial.summary}" for name, tutorial in TUTORIALS.items()]
    return "\n".join(["recipes:", *lines, "recipes of the tutorials:", *plain])


def _layers(recipe: Recipe) -> str:
    cell = recipe.cell.upper()
    if recipe.renet:
        return f"ReNet of {cell}s, {' and '.join(map(str, recipe.renet))} units"
    return f"{recipe.num_layers} x {recipe.hidden_size} {cell}"
