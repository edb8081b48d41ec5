"""Backends: the same answers from either library, and the device that was asked for, or why not."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from models import manifest
from service.inference import cuda
from service.inference.backends import BackendError, open_backend, probe
from service.settings import Kind
from tests.support.published import (
    LOGITS,
    picture,
    publish,
    publish_stateful,
    seal,
    weights,
    write_onnx,
)

BOTH: tuple[Kind, ...] = ("onnxruntime", "torchscript")
without_gpu = pytest.mark.skipif(cuda.driver_problem() is None, reason="this machine has a GPU")


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_runs_by_name_at_every_batch_size(models_dir: Path, kind: Kind, batch: int) -> None:
    folder = models_dir / "lstm"
    backend = open_backend(kind, folder, manifest.read(folder), device="cpu", threads=1)
    rows = np.stack([picture(i % 10) for i in range(batch)]).astype(np.float32) / np.float32(255)
    outputs = backend.run({"rows": rows})
    assert outputs.keys() == {"logits"}
    assert outputs["logits"].dtype == np.float32
    np.testing.assert_allclose(
        outputs["logits"], rows.reshape(batch, 784) @ weights(0), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    ("kind", "provider"), [("onnxruntime", "CPUExecutionProvider"), ("torchscript", "cpu")]
)
def test_tells_what_runs_it(models_dir: Path, kind: Kind, provider: str) -> None:
    folder = models_dir / "lstm"
    backend = open_backend(kind, folder, manifest.read(folder), device="cpu")
    assert (backend.name, backend.provider) == (kind, provider)


@pytest.mark.parametrize(("exact", "provider"), [(True, "f32"), (False, "bf16|f32")])
def test_openvino_gives_the_same_from_several_threads(
    models_dir: Path, exact: bool, provider: str
) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install '.[openvino]'")
    folder = models_dir / "lstm"
    backend = open_backend("openvino", folder, manifest.read(folder), exact=exact, threads=1)
    assert re.fullmatch(f"OpenVINO, ({provider})", backend.provider)
    batches = [
        np.stack([picture(i % 10) for i in range(n)]).astype(np.float32) / np.float32(255)
        for n in (1, 2, 7, 64) * 4
    ]
    with ThreadPoolExecutor(4) as pool:
        outputs = pool.map(lambda rows: backend.run({"rows": rows})["logits"], batches)
    for rows, logits in zip(batches, outputs, strict=True):
        expected = rows.reshape(len(rows), 784) @ weights(0)
        np.testing.assert_allclose(logits, expected, rtol=1e-5 if exact else 0.02, atol=0.05)


def test_openvino_is_refused_on_cuda(models_dir: Path) -> None:
    folder = models_dir / "lstm"
    with pytest.raises(BackendError, match=r"CPU only; set the device"):
        open_backend("openvino", folder, manifest.read(folder), device="cuda")


@pytest.mark.parametrize("kind", BOTH)
def test_takes_arrays_that_may_not_be_written_to(models_dir: Path, kind: Kind) -> None:
    folder = models_dir / "lstm"
    rows = np.zeros((2, 28, 28), np.float32)
    rows.flags.writeable = False
    backend = open_backend(kind, folder, manifest.read(folder), device="cpu", exact=True)
    assert backend.run({"rows": rows})["logits"].shape == (2, 10)


def test_carries_state_by_name(tmp_path: Path) -> None:
    folder, described = publish_stateful(tmp_path)
    backend = open_backend("onnxruntime", folder, described, device="cpu")
    total = np.zeros(2, np.float32)
    for _ in range(3):
        total = backend.run({"rows": np.ones((2, 28, 28), np.float32), "total": total})[
            "next_total"
        ]
    np.testing.assert_array_equal(total, [3 * 784, 3 * 784])
    probe(backend, described, batch=5)


@pytest.mark.parametrize(
    ("kind", "file"), [("onnxruntime", "model.onnx"), ("torchscript", "model.pt")]
)
def test_a_file_that_its_library_cannot_load_is_refused_by_name(
    tmp_path: Path, kind: Kind, file: str
) -> None:
    folder = publish(tmp_path, "lstm")
    (folder / file).write_bytes(b"nonsense")
    with pytest.raises(BackendError, match=r"model 'lstm': .* cannot load") as caught:
        open_backend(kind, folder, manifest.read(folder), device="cpu")
    assert str(tmp_path) not in caught.value.summary


def test_a_graph_with_another_output_than_promised_is_refused(models_dir: Path) -> None:
    folder = models_dir / "lstm"
    described = manifest.read(folder)
    other = manifest.Manifest(
        **{
            **vars(described),
            "outputs": (manifest.Tensor(name="scores", dtype="float32", dims=("batch", 10)),),
        }
    )
    with pytest.raises(
        BackendError, match=r"outputs of the graph are .*logits.*manifest says .*scores"
    ):
        open_backend("onnxruntime", folder, other, device="cpu")


def test_a_frozen_batch_axis_is_refused(tmp_path: Path) -> None:
    folder = publish(tmp_path, "lstm")
    write_onnx(folder / "model.onnx", weights(0), batch=4)
    seal(folder)
    with pytest.raises(BackendError, match=r"inputs of the graph are .*\(4, 28, 28\).*'batch'"):
        open_backend("onnxruntime", folder, manifest.read(folder), device="cpu")


def test_a_first_run_shows_an_output_of_another_shape(models_dir: Path) -> None:
    folder = models_dir / "lstm"
    described = manifest.read(folder)
    narrow = manifest.Tensor(name=LOGITS.name, dtype="float32", dims=("batch", 9))
    other = manifest.Manifest(**{**vars(described), "outputs": (narrow,)})
    backend = open_backend("torchscript", folder, other, device="cpu")
    with pytest.raises(BackendError, match=r"logits of shape \(3, 10\) for batch 3.*says \(3, 9\)"):
        probe(backend, other, batch=3)


@without_gpu
@pytest.mark.parametrize("kind", BOTH)
def test_cuda_without_a_gpu_is_refused_with_the_reason(models_dir: Path, kind: Kind) -> None:
    folder = models_dir / "lstm"
    with pytest.raises(BackendError, match=r"device is cuda, but .*(driver|GPU).*set the device"):
        open_backend(kind, folder, manifest.read(folder), device="cuda")


@without_gpu
@pytest.mark.parametrize("kind", BOTH)
def test_auto_without_a_gpu_is_the_cpu_and_no_warning(
    models_dir: Path, kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    folder = models_dir / "lstm"
    with caplog.at_level(logging.WARNING):
        backend = open_backend(kind, folder, manifest.read(folder), device="auto")
    assert "cpu" in backend.provider.lower()
    assert not caplog.records


def test_auto_warns_once_when_a_gpu_is_there_but_does_not_work(
    models_dir: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run fails for each model by itself, always with the same words."""
    reason = f"the first run fails: {models_dir}"  # as no other test of this process says it
    monkeypatch.setattr(cuda, "driver_problem", lambda: cuda.CudaError(reason))
    for name in ("lstm", "gru", "rnn"):
        folder = models_dir / name
        backend = open_backend("onnxruntime", folder, manifest.read(folder), device="auto")
        assert backend.provider == "CPUExecutionProvider"
    assert [record.getMessage() for record in caplog.records] == [
        f"Models run on the CPU: {reason}"
    ]


