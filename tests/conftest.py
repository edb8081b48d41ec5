"""What several test files share."""

from pathlib import Path

import pytest

from service.inference import cuda
from tests.support.published import publish, publish_rows
from training.data import mnist


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a GPU, what needs one is skipped, with what the driver says."""
    if problem := cuda.driver_problem():
        skip = pytest.mark.skip(reason=f"no GPU to test on: {problem}")
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small published models; `gru` reads one digit more than there is, `rnn` two.

    `lstm` can be read row by row, too.
    """
    root = tmp_path_factory.mktemp("models")
    for shift, name in enumerate(("lstm", "gru", "rnn")):
        publish(root, name, shift=shift)
    publish_rows(root, "lstm")
    return root


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """Where the real MNIST lies; without it, what needs it is skipped."""
    root = mnist.default_root()
    if not mnist.is_present(root):
        pytest.skip(f"the real MNIST is not in {root}; name its folder with MNIST_ROOT")
    return root
