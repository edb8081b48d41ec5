"""One picture a part, drawn by matplotlib without a screen."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator, StrMethodFormatter

from tests.benchmarks.tools.report import Part
from tests.benchmarks.tools.servers import HELLO
from tests.benchmarks.tools.timing import knee

Samples = Mapping[str, Any]


def draw(part: Part, path: Path) -> None:
    """The picture of `part`; none where there is nothing to draw."""
    if any(part.samples.values()) and part.name in _DRAWN:
        figure = _DRAWN[part.name](part.samples)
        figure.savefig(path, dpi=120, bbox_inches="tight")


def _model(samples: Samples) -> Figure:
    """Microseconds per image over the batch size, a line a form, a panel a cell."""
    sizes = samples["microseconds"]
    cells = list(dict.fromkeys(size.partition(", batch ")[0] for size in sizes))
    figure = Figure(figsize=(9, 4 * math.ceil(len(cells) / 2)))
    panels = figure.subplots(math.ceil(len(cells) / 2), 2, squeeze=False).ravel()
    for unused in panels[len(cells) :]:
        unused.remove()
    for axes, cell in zip(panels, cells, strict=False):
        mine = {
            int(s.rpartition(" ")[2]): forms
            for s, forms in sizes.items()
            if s.startswith(f"{cell},")
        }
        for form in next(iter(mine.values())):
            low, median, high = np.array(
                [np.percentile(forms[form], (10, 50, 90)) for forms in mine.values()]
            ).T
            [line] = axes.plot(list(mine), median, marker="o", markersize=3, label=form)
            if form == "floor":
                line.set(color="black", linestyle=":")
            axes.fill_between(list(mine), low, high, alpha=0.15, color=line.get_color())
        axes.set(xscale="log", yscale="log", title=cell, xlabel="images in a batch")
        axes.set_xticks(list(mine), labels=[str(batch) for batch in mine])
        axes.xaxis.set_minor_locator(NullLocator())
        for formatted in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            formatted(StrMethodFormatter("{x:g}"))
        axes.tick_params(axis="y", which="both", labelsize=8)
        axes.grid(visible=True, which="both", alpha=0.2)
        axes.legend(fontsize=7)
    figure.axes[0].set_ylabel("µs per image, one thread")
    figure.tight_layout()
    return figure


def _service(samples: Samples) -> Figure:
    """Answers a second and 99th percentile in the cases that are judged, a row a case.

    The floor is left out: beside it nobody else could be told apart.
    """
    loads, cases = samples["loads"], samples["judged"]
    names = list(dict.fromkeys(name for case in cases for name in loads[case] if name != HELLO))
    colours = {name: f"C{place}" for place, name in enumerate(names)}
    bars = [sum(name in loads[case] for name in names) for case in cases]
    figure = Figure(figsize=(9, 0.28 * sum(bars) + 0.5 * len(cases)))
    panels = figure.subplots(len(cases), 2, squeeze=False, height_ratios=bars)
    for row, case in zip(panels, cases, strict=True):
        found = {name: loads[case][name] for name in names if name in loads[case]}
        for axes, quantity in zip(row, ("rate", "p99"), strict=True):
            several = {name: [one[quantity] for one in rounds] for name, rounds in found.items()}
            _bars(axes, several, colours)
        row[0].set_title(case, fontsize=9, loc="left")
        row[1].set_yticks([])
    panels[-1, 0].set_xlabel("answers a second")
    panels[-1, 1].set_xlabel("99th percentile, ms")
    figure.tight_layout()
    return figure


def _stream(samples: Samples) -> Figure:
    """The share of rows that are answered within a time, a line a number of streams."""
    figure = Figure(figsize=(5, 3.5))
    axes = figure.subplots()
    for streams, times in samples.items():
        shares = np.linspace(0, 100, len(times))
        axes.plot(np.sort(times), shares, label=f"{streams} at once")
    axes.axhline(50, color="grey", linewidth=0.5)
    axes.axhline(99, color="grey", linewidth=0.5)
    longest = max(np.percentile(times, 99.9) for times in samples.values())
    axes.set(xlabel="ms until a row is answered", ylabel="% of the rows", xlim=(0, 1.2 * longest))
    axes.legend()
    return figure


def _growth(samples: Samples) -> Figure:
    """A panel for each thing that grows, a line for each that is measured; knees are dotted."""
    figure = Figure(figsize=(4.2 * len(samples), 4))
    for axes, (what, lines) in zip(_row(figure, len(samples)), samples.items(), strict=True):
        grows, _, unit = what.partition(": ")
        for name, curve in lines.items():
            sizes = [int(size) for size in curve]
            low, median, high = np.array([np.percentile(s, (10, 50, 90)) for s in curve.values()]).T
            [line] = axes.plot(sizes, median, marker="o", markersize=3, label=name)
            axes.fill_between(sizes, low, high, alpha=0.15, color=line.get_color())
            bend = knee(dict(zip(sizes, median.tolist(), strict=True)))
            if bend is not None:
                axes.axvline(bend, color=line.get_color(), linestyle=":", linewidth=1)
                line.set_label(f"{name}, knee at {bend:,}")
        axes.set(xscale="log", yscale="log", xlabel=grows, ylabel=unit)
        axes.set_xticks(sizes, labels=[str(size) for size in sizes], rotation=60)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(labelsize=8)
        axes.grid(visible=True, which="both", alpha=0.2)
        axes.legend(fontsize=7)
    figure.tight_layout()
    return figure


def _training(samples: Samples) -> Figure:
    """Accuracy on the test images over the seconds of training, a line a loop, a panel a device."""
    figure = Figure(figsize=(6 * len(samples), 4))
    for axes, (device, courses) in zip(_row(figure, len(samples)), samples.items(), strict=True):
        learning = {name: c for name, c in courses.items() if any(c["accuracies"])}
        for name, course in learning.items():
            axes.plot(
                np.cumsum(course["seconds"]),
                100 * np.array(course["accuracies"]),
                marker=".",
                label=name,
            )
        axes.set(title=f"lstm-64 on {device}", xlabel="seconds of training", ylim=(90, 100))
        axes.set_ylabel("% of the test images")
        axes.axhline(97, color="grey", linewidth=0.5)
        axes.axhline(98.5, color="grey", linewidth=0.5)
        axes.legend()
    return figure


def _start(samples: Samples) -> Figure:
    """Seconds until ready, and MiB a worker, a bar a form of the models."""
    figure = Figure(figsize=(8, 3.5))
    titles = {
        "ready": "s until ready",
        "resident": "MiB resident",
        "proportional": "MiB, shared split",
    }
    for axes, (quantity, title) in zip(_row(figure, 3), titles.items(), strict=True):
        _bars(axes, {form: [s[quantity] for s in starts] for form, starts in samples.items()})
        axes.set_title(title, fontsize=10)
    figure.tight_layout()
    return figure


def _bars(
    axes: Axes, samples: Mapping[str, list[float]], colours: Mapping[str, str] | None = None
) -> None:
    """A bar a name: the median, with a whisker from the 10th to the 90th percentile."""
    low, median, high = np.array([np.percentile(s, (10, 50, 90)) for s in samples.values()]).T
    shown = [(colours or {}).get(name, "C0") for name in samples]
    axes.barh(list(samples), median, color=shown, xerr=(median - low, high - median), capsize=2)
    axes.invert_yaxis()
    axes.tick_params(labelsize=8)
    axes.grid(visible=True, axis="x", alpha=0.2)


def _row(figure: Figure, count: int) -> list[Axes]:
    return list(figure.subplots(1, count, squeeze=False)[0])


_DRAWN: dict[str, Callable[[Samples], Figure]] = {
    "model": _model,
    "service": _service,
    "stream": _stream,
    "growth": _growth,
    "training": _training,
    "start": _start,
}
