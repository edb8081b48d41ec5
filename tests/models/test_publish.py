"""Publishing: the old model or the new one, never a mixture and never nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models import manifest, publish
from models.manifest import ManifestError
from tests.support.manifests import example


def stage(root: Path, name: str, graph: bytes) -> Path:
    """A complete staged folder whose graph is `graph`."""
    staged = root / f".{name}-{os.getpid()}"
    example(staged, name)
    (staged / "model.onnx").write_bytes(graph)
    text = example_with(staged, name, graph).to_json()
    (staged / manifest.FILENAME).write_text(text)
    return staged


def example_with(folder: Path, name: str, graph: bytes) -> manifest.Manifest:
    described = example(folder, name)
    (folder / "model.onnx").write_bytes(graph)
    entry = manifest.File.of(folder / "model.onnx", "onnx", opset=17)
    return manifest.Manifest(**{**vars(described), "files": (entry,)})


def test_the_first_publication_creates_the_folder(tmp_path: Path) -> None:
    publish.publish(stage(tmp_path, "example", b"new"), tmp_path / "example")
    assert (tmp_path / "example" / "model.onnx").read_bytes() == b"new"
    manifest.verify(tmp_path / "example", manifest.read(tmp_path / "example"))


def test_a_publication_replaces_the_whole_folder(tmp_path: Path) -> None:
    publish.publish(stage(tmp_path, "example", b"old"), tmp_path / "example")
    (tmp_path / "example" / "stray").write_text("of the old one")
    publish.publish(stage(tmp_path, "example", b"new"), tmp_path / "example")
    assert sorted(p.name for p in (tmp_path / "example").iterdir()) == [
        "manifest.json",
        "model.onnx",
    ]
    assert (tmp_path / "example" / "model.onnx").read_bytes() == b"new"


def test_an_incomplete_folder_is_not_published(tmp_path: Path) -> None:
    publish.publish(stage(tmp_path, "example", b"old"), tmp_path / "example")
    staged = stage(tmp_path, "example", b"new")
    (staged / "model.onnx").unlink()
    with pytest.raises(ManifestError, match="missing"):
        publish.publish(staged, tmp_path / "example")
    assert (tmp_path / "example" / "model.onnx").read_bytes() == b"old"


def test_without_the_exchange_call_two_renames_do_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish.publish(stage(tmp_path, "example", b"old"), tmp_path / "example")
    monkeypatch.setattr(sys, "platform", "other")
    publish.publish(stage(tmp_path, "example", b"new"), tmp_path / "example")
    assert (tmp_path / "example" / "model.onnx").read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["example"]


def test_what_a_kill_between_two_renames_left_aside_comes_back(tmp_path: Path) -> None:
    publish.publish(stage(tmp_path, "example", b"old"), tmp_path / "example")
    (tmp_path / "example").rename(tmp_path / ".example-replaced")
    with publish.staging(tmp_path, "example"):
        assert (tmp_path / "example" / "model.onnx").read_bytes() == b"old"


def test_staging_leaves_nothing_behind(tmp_path: Path) -> None:
    with publish.staging(tmp_path, "example") as staged:
        (staged / "half").write_text("half")
    assert list(tmp_path.iterdir()) == []


def test_staging_clears_what_a_killed_run_left_and_spares_a_running_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    dead = tmp_path / f".example-{done.stdout.strip()}"
    alive = tmp_path / f".example-{os.getppid()}"
    dead.mkdir()
    alive.mkdir()
    with publish.staging(tmp_path, "example"):
        assert not dead.exists()
        assert alive.exists()


def test_readers_never_see_a_mixture_or_nothing_while_models_are_published(tmp_path: Path) -> None:
    """A reader in another process opens the folder once and verifies it, again and again."""
    publish.publish(stage(tmp_path, "example", b"first"), tmp_path / "example")
    reader = (
        "import os, sys, hashlib, json\n"
        "for _ in range(3000):\n"
        "    here = os.open(sys.argv[1], os.O_RDONLY)\n"
        "    read = lambda name: open(os.open(name, os.O_RDONLY, dir_fd=here), 'rb').read()\n"
        "    try:\n"
        "        told = json.loads(read('manifest.json'))['files'][0]['sha256']\n"
        "        assert told == hashlib.sha256(read('model.onnx')).hexdigest()\n"
        "    finally:\n"
        "        os.close(here)\n"
    )
    # What was replaced is deleted under the reader's hands at the end, so it is kept here.
    with subprocess.Popen([sys.executable, "-c", reader, str(tmp_path / "example")]) as process:
        count = 0
        while process.poll() is None:
            kept = stage(tmp_path, "example", f"graph {count}".encode())
            publish.publish(kept, tmp_path / "example")
            kept.rename(tmp_path / f".kept-{count}")
            count += 1
    assert process.returncode == 0
    assert count > 1
