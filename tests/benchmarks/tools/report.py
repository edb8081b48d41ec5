"""Tables of measurements, each row beside its goal, for people (Markdown) and programs (JSON)."""

import dataclasses
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.benchmarks.tools.timing import Spread

Bound = Literal["at least", "at most", "above", "under"]
_HOLDS: dict[Bound, Callable[[float, float], bool]] = {
    "at least": operator.ge,
    "at most": operator.le,
    "above": operator.gt,
    "under": operator.lt,
}


@dataclass(frozen=True)
class Goal:
    """What was wished for, and whether it was found; the median decides.

    `found` is None when it could not be measured, and `note` then says why.
    """

    what: str
    bound: Bound
    target: float
    found: Spread | float | None
    unit: str = "x"
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where it was not measured."""
        if self.found is None:
            return None
        value = self.found.median if isinstance(self.found, Spread) else self.found
        return _HOLDS[self.bound](value, self.target)

    @property
    def wish(self) -> str:
        """The goal itself in words."""
        return f"{self.bound} {self.target:g} {self.unit}"

    @property
    def measured(self) -> str:
        """What was found in words, or why nothing was."""
        if self.found is None:
            return self.note
        value = self.found.shown(2) if isinstance(self.found, Spread) else f"{self.found:.2f}"
        return f"{value} {self.unit}" + (f"; {self.note}" if self.note else "")

    @property
    def verdict(self) -> str:
        """One of "reached", "not reached", "not measured"."""
        return {True: "reached", False: "not reached", None: "not measured"}[self.reached]

    def __str__(self) -> str:
        return f"{self.what} {self.wish}: {self.measured}, {self.verdict}"


@dataclass
class Table:
    """Rows of text under `columns`, the last of which is each row's goals."""

    columns: Sequence[str]
    names: int  # how many of the first columns name a row
    rows: list[tuple[list[str], list[Goal]]] = field(default_factory=list)

    def add(self, *cells: str, goals: Sequence[Goal] = ()) -> None:
        """One more row.

        Raises:
            ValueError: it has not as many cells as there are columns.

        """
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for {len(self.columns)} columns: {cells}")
        self.rows.append((list(cells), list(goals)))

    @property
    def goals(self) -> list[tuple[str, Goal]]:
        """Of all rows, each with the name of its row."""
        return [(", ".join(cells[: self.names]), g) for cells, goals in self.rows for g in goals]

    def markdown(self) -> str:
        """The table; the column of goals is only there when a row has one."""
        shown: list[list[str]] = [list(self.columns), ["---"] * len(self.columns)]
        shown += [cells for cells, _ in self.rows]
        if self.goals:
            goals = ["; ".join(map(str, goals)) or "-" for _, goals in self.rows]
            shown = [
                [*cells, last] for cells, last in zip(shown, ["goal", "---", *goals], strict=True)
            ]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in shown)


@dataclass
class Part:
    """One part of the benchmark: how it was measured, its table, and all its samples."""

    name: str
    how: str  # what was measured on what, in sentences
    table: Table
    samples: dict[str, Any]  # for JSON: every round

    def markdown(self) -> str:
        """The part in words and its table."""
        return f"{self.how}\n\n{self.table.markdown()}"

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain data."""
        goals = [
            {"row": row, **dataclasses.asdict(goal), "reached": goal.reached}
            for row, goal in self.table.goals
        ]
        rows = [dict(zip(self.table.columns, cells, strict=True)) for cells, _ in self.table.rows]
        return {"how": self.how, "rows": rows, "goals": goals, "samples": self.samples}


def summary(parts: Sequence[Part]) -> str:
    """Every goal of every part, beside what was found."""
    table = Table(("part", "row", "what", "goal", "found", "verdict"), names=2)
    for part in parts:
        for row, goal in part.table.goals:
            table.add(part.name, row, goal.what, goal.wish, goal.measured, goal.verdict)
    return table.markdown()
