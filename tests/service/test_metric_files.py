"""Figures on a disk that is full: nothing ends, nothing is lost, and they are kept again later."""

import contextlib
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict

from service.metric_files import FigureFile
from tests.support.polling import poll


@pytest.fixture(autouse=True, params=["fallocate", "none, as on macOS"])
def way_to_reserve(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system has for taking room on a disk."""
    if request.param != "fallocate":
        monkeypatch.delattr(os, "posix_fallocate")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    options = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(tmp_path)]
    if os.name != "posix" or subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def fill(disk: Path) -> Path:
    """Take all that is left of `disk`."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def kept(path: Path) -> dict[str, float]:
    """What another process reads in the file."""
    return {key: value for key, value, *_ in MmapedDict.read_all_values_from_file(str(path))}


def write_until_kept(figures: FigureFile, path: Path, key: str, value: float) -> None:
    """Write it as a worker does, again and again, until the disk has it."""

    def is_kept() -> bool:
        figures.write_value(key, value, 0.0)
        return path.exists() and key in kept(path)

    poll(is_kept, lambda: f"{key!r} never came to the disk")


def test_figures_wait_in_memory_while_the_disk_is_full_and_are_kept_again(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = small_disk / "counter_1.db"
    figures = FigureFile(str(path))
    figures.write_value("first", 1.0, 0.0)
    filler = fill(small_disk)
    with caplog.at_level(logging.WARNING):
        for i in range(5000):  # far more than the file has room for
            figures.write_value(f"key {i}", float(i), 0.0)
        figures.write_value("first", 2.0, 0.0)
        assert figures.read_value("key 4999") == (4999.0, 0.0)
        assert kept(path)["first"] == 2.0
        assert len(kept(path)) < 5000
        filler.unlink()
        write_until_kept(figures, path, "last", 3.0)
    assert kept(path) == {"first": 2.0, "last": 3.0, **{f"key {i}": float(i) for i in range(5000)}}
    told = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert told[-1] == "Figures for /metrics are kept again"
    assert "Figures for /metrics are not kept, predictions go on" in told[0]
    figures.close()


def test_a_disk_that_is_full_from_the_beginning_leaves_no_empty_file(small_disk: Path) -> None:
    filler = fill(small_disk)
    path = small_disk / "counter_1.db"
    figures = FigureFile(str(path))
    figures.write_value("key", 1.0, 0.0)
    assert figures.read_value("key") == (1.0, 0.0)
    assert not path.exists()
    filler.unlink()
    write_until_kept(figures, path, "key", 2.0)
    assert kept(path) == {"key": 2.0}
    figures.close()


def test_with_room_figures_are_as_ever(tmp_path: Path) -> None:
    figures = FigureFile(str(tmp_path / "a.db"))
    for i in range(3000):
        assert figures.read_value(f"key {i}") == (0.0, 0.0)
        figures.write_value(f"key {i}", float(i), 1.0)
    assert kept(tmp_path / "a.db") == {f"key {i}": float(i) for i in range(3000)}
    figures.close()
    again = FigureFile(str(tmp_path / "a.db"))
    assert again.read_value("key 7") == (7.0, 1.0)
    again.close()
