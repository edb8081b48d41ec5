"""Who may work on a folder of results in a bucket, where there are no locks."""

import importlib.util
from collections.abc import Iterator

import pytest

from tests.support import object_store
from tests.support.bulk import NEEDS
from tests.support.object_store import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("pyarrow"), reason=NEEDS),
]

NAME = "s3://results/of"
LOCK = "results/of/_lock.json"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    from service.bulk import stores

    with object_store.running() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "x")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        stores._open_bucket.cache_clear()
        yield store
    stores._open_bucket.cache_clear()


def test_who_lives_keeps_its_place_and_who_is_silent_loses_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.bulk import results_folder
    from service.bulk.errors import FolderError
    from service.bulk.results_folder import ResultsFolder

    folder = ResultsFolder(NAME)
    with folder.locked():
        assert LOCK in store.objects
        with pytest.raises(FolderError, match="works on s3://results/of; wait until it ends"):
            folder.locked().__enter__()
    assert LOCK not in store.objects

    store.objects[LOCK] = b"somebody who was killed"
    monkeypatch.setattr(results_folder, "_SILENT_SECONDS", -1)
    with folder.locked():
        assert b"killed" not in store.objects[LOCK]


def test_of_two_that_come_at_the_same_moment_one_has_the_place(store: Store) -> None:
    from service.bulk.errors import FolderError
    from service.bulk.results_folder import ResultsFolder

    class Overtaken(ResultsFolder):
        def _holder(self) -> tuple[str, float] | None:
            if LOCK in store.objects:  # ours, written after a look at which there was none
                store.objects[LOCK] = b"the other"
            return super()._holder()

    with (
        pytest.raises(FolderError, match="the other works on"),
        Overtaken(NAME).locked(),
    ):
        pytest.fail("two work on one folder")
    assert store.objects[LOCK] == b"the other"
