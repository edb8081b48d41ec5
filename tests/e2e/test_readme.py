"""What the README posts, as it stands there, to the models that are shipped."""

import json
import math
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.documents import README
from tests.support.project import ROOT
from tests.support.server import Server

pytestmark = pytest.mark.e2e

TEXT = README.read_text(encoding="utf-8")
CURLS = re.findall(r"^\$ (curl .*)$", TEXT, re.MULTILINE)
DIGITS = {"three": 3, "five": 5, "seven": 7}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("command", CURLS)
def test_curl_is_answered_with_the_right_digits(shipped: Server, command: str) -> None:
    command = command.replace("http://localhost:3000", shipped.url)
    done = subprocess.run(
        ["bash", "-c", f"{command} --silent"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    answer = json.loads(done.stdout)
    predictions = answer if isinstance(answer, list) else [answer]
    sent = re.findall(r"=@docs/(\w+)\.png", command)
    assert [prediction["digit"] for prediction in predictions] == [DIGITS[name] for name in sent]


def run_example(shipped: Server, importing: str) -> str:
    """What the one Python example prints that has this import, asking the server `shipped`."""
    examples = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    [example] = [example for example in examples if importing in example]
    program = example.replace("localhost:3000", shipped.url.removeprefix("http://"))
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def test_the_example_with_bentoml_s_client_runs(shipped: Server) -> None:
    first, second = run_example(shipped, "import bentoml").splitlines()
    assert "'digit': 7" in first
    assert second.count("'model': 'rnn'") == 2


def test_the_example_that_hands_state_on_runs(shipped: Server) -> None:
    found = [float(number) for number in run_example(shipped, "import tritonclient").split()]
    expected = [math.cos(step * math.pi / 10) for step in range(30, 40)]
    assert found == pytest.approx(expected, abs=0.2)


def test_the_example_with_triton_s_client_runs(shipped: Server) -> None:
    assert run_example(shipped, "from tritonclient import http") == "(2, 10)\n"
