"""The benchmark's tables and goals, and that every part of it runs."""

import dataclasses
import json
import math
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.benchmarks import bench
from tests.benchmarks.parts import model, service, start, stream, training
from tests.benchmarks.tools import matrix_products
from tests.benchmarks.tools.conditions import sentence
from tests.benchmarks.tools.load import Load
from tests.benchmarks.tools.report import Bound, Goal, Part, Table, summary
from tests.benchmarks.tools.timing import Spread, knee
from tests.benchmarks.tools.workloads import JPEG, LARGE_JPEG, PLAIN_FASTAPI, PNG
from tests.support.training import commands
from training.data import mnist
from training.recipes.shipped import RECIPES


@pytest.mark.parametrize(
    ("bound", "target", "found", "verdict"),
    [
        ("at least", 3, Spread(1.0, 3.0, 9.0), "reached"),
        ("at least", 3, Spread(2.8, 2.9, 9.0), "not reached"),
        ("at most", 1, 1.0, "reached"),
        ("at most", 1, 1.1, "not reached"),
        ("above", 1, 1.0, "not reached"),
        ("under", 3, 3.0, "not reached"),
        ("under", 3, math.inf, "not reached"),
        ("at least", 1, math.nan, "not reached"),
        ("at least", 1, None, "not measured"),
    ],
)
def test_the_median_decides_whether_a_goal_is_reached(
    bound: Bound, target: float, found: Spread | float | None, verdict: str
) -> None:
    assert Goal("speed", bound, target, found, note="no reason").verdict == verdict


def test_what_was_not_measured_says_why() -> None:
    goal = Goal("speed over OpenVINO", "above", 1, None, note="OpenVINO is not installed")
    assert str(goal).endswith("OpenVINO is not installed, not measured")


def _part() -> Part:
    table = Table(("cell", "images", "time"), names=2)
    table.add("lstm", "batch 1", "5", goals=[Goal("speed", "at least", 3, Spread(1, 2, 3))])
    table.add("gru", "batch 1", "6")
    return Part("model", "How.", table, {"microseconds": {}})


def test_a_row_stands_beside_its_goal() -> None:
    lines = _part().table.markdown().splitlines()
    assert lines[0] == "| cell | images | time | goal |"
    assert "at least 3 x: 2.00 (1.00 to 3.00) x, not reached" in lines[2]
    assert lines[3] == "| gru | batch 1 | 6 | - |"
    assert "| model | lstm, batch 1 | speed | at least 3 x |" in summary([_part()])


def test_a_row_with_a_cell_too_many_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells for 1 columns"):
        Table(("one",), names=1).add("1", "2")


def test_what_is_written_is_json_whatever_was_measured(tmp_path: Path) -> None:
    part = _part()
    part.table.add("rnn", "batch 1", "-", goals=[Goal("speed", "above", 1, Spread(1, math.inf, 2))])
    bench.write(tmp_path, [part], {"processors": 2}, "Summary.")
    kept = json.loads((tmp_path / "model.json").read_text(), parse_constant=pytest.fail)
    assert kept["conditions"] == {"processors": 2}
    assert [goal["reached"] for goal in kept["goals"]] == [False, True]
    assert "| gru | batch 1 | 6 | - |" in (tmp_path / "report.md").read_text()


