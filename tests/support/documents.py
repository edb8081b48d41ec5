"""The parts of the documents that follow from the code.

python -m tests.support.documents    # renews them
"""

import re
from collections.abc import Callable
from pathlib import Path

from pydantic_core import PydanticUndefined

from service.errors import known_errors
from service.settings import PREFIX, Settings
from tests.support.project import ROOT

README = ROOT / "README.md"


def errors() -> str:
    """Every error by status: its code and what it means."""
    lines = ["| status | code | meaning |", "| --- | --- | --- |"]
    for error in sorted(known_errors(), key=lambda error: error.status):
        meaning = " ".join((error.__doc__ or "").split())
        lines.append(f"| {error.status.value} | `{error.code}` | {meaning} |")
    return "\n".join(lines)


def settings() -> str:
    """Every setting: its variable, its default and what it does."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        assert field.default is not PydanticUndefined
        default = "`models`" if isinstance(field.default, Path) else _shown(field.default)
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


def _shown(default: object) -> str:
    return f"`{default}`" if default or default == 0 else "none"


SECTIONS: dict[str, Callable[[], str]] = {"errors": errors, "settings": settings}


def section(text: str, name: str) -> str:
    """What stands between the marks of the section `name`."""
    found = re.search(rf"<!-- {name} -->\n\n(.*?)\n\n<!-- /{name} -->", text, re.DOTALL)
    assert found, f"the README has no section {name}"
    return found[1]


def renew(text: str) -> str:
    """`text` with every section as the code has it."""
    for name, write in SECTIONS.items():
        before, _, after = text.partition(section(text, name))
        text = before + write() + after
    return text


def replace_section(name: str, content: str) -> None:
    """Put `content` between the marks of the section `name` in the README."""
    before, _, after = (text := README.read_text(encoding="utf-8")).partition(section(text, name))
    README.write_text(before + content + after, encoding="utf-8")


if __name__ == "__main__":
    README.write_text(renew(README.read_text(encoding="utf-8")), encoding="utf-8")
