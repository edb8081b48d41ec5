"""The plots of a training run, as PNG files: learning curve and confusion matrix."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, UnidentifiedImageError
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.metrics import confusion_matrix as count_confusions
from torch import Tensor

from training.runs import run_files
from training.trainers.trainer import Epoch

DPI = 120
_MARK = {"Software": "RowReader"}  # in a plot's PNG


def save(figure: Figure, path: Path, dpi: int) -> None:
    """Write `figure` to `path` in one step, marked as a plot of ours.

    Raises:
        OSError: naming `path`.

    """
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi, metadata=_MARK)
    run_files.replace(path, content.getvalue())


def is_plot(path: Path) -> bool:
    """Whether `save` wrote the file at `path`.

    Raises:
        PermissionError: it may not be read.

    """
    try:
        with Image.open(path) as image:
            return image.info.get("Software") == _MARK["Software"]
    except (IsADirectoryError, UnidentifiedImageError):
        return False


def learning_curve(history: list[Epoch], path: Path, title: str) -> None:
    """Draw the losses (left axis) and the validation error (right, logarithmic) by epoch."""
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
    # A logarithmic axis has no zero: no error is drawn as half an image in 5,000.
    percent = [max(100 * (1 - e.validation_accuracy), 0.01) for e in history]
    errors.plot(epochs, percent, color="black", linestyle=":", label="validation error")
    lines = [*losses.get_lines(), *errors.get_lines()]
    losses.legend(lines, [str(line.get_label()) for line in lines], loc="upper right")
    losses.grid(alpha=0.3)
    save(figure, path, DPI)


def confusion_matrix(
    labels: Tensor, predictions: Tensor, path: Path, title: str, split: str = "validation"
) -> None:
    """Draw how often each true digit (row) was read as which (column); both are (n,) int64."""
    counts = count_confusions(labels.numpy(), predictions.numpy(), labels=range(10))
    right = np.trace(counts) / counts.sum()
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    # The colours follow the logarithm, or no mistake would be seen beside the diagonal.
    display = ConfusionMatrixDisplay(np.log1p(counts))
    display.plot(ax=axes, cmap="Blues", colorbar=False, include_values=False)
    for row, column in np.ndindex(counts.shape):
        if count := counts[row, column]:
            colour = "white" if row == column else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    axes.set_title(f"{title}: {right:.2%} of {len(labels):,} {split} images")
    save(figure, path, DPI)
