"""Ctrl-C during the seconds in which a command of training imports its libraries."""

from pathlib import Path

import psutil
import pytest

from tests.support.training.commands import finish, interrupt, start, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SAME = "the same command goes on where it stopped."


# Libraries that are mapped at different times of the imports. Some take an exception amid their own
# import for a missing option, and go on.
@pytest.mark.parametrize(
    ("module", "library", "to_go_on"),
    [
        ("training.train", "numpy", "--resume (in place of --restart) goes on with it."),
        ("training.train", "libtorch_cpu", "--resume (in place of --restart) goes on with it."),
        ("training.export", "matplotlib", SAME),
        ("training.reproduce", "cv2", SAME),
    ],
)
def test_ctrl_c_amid_the_imports_is_one_line(
    module: str, library: str, to_go_on: str, tmp_path: Path
) -> None:
    process = start(module, "mlp-50", "--runs-dir", str(tmp_path))

    def mapped() -> bool:
        return any(library in part.path for part in psutil.Process(process.pid).memory_maps())

    wait_for(process, mapped)
    interrupt(process)
    status, output, errors = finish(process)
    assert (status, output) == (130, "")
    assert errors == f"\nInterrupted; {to_go_on}\n"
    assert list(tmp_path.iterdir()) == []
