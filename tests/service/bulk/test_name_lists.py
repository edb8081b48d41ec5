"""Names are listed once each, in parts that stay the same."""

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.bulk import NEEDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("pyarrow"), reason=NEEDS),
]


def numbered(numbers: Iterable[int]) -> list[str]:
    return [f"scan {number}" for number in numbers]


def test_a_name_is_new_once_however_the_names_come() -> None:
    from service.bulk.name_lists import NameSet

    known = NameSet()
    found: list[str] = []
    for start in range(0, 5000, 7):  # each batch shares half of its names with the one before
        found += known.add(numbered([*range(start, start + 14), start]))
    assert found == numbered(range(5012))
    assert known.add(numbered(range(5012))) == []
    assert known.add([]) == []


def test_parts_stay_and_what_is_new_comes_after_them(tmp_path: Path) -> None:
    from service.bulk import name_lists
    from service.bulk.name_lists import NameSet, Part

    folder = str(tmp_path)
    (tmp_path / name_lists.FOLDER).mkdir()
    first = name_lists.extend(folder, 0, NameSet(), [numbered(range(5)), numbered(range(3, 7))], 3)
    assert first == {Part(0, 0): 3, Part(0, 1): 3, Part(0, 2): 1}
    known, parts = name_lists.load(folder, 1)
    assert parts == first
    more = name_lists.extend(folder, 1, known, [numbered(range(6, 9))], 3)
    assert more == {Part(1, 0): 2}
    names = [name for part in (*first, *more) for name in name_lists.read_part(folder, part)]
    assert names == numbered(range(9))
