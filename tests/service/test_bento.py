"""What rests on BentoML's insides: looked for at start, and missed by name."""

import pkgutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.support.project import ROOT
from tests.support.servers.server import environment

with warnings.catch_warnings():
    # BentoML's import uses what pathspec and pydantic have deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from bentoml.exceptions import BentoMLConfigException

    from service import bento


@pytest.mark.parametrize("name", bento.RELIED_ON)
def test_what_is_missing_is_named_with_the_versions_that_have_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, path = name.partition(":")
    parent, _, attribute = path.rpartition(".")
    holder = pkgutil.resolve_name(f"{module}:{parent}" if parent else module)
    if attribute in dir(holder):
        for owner in [holder, *getattr(holder, "__mro__", ())]:  # it may have it of a parent
            if attribute in vars(owner):
                monkeypatch.delattr(owner, attribute)
    else:  # made when it is asked for
        grandparent, _, last = parent.rpartition(".")
        target = pkgutil.resolve_name(f"{module}:{grandparent}")
        monkeypatch.setattr(target, last, object())
    with pytest.raises(BentoMLConfigException) as raised:
        bento.find_parts()
    message = str(raised.value)
    assert f"lack {name.replace(':', '.')}, on which" in message
    wanted = bento.WORK_TOGETHER.get(name.partition(".")[0], "bentoml>=1.4.39,<1.5")
    assert f"pip install '{wanted}'" in message
    assert "\n" not in message


def test_a_server_that_lacks_something_ends_with_one_line(tmp_path: Path) -> None:
    hiding = "import _bentoml_sdk.io_models as m; del m.IORootModel\n"
    (tmp_path / "hide.py").write_text(
        "import runpy, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        f"{hiding}"
        "sys.argv = ['bentoml', 'serve', '--port', '0']\n"
        "runpy.run_module('bentoml', run_name='__main__')\n"
    )
    run = subprocess.run(
        [sys.executable, str(tmp_path / "hide.py")],
        cwd=ROOT,
        env={**environment(tmp_path, {}), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode != 0
    [line] = run.stderr.strip().splitlines()
    assert "lack _bentoml_sdk.io_models.IORootModel" in line


def test_what_is_named_as_the_remedy_is_what_constraints_pin() -> None:
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    assert set(bento.WORK_TOGETHER.values()) <= set(pinned)
