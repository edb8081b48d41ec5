"""The proof of a reader of lines finds a form that reads another text, at whatever batch size."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from models import transcription
from models.arrays import Arrays, Floats
from models.manifest import File, Manifest
from tests.support.training.samples import digits
from training.data.lines.composition import Line
from training.data.lines.kinds import draw
from training.data.lines.parts import Digits
from training.networks.configuration import LineReaderConfig
from training.networks.interface import interface
from training.networks.modules import build
from training.parity.lines import TranscriptionParity
from training.parity.proof import prove
from training.publication.line_scores import MOST_WRONG, Reading, calibrate_lines
from training.publication.model_export import write_forms


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    known = Digits(digits().test)
    return [draw(known, np.random.default_rng(seed)) for seed in range(12)]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    made = build(
        LineReaderConfig(
            cell="lstm", hidden_size=8, num_layers=1, stages=((4,), (4,), (4,)), features=8
        )
    )
    for parameter in made.parameters():
        parameter.data += torch.randn_like(parameter) * 0.5
    return made.eval().requires_grad_(False)


def described(network: nn.Module, files: tuple[File, ...]) -> Manifest:
    graph = interface(network)
    fields: dict[str, Any] = {"recipe": {}, "metrics": (), "parity": (), "provenance": {}}
    return Manifest(
        name="numbers",
        task="transcribe",
        labels=transcription.LABELS,
        inputs=graph.inputs,
        outputs=graph.outputs,
        files=files,
        **fields,
    )


def test_every_form_of_a_sound_export_reads_every_line_alike(
    lines: list[Line], network: nn.Module, tmp_path: Path
) -> None:
    manifest = described(network, write_forms(network, tmp_path))
    report = prove(network, tmp_path, manifest, TranscriptionParity(lines), cuda=False)
    assert not report.failures
    assert len(report.rows) == 12
    assert all(row.agreed == row.n == len(lines) for row in report.rows)


def test_a_form_of_other_weights_is_found(
    lines: list[Line], network: nn.Module, tmp_path: Path
) -> None:
    manifest = described(network, write_forms(network, tmp_path))
    head = network.get_submodule("head")
    assert isinstance(head, nn.Linear)
    head.bias.data[3] += 30
    try:
        report = prove(network, tmp_path, manifest, TranscriptionParity(lines), cuda=False)
    finally:
        head.bias.data[3] -= 30
    assert {failure.check for failure in report.failures} >= {"weights", "values", "decisions"}


@pytest.mark.parametrize("size", [1, 2, 7, 256])
def test_only_lines_of_one_width_share_a_batch_and_each_is_read_once(
    lines: list[Line], size: int
) -> None:
    seen: list[tuple[int, ...]] = []

    def run(inputs: Arrays) -> dict[str, Floats]:
        strips = inputs["strips"]
        seen.append(strips.shape)
        return {"probabilities": np.zeros((len(strips), strips.shape[2] // 2, 13), np.float32)}

    done: list[int] = []
    task = TranscriptionParity(lines)
    outputs = task.outputs(run, size, done.append)
    assert sum(done) == len(task) == len(lines)
    assert all(count <= size and width % 32 == 0 for count, _, width in seen)
    assert len(outputs["probabilities"]) == sum(c * width // 2 for c, _, width in seen)


def test_calibration_lets_few_lines_be_accepted_and_wrong() -> None:
    random = np.random.default_rng(0)
    sure = random.uniform(0.3, 1, 4_000)
    right = random.random(4_000) < sure**2  # less often than it says
    readings = [
        Reading(is_number=True, right=bool(r), log_probability=float(np.log(p)))
        for p, r in zip(sure, right, strict=True)
    ]
    letters = [Reading(is_number=False, right=True, log_probability=-9.0)] * 50
    found = calibrate_lines([*readings, *letters])
    assert found.n == 4_000
    assert found.calibration_error < found.uncalibrated_error
    assert found.temperature > 0
    accepted = [
        r.right
        for r in readings
        if transcription.calibrate(r.log_probability, found.temperature) >= found.threshold
    ]
    assert 0 < len(accepted) < 4_000
    wrong = len(accepted) - sum(accepted)
    most = MOST_WRONG * len([*readings, *letters])
    assert 0.9 * most <= wrong <= most
    assert found.rejected == pytest.approx(1 - len(accepted) / 4_000, abs=1e-3)
