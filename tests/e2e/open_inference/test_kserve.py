"""The Open Inference Protocol by KServe's own client, which runs in an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.published import picture
from tests.support.servers.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PYTHON = Path(os.environ.get("KSERVE_PYTHON", f"{sys.prefix}/kserve/bin/python"))
PROGRAM = Path(__file__).with_name("kserve_client.py")
ROWS = np.stack([picture(d) for d in (3, 7)]).astype(np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def answers(server: Server) -> dict[str, Any]:
    """What the client got."""
    if not PYTHON.exists():
        pytest.skip(
            f"KServe's client is not at {PYTHON}: run `make test-all`, or set KSERVE_PYTHON"
        )
    done = subprocess.run(
        [PYTHON, PROGRAM, server.url],
        input=json.dumps(ROWS.tolist()),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_health(answers: dict[str, Any]) -> None:
    assert (answers["live"], answers["ready"]) == (True, True)
    assert answers["models"] == [True, False]


def test_inference_in_bytes_and_in_json(answers: dict[str, Any]) -> None:
    assert answers["digits"] == [[3, 7]] * 2 + [[4, 8]] * 2
    assert answers["ids"] == ["a7"] * 4
    assert answers["chosen"] == ["logits"]


def test_state_that_comes_out_goes_in_again(answers: dict[str, Any]) -> None:
    expected = [3 * ROWS.sum(axis=(1, 2))] * 2
    np.testing.assert_allclose(answers["totals"], expected, rtol=1e-6, atol=0)


def test_a_refusal_says_why(answers: dict[str, Any]) -> None:
    status, message = answers["unknown"]
    assert (status, "there is no model 'vit'" in message) == (404, True)
    status, message = answers["outside"]
    assert (status, "rows[0][10][4] is 255.0" in message) == (422, True)
