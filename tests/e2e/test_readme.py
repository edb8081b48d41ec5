"""What the README and docs/ post and run, as it stands there, to the models that are shipped.

A block of commands may be followed by the block of an answer, in JSON, and a block of Python by one
of what it prints; `...` stands there for whatever may differ.
"""

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import documents
from tests.support.project import ROOT
from tests.support.servers.server import Server

pytestmark = pytest.mark.e2e

ANY = "..."
TOLERANCE = 0.01  # of a number that is not an integer
DIGITS = {"three": 3, "five": 5, "seven": 7}


def followed(page: Path, language: str, answer: str) -> list[tuple[str, str]]:
    """The blocks of `language` in `page`, each with the block of `answer` behind it, if any."""
    pattern = rf"^```{language}\n(.*?)^```$(?:\n\n```{answer}\n(.*?)^```$)?"
    found = re.finditer(pattern, documents.text(page), re.DOTALL | re.MULTILINE)
    return [(block[1], block[2] or "") for block in found]


CURLS = [
    (page, command, answer if command == block.splitlines()[-1].removeprefix("$ ") else "")
    for page in documents.PAGES
    for block, answer in followed(page, "console", "json")
    for command in re.findall(r"^\$ (.*\bcurl .*)$", block, re.MULTILINE)
]
PROGRAMS = [
    (page, program, printed)
    for page in documents.PAGES
    for program, printed in followed(page, "python", "text")
]


def named(parameters: list[tuple[Path, str, str]]) -> list[str]:
    return [f"{page.name} {number}" for number, (page, _, _) in enumerate(parameters)]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(("page", "command", "expected"), CURLS, ids=named(CURLS))
def test_curl_is_answered_as_it_stands_there(
    shipped: Server, page: Path, command: str, expected: str
) -> None:
    command = command.replace("http://localhost:3000", shipped.url)
    done = subprocess.run(
        ["bash", "-c", f"{command} --silent"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    answer = json.loads(done.stdout.rpartition("\ndata: ")[2])  # of events the last one's
    sent = re.findall(r"=@docs/(\w+)\.png", command)
    predictions = answer if isinstance(answer, list) else [answer]
    if "predict_number" in command:
        assert answer["text"] == "4071"
    elif sent:
        assert [prediction["digit"] for prediction in predictions] == [
            DIGITS[name] for name in sent
        ]
    else:
        assert expected, f"{page.name} does not show what {command} answers"
    if expected:
        assert_like(answer, json.loads(expected.replace("[...]", f'"{ANY}"')))


def assert_like(found: Any, expected: Any) -> None:
    """`found` is what is `expected`, but for what `...` stands for and for rounding."""
    if expected == ANY:
        return
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_like(found[key], value)
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            assert_like(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=TOLERANCE)
    elif isinstance(expected, str) and expected.endswith(ANY):
        assert found.startswith(expected.removesuffix(ANY))
    else:
        assert found == expected


def test_what_differs_from_a_page_is_noticed() -> None:
    shown = {"digit": 7, "confidence": 0.99, "probabilities": ANY, "preview": "iVBO..."}
    assert_like({"digit": 7, "confidence": 0.991, "probabilities": [], "preview": "iVBOR"}, shown)
    for change in ({"digit": 8}, {"confidence": 0.9}, {"preview": "R0lG"}, {"more": None}):
        with pytest.raises(AssertionError):
            assert_like({**shown, **change}, shown)


@pytest.mark.parametrize(("page", "program", "expected"), PROGRAMS, ids=named(PROGRAMS))
def test_a_program_prints_what_stands_there(
    shipped: Server, page: Path, program: str, expected: str
) -> None:
    program = program.replace("localhost:3000", shipped.url.removeprefix("http://"))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    if "the cosine" in program:  # which figures those are depends on how the model was trained
        found = [float(number) for number in done.stdout.split()]
        cosine = [math.cos(step * math.pi / 10) for step in range(30, 40)]
        assert found == pytest.approx(cosine, abs=0.2)
    else:
        assert expected, f"{page.name} does not show what its program prints"
        assert done.stdout == expected
