"""Publishing: the old model or the new one, and never anything that was not published."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models import manifest, publish
from models.manifest import File, Manifest, ManifestError, Tensor
from models.publish import PublishError

GRAPH = "model.onnx"


def write_model(folder: Path, name: str, graph: bytes) -> Path:
    """A complete model folder whose graph is `graph`."""
    folder.mkdir(parents=True)
    (folder / GRAPH).write_bytes(graph)
    described = Manifest(
        name=name,
        task="classify",
        recipe={},
        labels=("0", "1"),
        inputs=(Tensor(name="rows", dtype="float32", dims=("batch", 28, 28)),),
        outputs=(Tensor(name="logits", dtype="float32", dims=("batch", 2)),),
        files=(File.of(folder / GRAPH, "onnx", opset=17),),
        metrics=(),
        parity=(),
        provenance={},
    )
    (folder / manifest.FILENAME).write_text(described.to_json())
    return folder


def publish_model(root: Path, name: str, graph: bytes) -> None:
    """Publish as training does."""
    with publish.staging(root, name) as staged:
        staged.rmdir()
        publish.publish(write_model(staged, name, graph), root / name)


def everything(root: Path) -> dict[str, str | bytes | None]:
    """All that lies below `root`: links by their target, files by their content, folders."""
    return {
        str(path.relative_to(root)): (
            str(path.readlink())
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else None
        )
        for path in sorted(root.rglob("*"))
    }


def test_the_first_publication_creates_the_folder(tmp_path: Path) -> None:
    publish_model(tmp_path, "example", b"new")
    assert (tmp_path / "example" / GRAPH).read_bytes() == b"new"
    manifest.verify(tmp_path / "example", manifest.read(tmp_path / "example"))


def test_a_publication_replaces_the_whole_folder_and_leaves_nothing_beside(tmp_path: Path) -> None:
    publish_model(tmp_path, "example", b"old")
    publish_model(tmp_path, "example", b"new")
    assert everything(tmp_path).keys() == {"example", "example/manifest.json", f"example/{GRAPH}"}
    assert (tmp_path / "example" / GRAPH).read_bytes() == b"new"


@pytest.mark.parametrize(
    ("damage", "content"),
    [(GRAPH, b""), (manifest.FILENAME, None)],
    ids=["a damaged graph", "a manifest of another version"],
)
def test_a_damaged_model_can_be_published_again(
    tmp_path: Path, damage: str, content: bytes | None
) -> None:
    publish_model(tmp_path, "example", b"old")
    path = tmp_path / "example" / damage
    if content is None:
        content = path.read_bytes().replace(b'"schema_version": 1', b'"schema_version": 99')
    path.write_bytes(content)
    publish_model(tmp_path, "example", b"new")
    assert (tmp_path / "example" / GRAPH).read_bytes() == b"new"


class TestForeign:
    """What training did not publish is refused by name, with the remedy, and stays."""

    def check(self, root: Path, what: str) -> None:
        before = everything(root)
        with pytest.raises(PublishError) as caught:
            publish_model(root, "example", b"new")
        message = str(caught.value)
        assert message.startswith(f"{root / 'example'} {what}, which was not published by training")
        assert "move it to another place, or name another folder with --models-dir" in message
        assert everything(root) == before

    def test_a_folder_of_other_files(self, tmp_path: Path) -> None:
        (tmp_path / "example").mkdir()
        (tmp_path / "example" / "thesis.txt").write_text("precious")
        self.check(tmp_path, "holds thesis.txt")

    def test_a_file_beside_a_published_model(self, tmp_path: Path) -> None:
        publish_model(tmp_path, "example", b"old")
        (tmp_path / "example" / "notes.txt").write_text("precious")
        self.check(tmp_path, "holds notes.txt")

    def test_a_folder_in_a_published_model(self, tmp_path: Path) -> None:
        publish_model(tmp_path, "example", b"old")
        (tmp_path / "example" / "more").mkdir()
        self.check(tmp_path, "holds more")

    def test_a_folder_in_the_place_of_a_named_file(self, tmp_path: Path) -> None:
        publish_model(tmp_path, "example", b"old")
        (tmp_path / "example" / GRAPH).unlink()
        (tmp_path / "example" / GRAPH).mkdir()
        self.check(tmp_path, f"holds {GRAPH}")

    def test_a_manifest_of_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "example").mkdir()
        (tmp_path / "example" / manifest.FILENAME).write_text('{"name": "a browser extension"}')
        self.check(tmp_path, f"holds {manifest.FILENAME}")

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        (tmp_path / "example").mkdir()
        self.check(tmp_path, "is an empty folder")

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "example").write_text("precious")
        self.check(tmp_path, "is a file")

    @pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
    def test_a_link_even_to_a_published_model(self, tmp_path: Path, target: str) -> None:
        write_model(tmp_path / "elsewhere", "example", b"old")
        (tmp_path / "example").symlink_to(tmp_path / target)
        self.check(tmp_path, "is a link")

    def test_what_comes_while_the_model_is_written(self, tmp_path: Path) -> None:
        publish_model(tmp_path, "example", b"old")
        with publish.staging(tmp_path, "example") as staged:
            staged.rmdir()
            write_model(staged, "example", b"new")
            (tmp_path / "example" / "notes.txt").write_text("precious")
            with pytest.raises(PublishError, match=r"holds notes\.txt"):
                publish.publish(staged, tmp_path / "example")
        assert (tmp_path / "example" / "notes.txt").read_text() == "precious"
        assert (tmp_path / "example" / GRAPH).read_bytes() == b"old"

    def test_what_comes_as_the_folders_are_exchanged(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish_model(tmp_path, "example", b"old")
        notes = tmp_path / "example" / "notes.txt"
        exchange = publish._exchange

        def late(first: Path, second: Path) -> None:
            if not (first / notes.name).exists():
                notes.write_text("precious")
            exchange(first, second)

        monkeypatch.setattr(publish, "_exchange", late)
        with pytest.raises(PublishError, match=r"holds notes\.txt"):
            publish_model(tmp_path, "example", b"new")
        assert notes.read_text() == "precious"
        assert (tmp_path / "example" / GRAPH).read_bytes() == b"old"

    def test_hidden_folders_with_a_number(self, tmp_path: Path) -> None:
        """They look like what a killed run leaves, almost."""
        notes = tmp_path / ".example-2024" / "notes.txt"
        notes.parent.mkdir()
        notes.write_text("precious")
        publish_model(tmp_path, "example", b"new")
        assert notes.read_text() == "precious"

    def test_what_lies_where_the_old_model_is_put_aside(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish_model(tmp_path, "example", b"old")
        notes = tmp_path / ".example.replaced" / "notes.txt"
        notes.parent.mkdir()
        notes.write_text("precious")
        monkeypatch.setattr(sys, "platform", "other")  # where no call exchanges folders
        with pytest.raises(PublishError, match=r"\.example\.replaced holds notes\.txt"):
            publish_model(tmp_path, "example", b"new")
        assert notes.read_text() == "precious"
        assert (tmp_path / "example" / GRAPH).read_bytes() == b"old"


def test_an_incomplete_folder_is_not_published(tmp_path: Path) -> None:
    publish_model(tmp_path, "example", b"old")
    staged = write_model(tmp_path / ".staged", "example", b"new")
    (staged / GRAPH).unlink()
    with pytest.raises(ManifestError, match="missing"):
        publish.publish(staged, tmp_path / "example")
    assert (tmp_path / "example" / GRAPH).read_bytes() == b"old"


def test_without_the_exchange_call_renames_do_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_model(tmp_path, "example", b"old")
    monkeypatch.setattr(sys, "platform", "other")
    publish_model(tmp_path, "example", b"new")
    assert (tmp_path / "example" / GRAPH).read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["example"]


def test_what_a_kill_between_two_renames_left_aside_comes_back(tmp_path: Path) -> None:
    publish_model(tmp_path, "example", b"old")
    (tmp_path / "example").rename(tmp_path / ".example.replaced")
    with publish.staging(tmp_path, "example"):
        assert (tmp_path / "example" / GRAPH).read_bytes() == b"old"


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
    dead = tmp_path / f".example.staging-{done.stdout.strip()}"
    alive = tmp_path / f".example.staging-{os.getppid()}"
    dead.mkdir()
    alive.mkdir()
    with publish.staging(tmp_path, "example"):
        assert not dead.exists()
        assert alive.exists()


def test_readers_never_see_a_mixture_or_nothing_while_models_are_published(tmp_path: Path) -> None:
    """A reader in another process opens the folder once and verifies it, again and again."""
    publish_model(tmp_path, "example", b"first")
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
    # Replaced folders are kept, because deleting one amid a read is no mixture, but looks like it.
    with subprocess.Popen([sys.executable, "-c", reader, str(tmp_path / "example")]) as process:
        count = 0
        while process.poll() is None:
            staged = tmp_path / f".staged-{count}"
            write_model(staged, "example", f"graph {count}".encode())
            publish.publish(staged, tmp_path / "example")
            count += 1
    assert process.returncode == 0
    assert count > 1
