"""What must hold on a GPU as on the CPU: what runs where, the same answers, bound memory, threads.

What needs a GPU, here and in other files, is run alone by `pytest -m gpu`. Memory is bound to the
device only here: a request comes from the host and its answer goes there, so that binding would
save the service no copy.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

import models
from models import manifest
from service.backends import Device, open_backend
from service.onnx_backend import _providers
from tests.devices import CUDA, EACH, PROVIDERS
from tests.published import publish_stateful
from tests.samples import digits, small_recipe, trained
from training.export import draft, write_files
from training.parity import BATCH_SIZES, prove

SHIPPED = manifest.discover(Path(models.__file__).parent)
WORK = {"LSTM", "GRU", "RNN", "MatMul", "Gemm", "FusedMatMul"}
each_shipped = pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)


def session(folder: Path, device: Any, profile: Path | None = None) -> Any:
    """The graph in `folder`, opened as the service opens it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    graph = (folder / "model.onnx").read_bytes()
    providers = _providers(device, exact=True)
    return onnxruntime.InferenceSession(graph, options, providers=providers, enable_fallback=0)


def pictures(batch: int) -> NDArray[np.float32]:
    return np.random.default_rng(batch).random((batch, 28, 28), np.float32)


@EACH
@each_shipped
def test_what_costs_time_runs_on_the_device(folder: Path, device: Device, tmp_path: Path) -> None:
    """What ran, as ONNX Runtime saw it; a provider in a list says nothing of a single node."""
    opened = session(folder, device, tmp_path / "profile")
    opened.run(None, {"rows": pictures(7)})
    events = json.loads(Path(opened.end_profiling()).read_text())
    ran = [event["args"] for event in events if "provider" in event.get("args", {})]
    work = [(node["op_name"], node["provider"]) for node in ran if node["op_name"] in WORK]
    assert work
    assert {provider for _, provider in work} == {PROVIDERS[device]}


@EACH
@each_shipped
def test_tensors_may_stay_on_the_device(folder: Path, device: Device) -> None:
    opened = session(folder, device)
    binding = opened.io_binding()
    rows = pictures(7)
    binding.bind_ortvalue_input("rows", onnxruntime.OrtValue.ortvalue_from_numpy(rows, device, 0))
    binding.bind_output("logits", device)
    opened.run_with_iobinding(binding)
    [logits] = binding.get_outputs()
    assert logits.device_name() == device
    backend = open_backend(
        "onnxruntime", folder, manifest.read(folder), device=device, threads=1, exact=True
    )
    np.testing.assert_allclose(logits.numpy(), backend.run({"rows": rows})["logits"], atol=1e-5)


@EACH
def test_state_may_stay_on_the_device_from_call_to_call(tmp_path: Path, device: Device) -> None:
    folder, _ = publish_stateful(tmp_path)
    opened = session(folder, device)
    total = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(2, np.float32), device, 0)
    for _ in range(3):
        binding = opened.io_binding()
        binding.bind_cpu_input("rows", np.ones((2, 28, 28), np.float32))
        binding.bind_ortvalue_input("total", total)
        binding.bind_output("next_total", device)
        opened.run_with_iobinding(binding)
        [total] = binding.get_outputs()
        assert total.device_name() == device
    np.testing.assert_array_equal(total.numpy(), [3 * 784, 3 * 784])


@EACH
@each_shipped
def test_threads_share_a_model_without_mixing_answers(folder: Path, device: Device) -> None:
    backend = open_backend(
        "onnxruntime", folder, manifest.read(folder), device=device, threads=1, exact=True
    )
    inputs = [pictures(1 + i % 5) for i in range(60)]
    alone = [backend.run({"rows": rows})["logits"] for rows in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda rows: backend.run({"rows": rows})["logits"], inputs))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.gpu
def test_the_proof_covers_cuda(tmp_path: Path) -> None:
    recipe = small_recipe("lstm", epochs=1)
    network = trained(recipe).average
    files = write_files(network, tmp_path)
    described = draft("lstm-digits", recipe, files, metrics=(), provenance={})
    report = prove(network, tmp_path, described, digits().test, cuda=True)
    assert (report.failures, report.notes) == ([], [])
    on_gpu = [row for row in report.rows if CUDA in row.provider.lower()]
    assert [(row.backend, row.batch_size) for row in on_gpu] == [
        (form, size) for form in ("eager", "onnxruntime", "torchscript") for size in BATCH_SIZES
    ]
