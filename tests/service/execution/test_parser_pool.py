"""Parsing in processes with limits: what is returned and raised, and what is ended."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from service.errors import (
    NotAnImageError,
    NotReadyError,
    TooCostlyError,
    TooManyRequestsError,
)
from service.execution.parser_pool import ParserError, ParserPool
from service.images.read_image import read_image
from service.settings import BYTES_PER_PIXEL
from tests.support.metrics import metrics
from tests.support.parser_tasks import (
    MIB,
    complain,
    compute,
    crash,
    echo,
    fail,
    number,
    refuse,
    take,
)
from tests.support.pictures.sound_images import whole
from tests.support.project import ROOT

DEADLINE = 30  # seconds


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks, in the processes too."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)


def pool(
    ask: Callable[[ParserPool], Awaitable[Any]],
    processes: int = 1,
    seconds: float = 0.3,
    mebibytes: int = 512,
    max_wait: float = DEADLINE,
    deadline: float = DEADLINE,
) -> Any:
    async def run() -> Any:
        made = ParserPool(processes, seconds, mebibytes * MIB, max_wait, metrics())
        try:
            return await asyncio.wait_for(ask(made), deadline)
        finally:
            made.close()

    return asyncio.run(run())


@pytest.fixture
def started() -> Callable[[], list[psutil.Process]]:
    """The processes that were started since; others of this process are servers of other tests."""
    before = set(psutil.Process().children(recursive=True))
    return lambda: [p for p in psutil.Process().children(recursive=True) if p not in before]


def test_plain_values_and_arrays_come_back_as_they_were() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    values = pool(lambda p: p.run(echo, "text", None, 7, [1.5], {"rows": array}, array[:, ::2]))
    assert values[:4] == ["text", None, 7, [1.5]]
    np.testing.assert_array_equal(values[4]["rows"], array)
    np.testing.assert_array_equal(values[5], array[:, ::2])
    values[5][0] = 9  # may be written to


def test_what_is_refused_there_is_refused_here_in_the_same_words() -> None:
    with pytest.raises(NotAnImageError, match="the words"):
        pool(lambda p: p.run(refuse))


def test_a_fault_of_ours_tells_where_it_was() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)in fail.*KeyError: 'the reason'"):
        pool(lambda p: p.run(fail))


@pytest.mark.parametrize(
    ("function", "argument"), [(compute, (0.2,)), (take, (100,))], ids=["time", "memory"]
)
def test_what_takes_more_than_usual_is_done_all_the_same(
    function: Callable[..., Any], argument: tuple[Any, ...]
) -> None:
    expected = {compute: "done", take: 100 * MIB}[function]
    assert pool(lambda p: p.run(function, *argument)) == expected


@pytest.mark.parametrize(
    ("function", "argument"),
    [(compute, (60,)), (take, (600,)), (crash, ())],
    ids=["time", "memory", "a crash"],
)
def test_what_takes_more_than_allowed_is_ended_and_others_go_on(
    function: Callable[..., Any], argument: tuple[Any, ...]
) -> None:
    async def ask(p: ParserPool) -> Any:
        with pytest.raises(TooCostlyError, match=r"more than 0\.3 s .* or 512 MiB"):
            await p.run(function, *argument)
        return await p.run(echo, 1)

    assert pool(ask) == [1]


def test_what_is_slow_does_not_hold_up_the_rest() -> None:
    async def ask(p: ParserPool) -> int:
        slow = asyncio.ensure_future(p.run(compute, 60))
        answered = 0
        while not slow.done() and answered < 20:
            assert await p.run(echo, answered) == [answered]
            answered += 1
        with pytest.raises(TooCostlyError):
            await slow
        return answered

    assert pool(ask, seconds=1) == 20


def test_memory_is_back_at_once(started: Callable[[], list[psutil.Process]]) -> None:
    async def ask(p: ParserPool) -> None:
        for _ in range(2):
            assert await p.run(take, 300)
        await p.run(echo)
        for child in started():
            assert child.memory_info().rss < 250 * MIB

    pool(ask, seconds=DEADLINE)


def test_who_waits_for_too_long_is_refused() -> None:
    async def ask(p: ParserPool) -> None:
        busy = asyncio.ensure_future(p.run(compute, 0.09))
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequestsError):
            await p.run(echo)
        assert await busy == "done"

    pool(ask, max_wait=0.001)


def test_what_is_given_up_is_ended_and_leaves_its_place_to_others(
    started: Callable[[], list[psutil.Process]],
) -> None:
    async def ask(p: ParserPool) -> Any:
        await p.run(echo)
        others = {child.pid for child in started()}  # the one that forks, and a quick one
        given_up = asyncio.ensure_future(p.run(compute, 60, slow=True))
        while not any(c.pid not in others and c.cpu_times().user > 0.05 for c in started()):
            await asyncio.sleep(0.01)  # until a new one is at the task
        given_up.cancel()
        while len(started()) > 2:
            await asyncio.sleep(0.01)
        return await p.run(echo, 1)

    assert pool(ask, seconds=60) == [1]


def test_no_process_that_parses_knows_the_keys(
    started: Callable[[], list[psutil.Process]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROWREADER_API_KEYS", "a-key-of-sixteen-letters")

    async def ask(p: ParserPool) -> None:
        await p.run(echo)
        assert len(started()) == 2
        for child in started():
            assert "ROWREADER_API_KEYS" not in child.environ()

    pool(ask)


def test_the_process_that_forks_is_replaced_when_it_ends(
    started: Callable[[], list[psutil.Process]],
) -> None:
    async def ask(p: ParserPool) -> Any:
        await p.run(echo)
        for child in started():
            child.kill()
            child.wait()
        return await p.run(echo, 1)

    assert pool(ask) == [1]


@pytest.mark.parametrize("slow", [False, True])
def test_a_fork_that_is_lost_on_its_way_is_asked_for_again(
    slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that forks has taken the question, and ends before there is another."""
    send = socket.send_fds
    lost: list[psutil.Process] = []

    def lose(control: socket.socket, *arguments: Any) -> int:
        sent = send(control, *arguments)
        if not lost:
            [forker] = [c for c in psutil.Process().children() if c.pid not in before]
            forker.kill()
            forker.wait()
            lost.append(forker)
        return sent

    async def ask(p: ParserPool) -> Any:
        p.wait_until_ready()
        forker = max(psutil.Process().children(), key=lambda c: c.create_time())
        forker.suspend()  # so that it never forks
        return await asyncio.gather(p.run(echo, 1, slow=slow), p.run(echo, 2, slow=slow))

    before = {c.pid for c in psutil.Process().children()}
    monkeypatch.setattr(socket, "send_fds", lose)
    assert pool(ask, processes=2) == [[1], [2]]
    assert lost