def test_publishing_renews_what_was_measured_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = "| part | row | what | goal | found | verdict |\n| --- | --- | --- | --- | --- | --- |"
    old = "| {0} | old | old | old | old | reached |".format
    goals = "\n".join([head, old("model"), old("gpu"), old("start")])
    page = tmp_path / "speed.md"
    page.write_text(
        f"By hand.\n\n<!-- speed -->\n\n{goals}\n\n<!-- /speed -->\n\nAlso by hand.\n\n"
        "<!-- speed-model -->\n\nold model\n\n<!-- /speed-model -->\n\n"
        "<!-- speed-gpu -->\n\nseen on a card\n\n<!-- /speed-gpu -->\n"
    )
    monkeypatch.setattr("tests.support.documents.PAGES", (page,))
    monkeypatch.setattr(bench, "DOCS", tmp_path)
    table = _part().table
    measured = Part("model", "How.", table, {"microseconds": {}, "seconds": [1.0]})
    monkeypatch.setattr("tests.benchmarks.tools.plots.draw", lambda part, path: path.touch())
    bench.publish([measured, Part("gpu", "No GPU here.", table, {})], "this machine.")
    text = page.read_text()
    assert text.startswith("By hand.\n\n<!-- speed -->\n\n| part |")
    assert "| model | lstm, batch 1 | speed | at least 3 x | 2.00 (1.00 to 3.00) x |" in text
    assert old("model") not in text
    assert f"{old('gpu')}\n{old('start')}\n\n<!-- /speed -->\n\nAlso by hand." in text
    rows = "| lstm | batch 1 | 5 |\n| gru | batch 1 | 6 |"
    section = f"""<!-- speed-model -->

How.

| cell | images | time |
| --- | --- | --- |
{rows}

Measured on: this machine.

![Speed, model](speed_model.png)

<!-- /speed-model -->"""
    assert section in text
    assert "old model" not in text
    assert "<!-- speed-gpu -->\n\nseen on a card\n\n<!-- /speed-gpu -->" in text


def test_a_busy_machine_is_named() -> None:
    assert "busy" not in sentence({"others, %": 3.0})
    assert "busy" in sentence({"others, %": 40.0})


def test_the_floor_multiplies_as_much_as_the_network() -> None:
    # torch's own count for an LSTM: (28 + 128) inputs to 4 x 128 gates, 28 times; then the head.
    lstm = dataclasses.replace(RECIPES["lstm"], hidden_size=128)
    assert matrix_products.operations(lstm, 3) == 2 * 3 * (28 * (28 + 128) * 4 * 128 + 128 * 10)
    # Patches of 4 x 4 along 14 rows and columns of 14, then 2 x 2 states of theirs along 7 of 7.
    small = 14 * 14 * 2 * 3 * 32 * ((16 + 32) + (64 + 32))
    large = 7 * 7 * 2 * 3 * 64 * ((4 * 64 + 64) + (128 + 64))
    renet = dataclasses.replace(RECIPES["accurate"], renet=(32, 64))
    assert matrix_products.operations(renet, 5) == 2 * 5 * (small + large + 49 * 128 * 10)
    two_layers = 28 * (28 + 192) * 192 + 28 * (192 + 192) * 192 + 192 * 10
    rnn = dataclasses.replace(RECIPES["rnn"], hidden_size=192, num_layers=2)
    assert matrix_products.operations(rnn, 1) == 2 * two_layers


def test_the_model_has_goals_at_one_picture_and_at_large_batches() -> None:
    samples = {"ours (ONNX Runtime)": [50.0], "eager torch": [200.0], "floor": [10.0]}
    missing = dict.fromkeys(("TorchScript", "torch.compile", "OpenVINO"), "absent")
    speed, bound = model.goals(1, samples, missing)
    assert (speed.reached, bound.reached) == (True, False)  # 4 times; 50 of 35 microseconds
    eager, *others = model.goals(512, samples, missing)
    assert eager.reached
    assert [goal.verdict for goal in others] == ["not measured"] * 3
    assert len(model.goals(64, samples, missing)) == 4
    assert model.goals(8, samples, missing) == []


def _load(rate: int, milliseconds: int) -> list[Load]:
    return [Load(rate, 1.0, 0, Counter({1000 * milliseconds: rate}))]


def test_the_service_is_compared_with_each_peer_and_a_missing_one_is_not_measured() -> None:
    found = {
        "ours": _load(1000, 30),
        "FastAPI": _load(900, 20),
        "BentoML, plain": _load(600, 50),
    }
    goals = service.goals((PNG, 64), found)
    assert [goal.verdict for goal in goals] == [
        "reached", "not reached", "not reached", "not measured",
    ]  # fmt: skip
    [few] = service.goals((PNG, 1), found)
    assert (few.target, few.reached) == (1.1, True)


def test_photos_are_compared_with_the_reading_of_tutorials() -> None:
    found = {"ours": _load(1000, 30), "FastAPI": _load(2000, 9), PLAIN_FASTAPI: _load(950, 20)}
    for photo in (JPEG, LARGE_JPEG):
        for connections in (1, 16, 64):
            rate, slowest = service.goals((photo, connections), found)
            assert (rate.reached, slowest.reached) == (False, False)  # 1.05 times; 1.5 times


