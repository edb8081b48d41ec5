"""Make a data set of what the service has kept: `python -m training.collect DIR --out FOLDER`.

DIR is the service's `ROWREADER_MONITOR`. Every picture whose right answer was told goes to
`FOLDER/7/`, and so on, or to `FOLDER/none/` if it shows no digit; `FOLDER/sheet.html` shows them
all. Run again, it adds what is new, and brings nothing back that was removed or moved by hand.
"""

import argparse
import io
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from training.command_line import run_command
from training.errors import PicturesError

_RECORD, _SHEET = "collected.json", "sheet.html"
_MARK = {"written_by": "rowreader"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    return run_command(lambda: _collect(options.kept, options.out), "run the same command again")


def _collect(kept: Path, out: Path) -> None:
    from PIL import Image

    from service.monitoring.records import read_records
    from service.monitoring.segments import find_segments
    from training.data.collection import collect
    from training.runs.run_files import replace

    known = _known(out)  # before anything is written: that it can be
    if not find_segments(kept):
        raise PicturesError(
            f"{kept} holds nothing that the service has kept; name the folder of its "
            "ROWREADER_MONITOR"
        )
    records = read_records(kept)
    collection = collect(records)
    print(f"{kept}: {len(records.predictions)} predictions, {len(records.corrections)} corrections")
    if not (collection.pictures or collection.notes):
        raise PicturesError(
            f"no right answer is kept in {kept}; tell some, by the page for example"
        )
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    added: Counter[str] = Counter()
    for picture in collection.pictures:
        earlier = known.get(picture.name)
        if earlier:
            if earlier["told"] != picture.label:
                collection.changed.append(
                    f"{picture.name}: collected as {earlier['told']}, told {picture.label} since; "
                    "move it if that is right"
                )
            continue
        content = io.BytesIO()
        Image.fromarray(picture.pixels).save(content, "PNG")
        folder = out / picture.label
        folder.mkdir(mode=0o700, exist_ok=True)
        replace(folder / f"{picture.name}.png", content.getvalue())
        added[picture.label] += 1
        made = picture.prediction
        known[picture.name] = {
            "told": picture.label,
            "read": made.digit,
            "confidence": round(made.confidence, 4),
            "model": made.model,
        }
    replace(out / _RECORD, (json.dumps({**_MARK, "pictures": known}, indent=1) + "\n").encode())
    replace(out / _SHEET, _sheet(out, known, collection.notes).encode())
    counts = ", ".join(f"{label}: {added[label]}" for label in sorted(added)) or "none"
    print(f"{out}: new pictures: {added.total()} ({counts})")
    for title, lines in collection.notes.items():
        print(f"{title}: {len(lines)}", *lines, sep="\n  ")
    if collection.without_picture:
        print("the service keeps pictures with ROWREADER_MONITOR_PICTURES=true")
    print(f"look through {out / _SHEET}, then: python -m training.export lstm --more {out}")


def _known(out: Path) -> dict[str, Any]:
    """What was collected into `out` before, by the names of the pictures.

    Raises:
        PicturesError: `out` holds something else, which is left alone.

    """
    record = out / _RECORD
    try:
        document = json.loads(record.read_bytes())
        if _MARK.items() <= document.items() and isinstance(document["pictures"], dict):
            return dict(document["pictures"])
    except FileNotFoundError:
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return {}
    except (ValueError, KeyError, AttributeError, NotADirectoryError):
        pass
    raise PicturesError(
        f"{out} holds something that was not collected there before, so it is left alone; name a "
        "new folder with --out"
    )


def _sheet(out: Path, known: dict[str, Any], notes: dict[str, list[str]]) -> str:
    """The sheet of what lies in `out` now."""
    from training.data.collection import NO_DIGIT
    from training.reports.sheet import SheetPicture, write_sheet

    pictures = {}
    for label in (*map(str, range(10)), NO_DIGIT):
        found = []
        for path in sorted((out / label).glob("*.png")):
            made = known.get(path.stem)
            read = f"{made['model']} read {made['read']}, {made['confidence']:.1%}" if made else ""
            found.append(SheetPicture(f"{label}/{path.name}", read))
        if found:
            pictures[label] = found
    return write_sheet(out.name, pictures, notes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.collect",
        description="Make a data set of the predictions that the service has kept, and of what "
        "was told to be right.",
    )
    parser.add_argument("kept", type=Path, metavar="DIR", help="the service's ROWREADER_MONITOR")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="a new folder, or one that was collected into before",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