def test_what_cannot_be_forked_is_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(p: ParserPool) -> Any:
        p.wait_until_ready()
        monkeypatch.setenv("PYTHONHOME", "/nowhere")  # no interpreter starts any more
        for child in psutil.Process().children():
            if "service.execution.parser_process" in child.cmdline():
                child.kill()
                child.wait()
        with pytest.raises(NotReadyError) as raised:
            await p.run(echo)
        monkeypatch.delenv("PYTHONHOME")
        return raised.value.headers["Retry-After"], await p.run(echo, 1)

    assert pool(ask) == ("1", [1])


@pytest.mark.parametrize("slow", [False, True])
def test_a_process_that_ended_while_it_had_nothing_to_do_is_none_that_took_too_much(
    slow: bool,
) -> None:
    async def ask(p: ParserPool) -> Any:
        idle = psutil.Process(await p.run(number, slow=slow))
        idle.kill()
        while psutil.pid_exists(idle.pid):
            await asyncio.sleep(0.01)
        return await p.run(echo, 1, slow=slow)

    assert pool(ask) == [1]


def test_what_cannot_be_imported_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def ask(p: ParserPool) -> None:
        with pytest.raises(ParserError, match=r"`python -m service\.execution\.parser_process`"):
            p.wait_until_ready()

    pool(ask)


def test_processes_end_with_the_pool(started: Callable[[], list[psutil.Process]]) -> None:
    async def ask(p: ParserPool) -> list[psutil.Process]:
        await asyncio.gather(*[p.run(echo) for _ in range(3)])
        return started()

    found = pool(ask, processes=3)
    assert found
    _, alive = psutil.wait_procs(found, timeout=DEADLINE)
    assert not alive


def test_libraries_complaints_stay_out_of_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    assert pool(lambda p: p.run(complain)) == 10
    assert capfd.readouterr().err == ""


def test_an_image_is_read_there_as_here() -> None:
    data = (ROOT / "docs" / "seven.png").read_bytes()
    found = pool(lambda p: p.run(read_image, data, 10**6))
    expected = read_image(data, 10**6)
    assert found["finding"] == expected.finding
    np.testing.assert_array_equal(found["rows"], expected.rows)


@pytest.mark.slow
def test_with_the_memory_that_is_demanded_for_a_pixel_no_sound_image_is_called_broken() -> None:
    times = 72
    pixels = (28 * times) ** 2
    most = BYTES_PER_PIXEL * pixels

    async def ask(p: ParserPool) -> list[str]:
        broken = []
        for name, data in whole(times).items():
            try:
                await p.run(read_image, data, pixels, slow=True)
            except TooCostlyError:
                continue  # as is true of floats
            except NotAnImageError:
                broken.append(name)
        return broken

    assert pool(ask, seconds=DEADLINE, mebibytes=most // MIB, deadline=10 * DEADLINE) == []
