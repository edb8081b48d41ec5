"""The Dockerfile, taken apart for the tests: its instructions, stage by stage."""

import json
import re
import shlex
from dataclasses import dataclass

from tests.support.project import ROOT

DOCKERFILE = ROOT / "Dockerfile"


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, and all that stands behind it."""

    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """What stands behind it, as a shell would divide it, without options."""
        return [word for word in shlex.split(self.rest) if not word.startswith("--")]

    @property
    def command(self) -> list[str]:
        """The command in the form without a shell, which is JSON."""
        command: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return command


def stages() -> dict[str, list[Instruction]]:
    """The instructions of each stage by its name; the last stage, which is the image: `image`."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    found: dict[str, list[Instruction]] = {"": []}
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        if not line.strip():
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            name = re.search(r" AS (\w+)$", rest)
            found[name[1] if name else "image"] = []
        found[list(found)[-1]].append(Instruction(word, rest.strip()))
    return found


def image(word: str) -> list[Instruction]:
    """The instructions of the image itself that begin with `word`."""
    return [instruction for instruction in stages()["image"] if instruction.word == word]
