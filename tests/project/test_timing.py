"""What every measurement is made of: turns, spreads, ratios, percentiles of load."""

import math
from collections import Counter
from pathlib import Path

import pytest

from tests.benchmarks.tools.load import Load, Post, parse, together
from tests.benchmarks.tools.timing import Spread, Timing, fastest, ratio, turns


def test_a_spread_is_the_median_between_the_10th_and_the_90th_percentile() -> None:
    assert Spread.of(list(range(101))) == Spread(10, 50, 90)
    assert Spread.of([7]).shown(0) == "7 (7 to 7)"
    assert math.isnan(Spread.of([]).median)


def test_a_ratio_is_taken_within_each_round_before_the_rounds_are_summed_up() -> None:
    # A pause of the machine slows both in the second round; each is twice the other in all three.
    assert ratio([2, 200, 2], [1, 100, 1]) == Spread(2, 2, 2)
    assert ratio([1, 2, 3], [4, 2, 1]).median == 1
    assert ratio([1], [0]).median == math.inf
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        ratio([1, 2], [1])


def test_everyone_has_a_turn_in_each_round_and_nobody_is_always_first() -> None:
    order = list(turns(4, "abc"))
    assert [sorted(order[at : at + 3]) for at in range(0, 12, 3)] == [["a", "b", "c"]] * 4
    assert order[::3] == ["a", "b", "c", "a"]
    assert list(turns(3, [])) == []


def test_the_fastest_is_chosen_anew_in_each_round() -> None:
    assert fastest({"one": [1, 5, 3], "other": [2, 4, 9]}) == [1, 4, 3]


def test_a_timing_repeats_what_is_short_and_keeps_the_seconds_of_one_call() -> None:
    calls: list[None] = []
    timing = Timing(lambda: calls.append(None), seconds=1e-4)
    timing.calibrate()
    assert timing.runs > 1
    before = len(calls)
    timing.sample()
    assert len(calls) - before == timing.runs
    assert 0 < timing.samples[0] < 0.1


LOAD = 'Running 1s test\nLOAD {"answers":3,"microseconds":2000000,"failed":1,"latencies":%s}\n'


def test_a_load_is_read_from_what_wrk_prints() -> None:
    load = parse(LOAD % "[[1000,2],[9000,2]]")
    assert (load.rate, load.failed) == (1.5, 1)
    assert load.latencies == {1000: 2, 9000: 2}


@pytest.mark.parametrize("out", ["", "unable to connect", 2 * (LOAD % "[]")])
def test_without_a_load_the_words_of_wrk_are_the_error(out: str) -> None:
    with pytest.raises(RuntimeError, match="wrk reports no load"):
        parse(out)


def test_percentiles_count_every_answer() -> None:
    load = Load(1000, 1.0, 0, Counter({1000: 989, 5000: 10, 80_000: 1}))
    assert (load.p50, load.p99, load.percentile(99.9)) == (1.0, 5.0, 5.0)
    assert load.percentile(100) == 80.0
    assert math.isnan(Load(0, 1.0, 0, Counter()).p99)


def test_several_loads_are_one_with_all_their_answers() -> None:
    quick = Load(30, 1.0, 0, Counter({1000: 30}))
    slow = Load(10, 3.0, 2, Counter({1000: 5, 9000: 5}))
    whole = together([quick, slow])
    assert (whole.answers, whole.rate, whole.failed) == (40, 10.0, 2)
    assert whole.latencies == {1000: 35, 9000: 5}


def test_a_request_of_any_bytes_is_what_wrk_is_told(tmp_path: Path) -> None:
    post = Post("/v2", "application/octet-stream", bytes(range(256)), (("X-Length", "3"),))
    script = post.script(tmp_path).read_text()
    assert 'wrk.headers["X-Length"] = "3"' in script
    assert "".join(f"\\x{byte:02x}" for byte in range(256)) in script
