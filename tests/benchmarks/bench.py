"""How fast everything is, beside what it should be: `make bench`, 20 minutes on two cores.

    python -m tests.benchmarks.bench                      # all parts
    python -m tests.benchmarks.bench model service        # these
    python -m tests.benchmarks.bench --quick              # seconds a part: to see that it works
    python -m tests.benchmarks.bench --publish            # also into docs/speed.md

Every part is measured alone, one after the other; within a part the contenders take turns, and
ratios are taken within a round. The tables are printed, and written with all samples as JSON and
with plots to `runs/bench/`. What a part does is told by its file in `tests/benchmarks/parts/`.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.parts import gpu, growth, model, service, start, stream, training
from tests.benchmarks.tools import plots
from tests.benchmarks.tools.conditions import conditions, sentence
from tests.benchmarks.tools.report import Part, Table, summary
from tests.support import documents
from tests.support.project import ROOT

FOLDER = ROOT / "runs" / "bench"
DOCS = ROOT / "docs"
SECTION = "speed"  # of docs/speed.md: the goals of all parts; those of each part begin with it

WHOLE: dict[str, Callable[[], Part]] = {
    "model": lambda: model.measure(model.Budget()),
    "gpu": lambda: gpu.measure(gpu.Budget()),
    "service": lambda: service.measure(service.Budget()),
    "stream": lambda: stream.measure(stream.Budget()),
    "growth": lambda: growth.measure(growth.Budget()),
    "training": lambda: training.measure(training.Budget()),
    "start": lambda: start.measure(start.Budget()),
}
QUICK: dict[str, Callable[[], Part]] = {
    "model": lambda: model.measure(
        model.Budget(rounds=2, seconds=0.001, cells=("lstm",), batches=(1, 8))
    ),
    "gpu": lambda: gpu.measure(gpu.Budget(rounds=2, many=8, cells=("lstm",))),
    "service": lambda: service.measure(service.Budget(rounds=1, connections=(4,))),
    "stream": lambda: stream.measure(stream.Budget(streams=(2,), seconds=1)),
    "growth": lambda: growth.measure(
        growth.Budget(1, cells=("lstm",), batches=(1, 2), sides=(28, 64), connections=(1, 2))
    ),
    "training": lambda: training.measure(training.Budget(seconds=1, steps=10)),
    "start": lambda: start.measure(start.Budget(rounds=1, pictures=2, backends=(start.ONNX,))),
}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Measure speed, side by side with others.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(WHOLE)} (all)")
    parser.add_argument("--quick", action="store_true", help="so short that figures mean nothing")
    parser.add_argument(
        "--publish", action="store_true", help="put what was measured into docs/speed.md"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="default: runs/bench")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - WHOLE.keys():
        parser.error(f"there is no part {', '.join(unknown)}; choose from {', '.join(WHOLE)}")
    found = conditions()
    measured = QUICK if arguments.quick else WHOLE
    parts = [_measured(name, measured[name]) for name in arguments.parts or WHOLE]
    text = f"{summary(parts)}\n\nMeasured on: {sentence(found)}"
    print(f"\n{text}")
    write(arguments.folder, parts, found, text)
    if arguments.publish:
        publish(parts, sentence(found))


def publish(parts: list[Part], measured_on: str) -> None:
    """Put the goals, the tables and the plots of `parts` into docs/speed.md.

    Each part has its section there; all goals stand in one table before them. Parts that were not
    asked for, or could not be measured on this machine, keep the figures that they have, and so
    does what stands between the sections.
    """
    measured = [part for part in parts if any(part.samples.values())]
    for part in measured:
        table = Table(part.table.columns, part.table.names)
        for row, _ in part.table.rows:
            table.add(*row)
        content = f"{part.how}\n\n{table.markdown()}\n\nMeasured on: {measured_on}"
        plot = DOCS / f"speed_{part.name}.png"
        plots.draw(part, plot)
        if plot.exists():
            content += f"\n\n![Speed, {part.name}]({plot.name})"
        documents.replace_section(f"{SECTION}-{part.name}", content)
    documents.replace_section(SECTION, _goals(documents.section(SECTION), measured))


def _goals(published: str, parts: list[Part]) -> str:
    """The table of goals that is `published`, with the rows of `parts` instead of their old ones.

    Rows are in the order of the parts.
    """
    head, rows = summary(parts).splitlines()[:2], summary(parts).splitlines()[2:]
    renewed = {part.name for part in parts}
    rows += [
        row
        for row in published.splitlines()[2:]
        if documents.cells(row)[0] in WHOLE.keys() - renewed
    ]
    order = list(WHOLE)
    return "\n".join([*head, *sorted(rows, key=lambda row: order.index(documents.cells(row)[0]))])


def write(folder: Path, parts: list[Part], found: dict[str, Any], text: str) -> None:
    """JSON, Markdown and plots in `folder`; parts of an earlier run that were not measured stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        document = {"conditions": found, **part.to_json()}
        (folder / f"{part.name}.json").write_text(
            json.dumps(_finite(document), indent=1) + "\n", encoding="utf-8"
        )
        plots.draw(part, folder / f"{part.name}.png")
    tables = "\n\n".join([text, *map(_titled, parts)])
    (folder / "report.md").write_text(tables + "\n", encoding="utf-8")
    print(f"\nWritten to {folder}")


def _measured(name: str, measure: Callable[[], Part]) -> Part:
    started = time.monotonic()
    part = measure()
    print(f"\n## {name} ({time.monotonic() - started:.0f} s)\n\n{part.markdown()}", flush=True)
    return part


def _titled(part: Part) -> str:
    return f"## {part.name.capitalize()}\n\n{part.markdown()}"


def _finite(value: Any) -> Any:
    """JSON has neither infinity nor NaN: null."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    main()
