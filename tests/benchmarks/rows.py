"""Accuracy and confidence by the rows read, drawn from the manifests in `models/`.

python -m tests.benchmarks.rows                       # draws docs/rows.png
python -m tests.benchmarks.rows --models-dir DIR --output rows.png
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import models
from models.manifest import RowReading, discover, read
from tests.support.project import ROOT


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description="Draw accuracy and confidence by the rows read.")
    parser.add_argument("--models-dir", type=Path, default=Path(models.__file__).parent)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "rows.png")
    arguments = parser.parse_args()
    manifests = [read(folder) for folder in discover(arguments.models_dir)]
    found = [manifest.row_reading for manifest in manifests if manifest.row_reading]
    if not found:
        parser.error(f"no model in {arguments.models_dir} can be read row by row")
    draw(found).savefig(arguments.output, dpi=150, bbox_inches="tight")
    print(f"Written to {arguments.output}")


def draw(readings: list[RowReading]) -> Figure:
    """A panel a model: both curves over the rows, with early decisions marked."""
    figure = Figure(figsize=(max(6, 4 * len(readings)), 4))
    panels = figure.subplots(1, len(readings), sharey=True, squeeze=False)[0]
    for axes, reading in zip(panels, readings, strict=True):
        _draw(axes, reading)
    panels[0].set_ylabel("% of the test images")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.set_layout_engine("constrained")
    return figure


def _draw(axes: Axes, reading: RowReading) -> None:
    rows = np.arange(1, len(reading.accuracies) + 1)
    axes.plot(rows, 100 * np.array(reading.accuracies), color="C0", label="right after that row")
    confidences = 100 * np.array(reading.confidences)
    axes.plot(rows, confidences, color="C1", linestyle="--", label="mean calibrated confidence")
    for decision, marker in zip(reading.early_decisions, "os^", strict=True):
        axes.plot(
            decision.rows,
            100 * decision.accuracy,
            marker,
            color="C2",
            label=f"decided early: stop_at={decision.stop_at:g}, at the mean row",
        )
    axes.set(title=reading.whole, xlabel="rows read", xlim=(1, len(rows)), ylim=(0, 103))
    axes.set_xticks([1, 7, 14, 21, 28])
    axes.grid(visible=True, alpha=0.25)


if __name__ == "__main__":
    main()
