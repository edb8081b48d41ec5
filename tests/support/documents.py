"""The pages that people read, and the parts of them that follow from the code.

python -m tests.support.documents    # renews those parts

Such a part stands between the marks `<!-- NAME -->` and `<!-- /NAME -->` of exactly one page. Parts
that only a measurement can give are between marks too; the commands that measure print them.
"""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

import models
from models.manifest import Manifest, discover, read
from service.errors import known_errors
from service.settings import PREFIX, Settings
from tests.support.project import ROOT
from tests.support.servers import request_path
from training.recipes.plain import score_name
from training.recipes.shipped import RECIPES

# Of the table of what is known after a row.
_ROWS, _STOPS = (7, 14, 21, 28), (0.9, 0.99, 0.999)

README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))


def text(page: Path) -> str:
    """What `page` holds."""
    return page.read_text(encoding="utf-8")


def page_of(name: str) -> Path:
    """The page that has the section `name`."""
    [page] = [page for page in PAGES if f"\n<!-- {name} -->\n" in text(page)]
    return page


def section(name: str) -> str:
    """What stands between the marks of the section `name`."""
    page = page_of(name)
    found = re.search(rf"<!-- {name} -->\n\n(.*?)\n\n<!-- /{name} -->", text(page), re.DOTALL)
    assert found, f"{page.name} does not close its section {name}, or has no empty lines around it"
    return found[1]


def replace_section(name: str, content: str) -> None:
    """Put `content` between the marks of the section `name`."""
    page, marked = page_of(name), "<!-- {0} -->\n\n{1}\n\n<!-- /{0} -->".format
    changed = text(page).replace(marked(name, section(name)), marked(name, content))
    page.write_text(changed, encoding="utf-8")


def blocks(language: str, page: Path) -> list[str]:
    """The fenced blocks of `language` in `page`, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text(page), re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """`page` without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text(page), flags=re.DOTALL | re.MULTILINE)


def table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def cells(row: str) -> list[str]:
    """The cells of one row of a table in Markdown."""
    return [cell.strip() for cell in row.strip().strip("|").split(" | ")]


def errors() -> str:
    """Every error by status: its code and what it means."""
    known = sorted(known_errors(), key=lambda error: error.status)
    rows = [
        (str(error.status.value), f"`{error.code}`", _one_line(error.__doc__ or ""))
        for error in known
    ]
    return table(("status", "code", "meaning"), rows)


def settings() -> str:
    """Every setting: its variable, its default and what it does."""
    rows = []
    for name, field in Settings.model_fields.items():
        assert field.default is not PydanticUndefined
        default = "`models`" if isinstance(field.default, Path) else _shown(field.default)
        rows.append((f"`{PREFIX}{name.upper()}`", default, field.description or ""))
    return table(("variable", "default", "meaning"), rows)


def _shown(default: object) -> str:
    return f"`{default}`" if default or default == 0 else "none"


def results() -> str:
    """The shipped classifiers as they are served: the ONNX rows of the section `forms`."""
    found = {}
    for row in section("forms").splitlines():
        model, form, *rest = [*cells(row), ""]
        if form == "ONNX":
            accuracy, size, one, many, _, same = rest[:6]
            found[model.strip("`")] = (model, accuracy, size, one, many, same)
    columns = (
        "model",
        "MNIST test images read right",
        "file",
        "µs a picture, batch of 1",
        "batch of 256",
        "same decisions as PyTorch",
    )
    return table(columns, [found[name] for name in RECIPES])


def proofs() -> str:
    """What the proof found for every published model, form by form, from the manifests."""
    rows = []
    for folder in discover(Path(models.__file__).parent):
        manifest = read(folder)
        rows += [(f"`{manifest.name}`", *found) for found in _proofs(manifest)]
    columns = ("model", "form", "on", "largest difference", "what the task asks for")
    return table(columns, rows)