@without_gpu
def test_a_driver_alone_does_not_make_cuda_work(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of compiled-in providers names CUDA even here; the session decides."""
    monkeypatch.setattr(cuda, "driver_problem", lambda: None)
    folder = models_dir / "lstm"
    described = manifest.read(folder)
    with pytest.raises(BackendError, match="took CPUExecutionProvider instead"):
        open_backend("onnxruntime", folder, described, device="cuda")
    with pytest.raises(BackendError, match="torch cannot use CUDA"):
        open_backend("torchscript", folder, described, device="cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("exact", [False, True])
def test_cuda_agrees_with_the_cpu(models_dir: Path, kind: Kind, exact: bool) -> None:
    folder = models_dir / "lstm"
    described = manifest.read(folder)
    rows = np.random.default_rng(0).random((64, 28, 28), np.float32)
    on_gpu = open_backend(kind, folder, described, device="cuda", exact=exact)
    on_cpu = open_backend(kind, folder, described, device="cpu")
    assert "cuda" in on_gpu.provider.lower()
    expected = on_cpu.run({"rows": rows})["logits"]
    tolerance = 1e-4 if exact else 2e-2
    np.testing.assert_allclose(on_gpu.run({"rows": rows})["logits"], expected, atol=tolerance)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", BOTH)
def test_auto_is_cuda_where_it_works(models_dir: Path, kind: Kind) -> None:
    folder = models_dir / "lstm"
    backend = open_backend(kind, folder, manifest.read(folder), device="auto")
    assert "cuda" in backend.provider.lower()
