"""What a folder of results holds, counted over all of its parts."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow.compute as pc
import pyarrow.dataset as datasets

from service.bulk import stores
from service.bulk.name_lists import Part
from service.bulk.part_reader import SCHEMA
from service.bulk.results_folder import ResultsFolder

_COLUMNS = ["accepted", "reason", "error"]


@dataclass
class Totals:
    """How many images were accepted, not accepted by reason, and not read by error code."""

    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def images(self) -> int:
        """All of them."""
        return self.accepted + self.reasons.total() + self.errors.total()

    def lines(self) -> list[str]:
        """A line for each count that is not zero, all numbers in one column."""
        counts = [("images", self.images), ("accepted", self.accepted)]
        counts += [(f"not accepted, {key}", n) for key, n in self.reasons.most_common()]
        counts += [(f"not read, {key}", n) for key, n in self.errors.most_common()]
        width = max(len(f"{count:,}") for _, count in counts)
        return [f"{count:>{width},}  {name}" for name, count in counts if count]


def count(folder: ResultsFolder, parts: set[Part]) -> Totals:
    """Count the rows of `parts`, of which only three columns are read."""
    totals = Totals()
    if not parts:
        return totals
    store, _ = stores.open_store(folder.name)
    paths = [stores.open_store(folder.part_name(part))[1] for part in sorted(parts)]
    table = datasets.dataset(paths, SCHEMA, filesystem=store, format="parquet")
    for batch in table.to_batches(columns=_COLUMNS):
        totals.accepted += batch["accepted"].true_count
        for found, column in ((totals.reasons, "reason"), (totals.errors, "error")):
            for value in pc.value_counts(batch[column]).to_pylist():
                if value["values"] is not None:
                    found[value["values"]] += value["counts"]
    return totals
