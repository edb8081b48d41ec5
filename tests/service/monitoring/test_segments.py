"""What is kept is bounded, its owner's alone, and never in the way of other files."""

import errno
import os
from pathlib import Path

import pytest

from service.monitoring.segments import HEADER, Segments, find_segments, read_segment

BYTES = 80_000  # eight segments of 10,000 bytes
LINE = b"x" * 999 + b"\n"


def lines(folder: Path) -> list[bytes]:
    found = [
        line
        for path in find_segments(folder)
        for b in read_segment(path)
        for line in b.splitlines()
    ]
    return [line for line in found if line + b"\n" != HEADER]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("kept-*"))


def test_lines_of_several_processes_are_all_kept_and_their_owner_s_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "kept"
    first, second = Segments(folder, BYTES, 2), Segments(folder, BYTES, 2)
    for number in range(10):
        first.append(b"first %d\n" % number)
        second.append(b"second %d\n" % number)
    assert sorted(lines(folder)) == sorted(
        [b"%b %d" % (name, n) for name in (b"first", b"second") for n in range(10)]
    )
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_the_oldest_makes_room_and_the_bound_holds_at_every_moment(tmp_path: Path) -> None:
    writers = [Segments(tmp_path, BYTES, 1) for _ in range(2)]
    for number in range(300):
        writers[number % 2].append(b"%03d" % number + LINE[3:])
        assert size(tmp_path) <= BYTES
    kept = [int(line[:3]) for line in lines(tmp_path)]
    assert len(kept) > 40
    assert min(kept) > 200
    assert max(kept) == 299


def test_what_others_have_put_there_is_never_removed(tmp_path: Path) -> None:
    others = {
        "notes.txt": b"mine",
        "kept-20200101T000000.000000Z-1.jsonl": b"by another program\n",
        "kept-2020.jsonl": HEADER,
    }
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    segment = Segments(tmp_path, BYTES, 1)
    for _ in range(200):
        segment.append(LINE)
    assert {name: (tmp_path / name).read_bytes() for name in others} == others


def test_a_segment_that_is_deleted_meanwhile_is_followed_by_a_new_one(tmp_path: Path) -> None:
    segment = Segments(tmp_path, BYTES, 1)
    segment.append(b"secret\n")
    for path in find_segments(tmp_path):
        path.unlink()
    segment.append(b"later\n")
    assert lines(tmp_path) == [b"later"]


def test_a_line_that_the_disk_has_no_room_for_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = Segments(tmp_path, BYTES, 1)
    segment.append(b"before\n")

    def half(file: int, data: bytes) -> int:
        return written(file, data[: len(data) // 2])

    written = os.write
    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        segment.append(b"cut off\n")
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        segment.append(b"no room for a new segment either\n")
    monkeypatch.undo()
    segment.append(b"after\n")
    assert lines(tmp_path) == [b"before", b"after"]


def test_other_processes_that_hold_all_the_room_are_not_robbed_of_it(tmp_path: Path) -> None:
    writers = [Segments(tmp_path, BYTES, 1) for _ in range(8)]
    for number, writer in enumerate(writers):
        writer.append(b"%d\n" % number)
    with pytest.raises(OSError, match="keep as much as is allowed"):
        Segments(tmp_path, BYTES, 1).append(LINE)
    assert len(lines(tmp_path)) == 8
    writers[0].close()
    Segments(tmp_path, BYTES, 1).append(b"8\n")
    assert sorted(lines(tmp_path)) == [b"%d" % number for number in range(1, 9)]