def test_tensors_are_judged_where_mlserver_still_answers() -> None:
    found = {"ours": _load(48, 300), service.ALONE: _load(56, 40), "MLServer": _load(17, 700)}
    alone, mlserver, auto = service.goals((service.V2_512, 16), found)
    assert (alone.reached, mlserver.reached, auto.reached) == (True, False, None)
    assert service.goals((service.V2_512, 64), found) == []


def test_the_plot_shows_only_the_cases_that_are_judged() -> None:
    loads = {
        (work, connections): {"ours": _load(9, 1)}
        for work in (PNG, service.V2_512)
        for connections in (1, 16, 64)
    }
    rows = [row[0][:2] for row in service.table(service.judged(loads), {}).rows]
    assert rows == [[PNG, "64"], [service.V2_512, "16"]]


def test_seconds_to_an_accuracy_are_those_of_all_turns_until_then() -> None:
    course = training.Course([2.0, 3.0, 4.0], [0.9, 0.975, 0.98])
    assert course.until(0.97) == 5.0
    assert course.until(0.985) is None
    assert not course.done


def test_training_is_compared_turn_by_turn() -> None:
    courses = {
        "ours": training.Course([1.0, 1.0], [0.95, 0.97]),
        "tutorial": training.Course([4.0, 8.0], [0.94, 0.96]),
    }
    [goal] = training.goals("cpu", "ours", courses)
    assert training.goals("cpu", "tutorial", courses) == []
    assert (goal.reached, goal.note[:5]) == (True, "1.00 ")
    table = training.table({"cpu": courses}, steps=469, why="")
    assert table.rows[0][0][2].startswith("2.00")  # half an epoch a turn
    assert "no GPU here" in str(table.rows[-1][1][0])


def test_only_what_ships_by_default_has_goals_for_its_start() -> None:
    found = {name: [start.Found(3.5, 190.0, 120.0)] for name in start.BACKENDS}
    assert [goal.verdict for _, goal in start.table(found).goals] == ["not reached", "reached"]


def test_the_knee_is_where_a_curve_bends_most() -> None:
    flat_then_steep = {1: 10.0, 10: 10.5, 100: 11.0, 1000: 100.0, 10_000: 1000.0}
    steep_then_flat = {1: 100.0, 10: 10.0, 100: 9.8, 1000: 9.6}
    assert knee(flat_then_steep) == 100
    assert knee(steep_then_flat) == 10
    assert knee({1: 1.0, 2: 2.0}) is None  # two points have none


def test_a_row_of_the_model_alone_has_a_goal() -> None:
    [(row, goal)] = stream.table({}, seconds=1, alone={"lstm": [15e-3, 17e-3]}).goals
    assert (row, goal.target, goal.reached) == ("model alone, lstm", 20, True)


def test_the_goals_of_a_row_speak_of_fifty_streams() -> None:
    found = {1: [3.0] * 10, stream.MANY: [0.5] * 98 + [3.0] * 2}
    verdicts = [(row, goal.verdict) for row, goal in stream.table(found, seconds=1, alone={}).goals]
    assert verdicts == [("50", "reached"), ("50", "not reached")]


NEEDS = {
    "model": None,
    "gpu": None,
    "service": None if shutil.which("wrk") else "wrk is not installed",
    "stream": None,
    "growth": None if shutil.which("wrk") else "wrk is not installed",
    "training": None if mnist.is_present(mnist.default_root()) else "there is no MNIST",
    "start": None,
}


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize("name", bench.WHOLE)
def test_every_part_runs(name: str, tmp_path: Path) -> None:
    if reason := NEEDS[name]:
        pytest.skip(reason)
    quick = "--quick", "--folder", str(tmp_path)
    command = commands.start("tests.benchmarks.bench", name, *quick)
    status, _, errors = commands.finish(command)
    assert status == 0, errors
    kept = json.loads((tmp_path / f"{name}.json").read_text())
    assert kept["rows"]
    assert all(row.keys() for row in kept["rows"])
    assert (tmp_path / f"{name}.png").exists() == (name != "gpu")
