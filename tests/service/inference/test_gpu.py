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
from models.manifest import Manifest
from service.inference.backends import open_backend
from service.inference.onnx_backend import choose_providers
from service.settings import Device
from tests.support.devices import CUDA, EACH, PROVIDERS
from tests.support.published import publish_stateful
from tests.support.training.samples import small_recipe, trained, unproven
from training.parity.proof import prove
from training.parity.tasks import BATCH_SIZES
from training.publication.model_export import describe, write_forms

SHIPPED = manifest.discover(Path(models.__file__).parent)
WORK = {"LSTM", "GRU", "RNN", "MatMul", "Gemm", "FusedMatMul", "FusedGemm"}
each_shipped = pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)


def session(folder: Path, device: Any, profile: Path | None = None) -> Any:
    """The graph in `folder`, opened as the service opens it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    graph = (folder / "model.onnx").read_bytes()
    providers = choose_providers(device, exact=True)
    return onnxruntime.InferenceSession(graph, options, providers=providers, enable_fallback=0)


def tensors(described: Manifest, batch: int) -> dict[str, NDArray[np.float32]]:
    """Random numbers for every input, each free axis being `batch`."""
    random = np.random.default_rng(batch)
    shapes = {
        tensor.name: [batch if isinstance(dim, str) else dim for dim in tensor.dims]
        for tensor in described.inputs
    }
    return {name: random.random(shape, np.float32) for name, shape in shapes.items()}


@EACH
@each_shipped
def test_what_costs_time_runs_on_the_device(folder: Path, device: Device, tmp_path: Path) -> None:
    """What ran, as ONNX Runtime saw it; a provider in a list says nothing of a single node."""
    opened = session(folder, device, tmp_path / "profile")
    opened.run(None, tensors(manifest.read(folder), 7))
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
    described = manifest.read(folder)
    inputs = tensors(described, 7)
    for name, array in inputs.items():
        value = onnxruntime.OrtValue.ortvalue_from_numpy(array, device, 0)
        binding.bind_ortvalue_input(name, value)
    for tensor in described.outputs:
        binding.bind_output(tensor.name, device)
    opened.run_with_iobinding(binding)
    backend = open_backend("onnxruntime", folder, described, device=device, threads=1, exact=True)
    expected = backend.run(inputs)
    for tensor, output in zip(described.outputs, binding.get_outputs(), strict=True):
        assert output.device_name() == device
        np.testing.assert_allclose(output.numpy(), expected[tensor.name], atol=1e-5)


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
    described = manifest.read(folder)
    backend = open_backend("onnxruntime", folder, described, device=device, threads=1, exact=True)
    inputs = [tensors(described, 1 + i % 5) for i in range(60)]
    alone = [backend.run(given) for given in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(backend.run, inputs))
    for one, other in zip(alone, together, strict=True):
        for name, expected in one.items():
            np.testing.assert_allclose(other[name], expected, atol=1e-5)


@pytest.mark.gpu
def test_the_proof_covers_cuda(tmp_path: Path) -> None:
    recipe = small_recipe("lstm", epochs=1)
    network = trained(recipe).average
    run = unproven(recipe, network)
    [candidate] = run.candidates
    described = describe(run, candidate, write_forms(network, tmp_path))
    report = prove(network, tmp_path, described, candidate.task, cuda=True)
    assert report.failures == []
    assert [note for note in report.notes if "openvino" not in note] == []  # may be missing
    on_gpu = [row for row in report.rows if CUDA in row.provider.lower()]
    assert [(row.backend, row.batch_size) for row in on_gpu] == [
        (form, size) for form in ("eager", "onnxruntime", "torchscript") for size in BATCH_SIZES
    ]
