"""The sheet of a collection: every picture beside what was told of it, to look through."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h2 { border-bottom: 1px solid; margin-top: 2rem; }
ul.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr));
  gap: .75rem; list-style: none; padding: 0; }
li { overflow-wrap: anywhere; }
ul.pictures li { font-size: .75rem; }
img { width: 84px; height: 84px; image-rendering: pixelated; display: block; background: #000; }
b { font-size: 1rem; }
"""


@dataclass(frozen=True)
class SheetPicture:
    """A picture of the sheet: its file, relative to the sheet, and what the model had read."""

    file: str
    read: str


def write_sheet(
    title: str,
    pictures: Mapping[str, Sequence[SheetPicture]],
    notes: Mapping[str, Sequence[str]],
) -> str:
    """The sheet as HTML, which needs nothing but the pictures beside it.

    Args:
        title: of the page.
        pictures: by label.
        notes: what is to be looked at, by what it is.

    """
    parts = [
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>",
        f"<h1>{html.escape(title)}</h1>",
        "<p>Each picture lies in the folder of the digit that it is told to be. Move those that "
        "lie in a wrong one, and remove those that nobody could read; they do not come back.</p>",
    ]
    for name, lines in notes.items():
        items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        parts.append(f"<h2>{html.escape(name.capitalize())}: {len(lines)}</h2>\n<ul>{items}</ul>")
    for label, found in pictures.items():
        items = "\n".join(_item(label, picture) for picture in found)
        heading = f"{html.escape(label)}: {len(found)}"
        parts.append(f'<h2>{heading}</h2>\n<ul class="pictures">\n{items}\n</ul>')
    return "\n".join(parts) + "\n"


def _item(label: str, picture: SheetPicture) -> str:
    file = html.escape(picture.file)
    return (
        f'<li><img src="{file}" alt="told {html.escape(label)}" loading="lazy">'
        f"<b>{html.escape(label)}</b> {html.escape(picture.read)}<br>{file}</li>"
    )
