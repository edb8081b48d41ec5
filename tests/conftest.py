"""What several test files share."""

from pathlib import Path

import pytest

from tests.published import publish
from training import mnist


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small published models; `gru` reads one digit more than there is, `rnn` two."""
    root = tmp_path_factory.mktemp("models")
    for shift, name in enumerate(("lstm", "gru", "rnn")):
        publish(root, name, shift=shift)
    return root


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """Where the real MNIST lies; without it, what needs it is skipped."""
    root = mnist.default_root()
    if not mnist.is_present(root):
        pytest.skip(f"the real MNIST is not in {root}; name its folder with MNIST_ROOT")
    return root
