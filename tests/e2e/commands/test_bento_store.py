"""`python -m training.export --bento-store`: models that BentoML's commands move, and we serve."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.inference import registry
from service.settings import Settings
from tests.support.project import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def run(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Python with these words, where BentoML keeps everything in `home`."""
    environ = {**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "true"}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environ, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_models_are_stored_moved_and_served(tmp_path: Path, models_dir: Path) -> None:
    here, there, packed = tmp_path / "here", tmp_path / "there", tmp_path / "packed.bentomodel"
    store = ("-m", "training.export", "--bento-store", "--models-dir", str(models_dir))
    stored = run(here, *store)
    assert stored.returncode == 0, stored.stderr
    tag = stored.stdout.strip()
    assert tag.startswith("rowreader-models:")
    again = run(here, *store)
    assert (again.returncode, again.stdout) == (0, stored.stdout)

    assert run(here, "-m", "bentoml", "models", "export", tag, str(packed)).returncode == 0
    assert run(there, "-m", "bentoml", "models", "import", str(packed)).returncode == 0
    # `bentoml models get --output path` breaks the path into lines of a terminal.
    place = f"import bentoml; print(bentoml.models.get('{tag}').path)"
    found = run(there, "-c", place).stdout.strip()
    loaded = registry.load(Settings.from_environment(models_dir=found, device="cpu"))
    assert set(loaded.providers) == {"lstm", "gru", "rnn", "lstm-rows"}


def test_what_cannot_be_stored_is_said_in_a_line(tmp_path: Path) -> None:
    refused = run(tmp_path, "-m", "training.export", "--bento-store", "--models-dir", str(tmp_path))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: no model is published in {tmp_path}; publish with ")
    named = run(tmp_path, "-m", "training.export", "lstm", "--bento-store")
    assert named.returncode == 2
    assert "takes no NAME" in named.stderr
