"""The command `training.collect`, as a person meets it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from service.monitoring.records import Correction, KeptPrediction, encode_pixels
from service.monitoring.segments import Segments
from tests.support.published import picture
from training import collect


def kept(folder: Path, *records: KeptPrediction | Correction) -> Path:
    segments = Segments(folder, 1024**2, 1)
    for record in records:
        segments.append(msgspec.json.encode(record) + b"\n")
    segments.close()
    return folder


def read(name: str, shows: int | None, *, second: int = 0, index: int = 0) -> KeptPrediction:
    pixels = (
        None
        if shows is None
        else encode_pixels(picture(shows).astype(np.float32) / np.float32(255))
    )
    return KeptPrediction(
        time=f"2026-11-26T10:00:{second:02}.000000+00:00",
        request_id=name,
        index=index,
        model="lstm",
        digest="d",
        digit=1,
        confidence=0.6,
        accepted=True,
        reason=None,
        format="PNG",
        bytes=100,
        pixels=pixels,
    )


def told(name: str, digit: int | None, *, second: int = 30, index: int = 0) -> Correction:
    time = f"2026-11-26T10:00:{second:02}.000000+00:00"
    return Correction(time=time, request_id=name, index=index, told=digit)


def run(folder: Path, out: Path) -> int:
    return collect.main([str(folder), "--out", str(out)])


def pictures(out: Path) -> dict[str, str]:
    """The folder of each picture, by the request that it is of."""
    return {path.stem.split("-", 1)[1]: path.parent.name for path in out.glob("*/*.png")}


def test_pictures_lie_by_digit_as_the_model_saw_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kept(
        tmp_path / "kept",
        read("a", 7), read("b", 3), read("b", 4, index=1), read("c", 5), read("d", 6),
        told("a", 7), told("b", 4, index=1), told("c", None),
    )  # fmt: skip
    out = tmp_path / "out"
    assert run(folder, out) == 0
    assert pictures(out) == {"a-0": "7", "b-1": "4", "c-0": "none"}
    [seven] = (out / "7").iterdir()
    assert np.array_equal(np.asarray(Image.open(seven)), picture(7))
    sheet = (out / "sheet.html").read_text()
    assert f'src="7/{seven.name}"' in sheet
    assert "lstm read 1, 60.0%" in sheet
    printed = capsys.readouterr().out
    assert "5 predictions, 3 corrections" in printed
    assert "new pictures: 3 (4: 1, 7: 1, none: 1)" in printed
    assert f"python -m training.export lstm --more {out}" in printed


def test_duplicates_contradictions_and_second_thoughts_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kept(
        tmp_path / "kept",
        read("first", 7), read("same", 7, second=1), told("first", 7), told("same", 7),
        read("yes", 3), read("no", 3, second=1), told("yes", 3), told("no", 8),
        read("changed", 5), told("changed", 6), told("changed", 5, second=31),
        read("unseen", None), told("unseen", 2),
    )  # fmt: skip
    out = tmp_path / "out"
    assert run(folder, out) == 0
    assert pictures(out) == {"first-0": "7", "changed-0": "5"}
    printed = capsys.readouterr().out
    assert "contradictions, left out: 1" in printed
    assert "-yes-0 as 3; " in printed
    assert "-same-0 is " in printed
    assert "-changed-0: 6, then 5" in printed
    assert "no picture was kept: 1" in printed
    assert "ROWREADER_MONITOR_PICTURES=true" in printed


def test_a_correction_is_of_the_request_before_it(tmp_path: Path) -> None:
    """A client may give an id to two requests, the second after the first was corrected."""
    folder = kept(
        tmp_path / "kept",
        read("a", 7, second=1), told("a", 7, second=2), read("a", 3, second=3),
    )  # fmt: skip
    assert run(folder, tmp_path / "out") == 0
    [found] = (tmp_path / "out").glob("*/*.png")
    assert np.array_equal(np.asarray(Image.open(found)), picture(7))


def test_what_was_removed_or_moved_by_hand_does_not_come_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("a", "b", "c")
    folder = kept(tmp_path / "kept", *(read(name, i) for i, name in enumerate(names)))
    kept(folder, *(told(name, i) for i, name in enumerate(names)))
    out = tmp_path / "out"
    assert run(folder, out) == 0
    [removed], [moved] = (out / "0").iterdir(), (out / "1").iterdir()
    removed.unlink()
    (out / "9").mkdir()
    moved.rename(out / "9" / moved.name)
    kept(folder, read("d", 4), told("d", 4), told("c", 8, second=50))
    assert run(folder, out) == 0
    assert pictures(out) == {"b-0": "9", "c-0": "2", "d-0": "4"}
    assert "collected as 2, told 8 since; move it if that is right" in capsys.readouterr().out
    assert removed.stem in json.loads((out / "collected.json").read_text())["pictures"]


@pytest.mark.parametrize("content", ["{}", "no JSON", None])
def test_a_folder_that_holds_other_things_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Any
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    other = out / ("thesis.txt" if content is None else "collected.json")
    other.write_text(content or "precious")
    folder = kept(tmp_path / "kept", read("a", 7), told("a", 7))
    assert run(folder, out) == 1
    assert "so it is left alone; name a new folder" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == [other.name]


def test_a_folder_without_anything_that_is_kept_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "nowhere", tmp_path / "out") == 1
    assert "holds nothing that the service has kept" in capsys.readouterr().err
    assert run(kept(tmp_path / "kept", read("a", 7)), tmp_path / "out") == 1
    assert "no right answer is kept" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
