"""Learning curves and confusion matrices as PNG, drawn without a screen."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.metrics import confusion_matrix as count_confusions
from torch import Tensor

from training.trainers.trainer import Epoch


def learning_curve(history: list[Epoch], path: Path, title: str) -> None:
    """Losses on the left axis, validation error on a logarithmic right one, over the epochs."""
    epochs = [epoch.number for epoch in history]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    losses = figure.add_subplot(title=f"{title}: learning curve", xlabel="epoch")
    losses.set_ylabel("cross-entropy (nats)")
    losses.set_yscale("log")
    losses.plot(epochs, [e.train_loss for e in history], label="train loss, augmented images")
    losses.plot(epochs, [e.validation_loss for e in history], label="validation loss")
    errors = losses.twinx()
    errors.set_ylabel("validation error (%)")
    errors.set_yscale("log")
    # Zero has no place on a logarithmic axis: an error of none is drawn as half an image in 5,000.
    percent = [max(100 * (1 - e.validation_accuracy), 0.01) for e in history]
    errors.plot(epochs, percent, color="black", linestyle=":", label="validation error")
    lines = [*losses.get_lines(), *errors.get_lines()]
    losses.legend(lines, [str(line.get_label()) for line in lines], loc="upper right")
    losses.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def confusion_matrix(
    labels: Tensor, predictions: Tensor, path: Path, title: str, split: str = "validation"
) -> None:
    """Counts of predicted digits (columns) by true digit (rows); labels and predictions (n,)."""
    counts = count_confusions(labels.numpy(), predictions.numpy(), labels=range(10))
    right = np.trace(counts) / counts.sum()
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    # The diagonal would outshine every mistake, so the colours follow the logarithm.
    display = ConfusionMatrixDisplay(np.log1p(counts))
    display.plot(ax=axes, cmap="Blues", colorbar=False, include_values=False)
    for row, column in np.ndindex(counts.shape):
        if count := counts[row, column]:
            colour = "white" if row == column else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    axes.set_title(f"{title}: {right:.2%} of {len(labels):,} {split} images")
    figure.savefig(path, dpi=120)
