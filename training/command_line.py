"""Command-line options that training and exporting share."""

import argparse
from collections.abc import Iterable
from pathlib import Path

import torch

from training.data.mnist import default_root
from training.recipes.shipped import RECIPES
from training.recipes.tutorials import TUTORIALS

INTERRUPTED = 130  # the shell's exit status for Ctrl-C


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


def recipe_name(text: str) -> str:
    """The name of a recipe, as argparse wants to hear of a wrong one."""
    return _one_of(text, (*RECIPES, *TUTORIALS))


def tutorial_name(text: str) -> str:
    """The name of a tutorial's recipe, as argparse wants to hear of a wrong one."""
    return _one_of(text, tuple(TUTORIALS))


def _one_of(text: str, known: tuple[str, ...]) -> str:
    # argparse's own `choices` refuses an empty list, and with it a default.
    if text not in known:
        expected = ", ".join(known)
        raise argparse.ArgumentTypeError(f"no recipe is called {text!r}, choose from {expected}")
    return text


def needs_data(names: Iterable[str]) -> bool:
    """Whether any of these recipes learns from images."""
    return any(name in RECIPES or TUTORIALS[name].recipe.task != "regress" for name in names)


def add_options(parser: argparse.ArgumentParser) -> None:
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
        default=default_root(),
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
    width = max(map(len, TUTORIALS))
    plain = [f"  {name:{width}} {tutorial.summary}" for name, tutorial in TUTORIALS.items()]
    return "\n".join(["recipes:", *lines, "recipes of the tutorials:", *plain])
