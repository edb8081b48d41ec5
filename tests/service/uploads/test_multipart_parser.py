"""The form's parser is that of one distribution, whatever else is called `multipart`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT

READ = """
import asyncio
from starlette.requests import Request
from service.uploads.form import read_form

PART = b'Content-Disposition: form-data; name="image"; filename="a"'
FORM = b"\\r\\n".join([b"--b", PART, b"", b"abc", b"--b--", b""])

async def receive():
    return {"type": "http.request", "body": FORM, "more_body": False}

headers = [(b"content-type", b"multipart/form-data; boundary=b")]
scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
print(asyncio.run(read_form(Request(scope, receive), "image", 1)).files)
"""


@pytest.mark.parametrize("other", ["multipart/__init__.py", "multipart.py"])
def test_another_module_of_the_name_is_never_imported(tmp_path: Path, other: str) -> None:
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / other).write_text("raise ImportError('the wrong one')")
    run = subprocess.run(
        [sys.executable, "-c", READ],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.stdout.split() == ["[b'abc']"], run.stderr
