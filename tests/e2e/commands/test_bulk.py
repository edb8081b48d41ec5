"""`python -m service.bulk`: it writes what the service answers; nothing twice, none lost."""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support import bulk, object_store
from tests.support.bulk import by_path, draw, parts, refusal, run
from tests.support.pictures.broken_images.corpus import broken
from tests.support.pictures.sound_images import whole
from tests.support.polling import poll
from tests.support.project import ROOT
from tests.support.published import publish
from tests.support.servers.server import Server
from tests.support.training.commands import interrupt

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("ray"), reason=bulk.NEEDS),
]


@pytest.fixture(autouse=True)
def short_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ray's sockets are in a folder of its own, whose name must be short."""
    folder = Path(tempfile.gettempdir()) / f"ray-{os.getpid()}"
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def small(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small models, that are loaded at once."""
    monkeypatch.setenv("ROWREADER_MODELS_DIR", str(models_dir))


def test_each_row_is_what_predict_answers_to_the_last_digit(
    tmp_path: Path, shipped: Server
) -> None:
    source = tmp_path / "scans"
    files = {f"sound {i}": data for i, data in enumerate(whole(times=11).values())}
    files |= {f"deep/{i}": data for i, data in enumerate(list(broken().values())[::9])}
    files |= {"seven.png": (ROOT / "docs" / "seven.png").read_bytes(), "empty.png": b""}
    for name, data in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    printed = run(source, tmp_path / "out", "--workers", "2", "--part-size", "20")
    found = by_path(tmp_path / "out")
    assert found.keys() == {str(source / name) for name in files}
    with httpx.Client(base_url=shipped.url, timeout=60) as client:
        for name, data in files.items():
            row = found[str(source / name)]
            answer = client.post("/predict", files={"image": data}).json()
            assert row["sha256"] == hashlib.sha256(data).hexdigest()
            if error := answer.get("error"):
                assert (row["error"], row["message"]) == (error["code"], error["message"])
                assert (row["digit"], row["accepted"]) == (None, False)
            else:
                fields = ("digit", "confidence", "probabilities", "accepted", "reason", "model")
                assert [row[key] for key in fields] == [answer[key] for key in fields]
                assert row["error"] is None
    assert f"{len(files)}  images" in printed
    assert f"{sum(row['error'] == 'not_an_image' for row in found.values())}  not read, " in printed


@pytest.mark.usefixtures("small")
def test_killed_it_goes_on_and_reads_nothing_twice(tmp_path: Path) -> None:
    draw(tmp_path / "scans", 600, side=280)
    process = bulk.start(tmp_path / "scans", tmp_path / "out", "--part-size", "40")
    poll(lambda: parts(tmp_path / "out"), lambda: "no part came", deadline=bulk.DEADLINE)
    # All at once, as when a machine goes down; Ray's own would end by themselves after a minute.
    started = bulk.ray_processes(process)
    process.kill()
    for other in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            other.kill()
    process.communicate()
    psutil.wait_procs(started, timeout=bulk.DEADLINE)
    kept = parts(tmp_path / "out")
    assert 1 <= len(kept) < 15
    (tmp_path / "out" / ".part-000000-0003.parquet.0.partial").write_bytes(b"half")

    run(tmp_path / "scans", tmp_path / "out", "--part-size", "40")
    assert parts(tmp_path / "out").items() >= kept.items()
    found = by_path(tmp_path / "out")
    assert found.keys() == {str(path) for path in (tmp_path / "scans").iterdir()}
    assert {row["error"] for row in found.values()} == {None}
    assert not list((tmp_path / "out").glob("*.partial"))


@pytest.mark.usefixtures("small")
def test_ctrl_c_is_one_line_and_keeps_what_is_read(tmp_path: Path) -> None:
    draw(tmp_path / "scans", 4_000, side=280)  # enough to take longer than it takes to stop it
    process = bulk.start(tmp_path / "scans", tmp_path / "out", "--part-size", "40")
    poll(lambda: parts(tmp_path / "out"), lambda: "no part came", deadline=bulk.DEADLINE)
    started = bulk.ray_processes(process)
    interrupt(process)
    status, _, errors = bulk.finish(process)
    assert status == 130
    assert errors.splitlines()[-1] == "Interrupted; the same command goes on where it stopped."
    assert "Traceback" not in errors
    _, left = psutil.wait_procs(started, timeout=bulk.DEADLINE)
    assert left == []
    assert 1 <= len(parts(tmp_path / "out")) < 100


@pytest.mark.usefixtures("small")
def test_what_is_new_is_read_and_what_is_not_to_be_mixed_is_refused(
    tmp_path: Path, models_dir: Path
) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    draw(scans, 20)
    (scans / "unreadable.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(scans / "pipe.png")
    (scans / os.fsdecode(b"b\xffse.png")).write_bytes((scans / "00003.png").read_bytes())
    (scans / ".hidden").write_bytes(b"x")
    large = {"ROWREADER_MAX_BODY_BYTES": 5000}
    (scans / "large.png").write_bytes(bytes(5001))
    run(scans, out, **large)
    found, first = by_path(out), parts(out)
    assert len(found) == 24
    assert found[str(scans / "unreadable.png")]["error"] == "unreadable"
    assert found[str(scans / "pipe.png")]["error"] == "unreadable"
    assert found[str(scans / "large.png")]["error"] == "body_too_large"
    assert found[f"file://{scans}/b%FFse.png"]["digit"] == 3

    draw(scans, 22)
    run(scans, out, **large)
    assert len(by_path(out)) == 26
    assert parts(out).items() > first.items()

    said = refusal(scans, out, "--model", "gru", **large)
    assert said.startswith(f"{out} was begun otherwise: model was 'lstm' and is now 'gru'; ")
    assert "max_body_bytes was 5000 and is now 10485760" in refusal(scans, out)
    other = tmp_path / "models"
    shutil.copytree(models_dir, other)
    shutil.rmtree(other / "lstm")
    shutil.rmtree(other / "lstm-rows")
    publish(other, "lstm", shift=3)
    said = refusal(scans, out, **large, ROWREADER_MODELS_DIR=other)
    assert "model_sha256 was" in said
    assert parts(out).items() > first.items()


def test_a_full_disk_is_one_line_and_with_room_it_goes_on(
    tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(out)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        draw(tmp_path / "scans", 400)
        monkeypatch.setenv("ROWREADER_MODELS_DIR", str(models_dir))
        filler = out / ".filler"
        filler.write_bytes(bytes(1024 * 1024 - 32 * 1024))  # room for the names and little else
        said = refusal(tmp_path / "scans", out, "--part-size", "100")
        assert "No space left on device" in said
        assert said.endswith("the same command goes on where it stopped")
        filler.unlink()
        run(tmp_path / "scans", out, "--part-size", "100")
        assert len(by_path(out)) == 400
    finally:
        subprocess.run(["umount", "--lazy", str(out)], check=True)


def test_a_list_of_paths_is_a_source_and_a_row_keeps_its_path(
    tmp_path: Path, models_dir: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw(tmp_path / "scans", 3)
    names = [
        "scans/00001.png",
        "scans/00002.png",
        "scans/00001.png",
        "scans/none.png",
        "http://a/b",
    ]
    pq.write_table(pa.table({"path": names, "more": range(5)}), tmp_path / "list.parquet")
    run(tmp_path / "list.parquet", tmp_path / "out", ROWREADER_MODELS_DIR=models_dir)
    found = by_path(tmp_path / "out")
    assert {path: (row["digit"], row["error"]) for path, row in found.items()} == {
        "scans/00001.png": (1, None),
        "scans/00002.png": (2, None),
        "scans/none.png": (None, "unreadable"),
        "http://a/b": (None, "unreadable"),
    }


def test_a_bucket_is_read_and_written_and_locked(tmp_path: Path, models_dir: Path) -> None:
    draw(tmp_path, 25)
    with object_store.running() as store:
        environ = {
            "AWS_ENDPOINT_URL": store.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "ROWREADER_MODELS_DIR": models_dir,
        }
        for path in tmp_path.glob("*.png"):
            store.objects[f"scans/2026/a + b#{path.name}"] = path.read_bytes()
        store.objects["scans/2026/.hidden"] = b""
        source, out = "s3://scans/2026", "s3://results/of/2026"
        printed = run(source, out, "--part-size", "10", **environ)
        assert printed.splitlines()[0] == "25  images"
        written = store.names("results/of/2026/part-")
        assert len(written) == 3
        for name in written:
            (tmp_path / "out" / Path(name).name).parent.mkdir(exist_ok=True)
            (tmp_path / "out" / Path(name).name).write_bytes(store.objects[name])
        found = by_path(tmp_path / "out")
        assert {path: row["digit"] for path, row in found.items()} == {
            f"{source}/a + b#{number:05}.png": number % 10 for number in range(25)
        }
        assert "results/of/2026/_lock.json" not in store.objects

        last = store.objects.pop(written[1])
        run(source, out, "--part-size", "10", **environ)
        assert store.objects[written[1]] == last
        store.objects["results/of/2026/_lock.json"] = b"other host"
        assert "other host works on s3://results/of/2026; " in refusal(source, out, **environ)
    said = refusal(source, tmp_path / "other", **environ)
    assert "cannot be" in said  # the store has gone


def test_what_cannot_be_done_is_refused_before_anything_is_written(
    tmp_path: Path, models_dir: Path
) -> None:
    import filelock
    import pyarrow as pa
    import pyarrow.parquet as pq

    small = {"ROWREADER_MODELS_DIR": models_dir}
    draw(tmp_path / "scans", 1)
    scans, out = tmp_path / "scans", tmp_path / "out"
    assert refusal(tmp_path / "none", out, **small).startswith(f"there is no {tmp_path}/none; ")
    assert "is one file" in refusal(scans / "00000.png", out, **small)
    assert "lies in" in refusal(scans, scans / "out", **small)
    assert "no model 'vgg' is published" in refusal(scans, out, "--model", "vgg", **small)
    assert "begins with ftp://" in refusal("ftp://host/scans", out, **small)
    pq.write_table(pa.table({"file": ["a"]}), tmp_path / "list.parquet")
    said = refusal(tmp_path / "list.parquet", out, **small)
    assert said.endswith("has no column `path` of strings, but: file (string)")
    (tmp_path / "empty").mkdir()
    assert "holds no file to read" in refusal(tmp_path / "empty", tmp_path / "of none", **small)
    assert not list(out.glob("part-*"))

    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("x")
    assert "holds thesis.txt, which no run of bulk wrote" in refusal(scans, foreign, **small)
    with filelock.FileLock(out / ".lock"):
        assert f"another process works on {out}" in refusal(scans, out, **small)
    said = refusal(scans, tmp_path / "later", **small, RAY_ADDRESS="127.0.0.1:9")
    assert said.startswith("the cluster at RAY_ADDRESS=127.0.0.1:9 does not answer: ")