def _proofs(manifest: Manifest) -> Iterator[tuple[str, ...]]:
    for form, provider in dict.fromkeys((row.backend, row.provider) for row in manifest.parity):
        found = [row for row in manifest.parity if (row.backend, row.provider) == (form, provider)]
        if form == "eager":  # the reference
            continue
        agreed = [row.agreed for row in found if row.agreed is not None]
        growth = [row.growth for row in found if row.growth is not None]
        if agreed:
            asked = f"{min(agreed):,} of {found[0].n:,} decisions the same"
            if growth:
                asked += f"; row by row the difference is {max(growth):.2f} times that at once"
        else:
            asked = f"squared error {max(row.error or 0.0 for row in found):.4f}"
        if growth and not agreed:
            asked += f"; the difference grows {max(growth):.2f} times over {found[0].n:,} windows"
        difference = max(row.max_difference for row in found)
        yield form, provider, f"{difference:.1e}", asked


def row_readings() -> str:
    """What each classifier of rows is worth after some rows, and decides early, by its manifest."""
    rows = []
    found = [read(folder).row_reading for folder in discover(Path(models.__file__).parent)]
    for reading in filter(None, found):
        early = [
            f"{decision.accuracy:.2%} after {decision.rows:.1f} rows"
            for decision in reading.early_decisions
        ]
        after = [f"{reading.accuracies[row - 1]:.1%}" for row in _ROWS]
        error = f"{max(reading.calibration_errors):.3f}"
        rows.append((f"`{reading.whole}`", *after, error, *early))
    after = [f"right after row {row}" for row in _ROWS]
    stops = [f"`stop_at={stop:g}`" for stop in _STOPS]
    return table(("model", *after, "worst calibration error", *stops), rows)


def shipped() -> str:
    """How every published model was made and what it came to, from the manifests."""
    rows = []
    for folder in discover(Path(models.__file__).parent):
        manifest = read(folder)
        made, trained = manifest.provenance, manifest.provenance["trained_with"]
        test = manifest.metric("test", score_name(manifest.task))
        score = f"{test.value:.2%} right" if test.name == "accuracy" else f"error {test.value:.4f}"
        threads = f"{trained['threads']} thread{'s' * (trained['threads'] != '1')}"
        rows.append(
            (
                f"`{manifest.name}`",
                manifest.task,
                f"{made['epochs']}",
                f"{made['training_seconds'] / 60:.1f} minutes, {trained['device']}, {threads}",
                score,
                f"{manifest.calibration.threshold:.2f}" if manifest.calibration else "-",
            )
        )
    columns = ("model", "task", "epochs", "training took", "on the test data", "accepted from")
    return table(columns, rows)


def service_rooms() -> str:
    """The rooms of the service, from the top layer down, as their docstrings tell of them."""
    return _rooms("service")


def training_rooms() -> str:
    """The rooms of training, from the top layer down, as their docstrings tell of them."""
    return _rooms("training")


def _rooms(package: str) -> str:
    rows = []
    for number, layer in enumerate(layers(package), start=1):
        for name in layer:
            path = ROOT / package / name
            shown = f"`{name}/`" if path.is_dir() else f"`{name}.py`"
            file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            paragraphs = (ast.get_docstring(ast.parse(text(file))) or "").split("\n\n")
            # A folder's docstring has a second paragraph: what comes in and what goes out.
            told = " ".join(paragraphs if path.is_dir() else paragraphs[:1])
            rows.append((str(number), shown, _one_line(told).replace("|", "\\|")))
    return table(("layer", "room", "what happens there"), rows)


def layers(package: str) -> list[list[str]]:
    """The rooms of `package` as import-linter is told of them, those of one layer together."""
    project: dict[str, Any] = tomllib.loads(text(ROOT / "pyproject.toml"))
    contracts = project["tool"]["importlinter"]["contracts"]
    [contract] = [each for each in contracts if each.get("containers") == [package]]
    return [layer.split(" | ") for layer in contract["layers"]]


def _one_line(words: str) -> str:
    return " ".join(words.split())


# In this order: the results are a part of what another section holds.
SECTIONS: dict[str, Callable[[], str]] = {
    "errors": errors,
    "settings": settings,
    "results": results,
    "proofs": proofs,
    "shipped": shipped,
    "row-readings": row_readings,
    "service-rooms": service_rooms,
    "training-rooms": training_rooms,
    "request": request_path.drawing,
}


if __name__ == "__main__":
    for name, write in SECTIONS.items():
        replace_section(name, write())
