"""The plots of the report, as PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from training.data.datasets import Split, as_rows
from training.data.sine_windows import STEPS, windows
from training.reports.results import Result
from training.runs.run_plots import save
from training.trainers.plain_trainer import CurvePoint
from training.trainers.tasks import zero_state

DPI = 110
RECONSTRUCTIONS = 5
CODES = 200
SHOWN_WINDOWS = 8  # of the sine


def learning_curves(results: Sequence[Result], path: Path) -> None:
    """Draw every recipe's score during training: the mean over its seeds and their range."""
    panels = [
        ("classify", "test error of the classifiers (%)"),
        ("reconstruct", "squared error of the autoencoder"),
        ("regress", "squared error of the sine"),
    ]
    shown = [(task, label) for task, label in panels if any(r.task == task for r in results)]
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    ratios = [3 if task == "classify" else 1 for task, _ in shown]
    grid = figure.add_gridspec(1, len(shown), width_ratios=ratios)
    for column, (task, label) in enumerate(shown):
        axes = figure.add_subplot(grid[0, column])
        members = [result for result in results if result.task == task]
        for index, result in enumerate(members):
            style = "-" if index < 10 else "--"  # there are ten colours
            _band(axes, result, style)
        axes.set(xlabel="share of the training (%)", title=label, yscale="log", xlim=(0, 101))
        axes.grid(alpha=0.3, which="both")
    # The other panels have one recipe each, which their titles name.
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=6, fontsize=9)
    save(figure, path, DPI)


def _band(axes: Axes, result: Result, style: str) -> None:
    steps = np.array([point.step for point in result.curves[0]])
    scores = np.array([[point.score for point in curve] for curve in result.curves])
    if result.task == "classify":
        scores = 100 * (1 - scores)
    shares = 100 * steps / steps[-1]
    marker = "o" if len(steps) == 1 else ""  # a run too short for a line
    [line] = axes.plot(
        shares, scores.mean(0), style, marker=marker, label=result.name, linewidth=1.4
    )
    axes.fill_between(shares, scores.min(0), scores.max(0), color=line.get_color(), alpha=0.1)


@torch.inference_mode()
def sine(network: nn.Module, path: Path) -> None:
    """Draw what a regressor predicts for the first windows, its state handed on, and the target."""
    sines, cosines = windows(0, SHOWN_WINDOWS)
    state = zero_state(network)
    parts = []
    for window in sines:
        prediction, state = network(window.unsqueeze(0), state)
        parts.append(prediction.flatten())
    angles = np.arange(SHOWN_WINDOWS * STEPS) / STEPS  # in units of pi
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.add_subplot(xlabel="angle (multiples of pi; one window each)")
    axes.plot(
        angles, cosines.flatten().numpy(), color="tab:red", label="target: cosine", linewidth=3
    )
    axes.plot(angles, sines.flatten().numpy(), color="0.7", linestyle=":", label="input: sine")
    axes.plot(
        angles, torch.cat(parts).numpy(), ".-", color="tab:blue", label="prediction", markersize=5
    )
    axes.set_xticks(range(SHOWN_WINDOWS + 1))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", fontsize=8, ncols=3)
    axes.set_ylim(-1.3, 1.6)
    save(figure, path, DPI)


@torch.inference_mode()
def reconstructions(network: nn.Module, images: Split, path: Path) -> None:
    """Draw the first pictures above their reconstructions, with their codes below."""
    rows = as_rows(images.images[:RECONSTRUCTIONS])
    codes, pictures = network(rows)
    figure = Figure(figsize=(1.6 * RECONSTRUCTIONS, 3.6), layout="constrained")
    for column in range(RECONSTRUCTIONS):
        for line, picture in enumerate((rows, pictures)):
            axes = figure.add_subplot(2, RECONSTRUCTIONS, line * RECONSTRUCTIONS + column + 1)
            axes.imshow(picture[column].numpy(), cmap="gray", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
        axes.set_xlabel(" ".join(f"{number:.1f}" for number in codes[column]), fontsize=8)
    save(figure, path, DPI)


@torch.inference_mode()
def codes(network: nn.Module, images: Split, path: Path) -> None:
    """Draw the codes of the first pictures as points in space, each labelled with its digit."""
    points, _ = network(as_rows(images.images[:CODES]))
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes: Any = figure.add_subplot(projection="3d")  # matplotlib's stubs know it as flat
    colours = [f"C{digit}" for digit in images.labels[:CODES].tolist()]
    axes.scatter(*points.T.numpy(), c=colours, s=6, alpha=0.35)
    for point, digit, colour in zip(
        points.tolist(), images.labels[:CODES].tolist(), colours, strict=True
    ):
        axes.text(*point, str(digit), color=colour, fontsize=9, ha="center", va="center")
    axes.set(xlabel="first number", ylabel="second", zlabel="third")
    save(figure, path, DPI)


def instability(plain: Result, clipped: Result, path: Path) -> None:
    """Draw the test accuracy by seed during training, without and with clipping of gradients."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, result in ((left, plain), (right, clipped)):
        for seed, curve in enumerate(result.curves):
            axes.plot(*_percent(curve), ".-", label=f"seed {seed}", linewidth=1.2, markersize=3)
        norm = result.tutorial.recipe.clip_norm
        how = "as in the tutorial" if norm is None else f"gradient's norm clipped at {norm:g}"
        axes.set(title=f"{plain.name}, {how}", xlabel="iterations", ylim=(0, 100))
        axes.axhline(10, color="0.6", linestyle=":", linewidth=1)
        axes.grid(alpha=0.3)
    left.set_ylabel("accuracy on the test images (%)")
    left.text(0.02, 0.04, "guessing", color="0.4", fontsize=8, transform=left.transAxes)
    right.legend(loc="lower right", fontsize=8)
    save(figure, path, DPI)


def _percent(curve: Sequence[CurvePoint]) -> tuple[list[int], list[float]]:
    return [point.step for point in curve], [100 * point.score for point in curve]
