"""The server that the tests of load share."""

from collections.abc import Iterator

import pytest

from tests.support.servers.server import Server, serve


@pytest.fixture(scope="session")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as it is shipped, with one worker, which refuses what would wait for too long."""
    folder = tmp_path_factory.mktemp("refusing")
    with serve(folder, {"DEVICE": "cpu"}, as_shipped=True) as server:
        yield server
