"""Loading: all the models or none, and a reason that names what is wrong."""

from pathlib import Path

import numpy as np
import pytest

from models import manifest
from models.arrays import Arrays, Floats
from models.manifest import FILENAME, Parity, Tensor
from service.errors import ModelNotFoundError, WrongTaskError
from service.inference import cuda
from service.inference import registry as registry_module
from service.inference.model import Model
from service.inference.registry import LoadError, load
from service.settings import Kind, Settings
from tests.support.published import finished, publish, publish_stateful, seal

PROVEN = Parity(backend="openvino", provider="OpenVINO, f32", batch_size=1, max_difference=0.0, n=1)


def settings(models_dir: Path, **values: object) -> Settings:
    return Settings.from_environment(models_dir=models_dir, **{"device": "cpu", **values})


def refusal(models_dir: Path, **values: object) -> str:
    """Why the models below `models_dir` are not loaded."""
    with pytest.raises(LoadError) as caught:
        load(settings(models_dir, **values))
    assert str(models_dir) not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("backend", "provider"), [("onnxruntime", "CPUExecutionProvider"), ("torchscript", "cpu")]
)
def test_loads_every_published_model(models_dir: Path, backend: str, provider: str) -> None:
    registry = load(settings(models_dir, backend=backend))
    assert registry.providers == dict.fromkeys(("gru", "lstm", "lstm-rows", "rnn"), provider)
    [prediction] = finished(registry.classifier("gru").prepare(np.zeros((1, 28, 28), np.float32)))
    assert (prediction.model, prediction.provider) == ("gru", provider)


def test_openvino_runs_what_is_proven_with_it_and_onnx_runtime_the_rest(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install '.[openvino]'")
    seal(publish(tmp_path, "lstm"), parity=(PROVEN,))
    publish(tmp_path, "gru")
    registry = load(settings(tmp_path, backend="openvino"))
    # Not in bfloat16, which is not proven, whatever the processor has.
    assert registry.providers == {"gru": "CPUExecutionProvider", "lstm": "OpenVINO, f32"}
    [prediction] = finished(registry.classifier("lstm").prepare(np.ones((1, 28, 28), np.float32)))
    assert prediction.provider == "OpenVINO, f32"


def test_auto_runs_large_requests_on_what_is_faster_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install '.[openvino]'")
    monkeypatch.setattr(registry_module, "choose", lambda _, candidates, seconds: candidates)
    seal(publish(tmp_path, "lstm"), parity=(PROVEN,))
    publish(tmp_path, "gru")
    registry = load(settings(tmp_path, backend="auto"))
    both = "CPUExecutionProvider; OpenVINO, f32"
    assert registry.providers == {"gru": "CPUExecutionProvider", "lstm": both}
    lstm = registry.classifier("lstm")
    for count, provider in ((1, "CPUExecutionProvider"), (8, "CPUExecutionProvider"), (9, both)):
        predictions = finished(lstm.prepare(np.ones((count, 28, 28), np.float32)))
        assert {p.provider for p in predictions} == {provider.rpartition("; ")[2]}


def test_small_requests_that_share_a_run_are_run_as_alone(tmp_path: Path) -> None:
    ran: list[int] = []

    class Counting:
        name: Kind = "onnxruntime"
        provider = "Test"

        def run(self, inputs: Arrays) -> dict[str, Floats]:
            ran.append(len(inputs["rows"]))
            return {"logits": np.zeros((len(inputs["rows"]), 10), np.float32)}

    class Large(Counting):
        def run(self, inputs: Arrays) -> dict[str, Floats]:
            raise AssertionError("of one request only")

    model = Model(manifest.read(publish(tmp_path, "lstm")), Counting(), (8, Large()))
    eight = {"rows": np.zeros((8, 28, 28), np.float32)}
    assert len(model.run_batch([eight, eight])) == 2
    assert ran == [16]


def test_without_a_name_the_default_model_answers(models_dir: Path) -> None:
    registry = load(settings(models_dir, default_model="rnn"))
    for name in (None, ""):
        assert registry.classifier(name) is registry.classifier("rnn")


def test_an_unknown_name_lists_the_models(models_dir: Path) -> None:
    registry = load(settings(models_dir))
    with pytest.raises(ModelNotFoundError, match=r"no model 'vit'; published are: gru, lstm, rnn"):
        registry.classifier("vit")


def test_every_model_runs_by_its_tensors_whatever_its_task(tmp_path: Path) -> None:
    publish(tmp_path, "lstm")
    publish_stateful(tmp_path)
    registry = load(settings(tmp_path))
    model = registry.model("stateful")
    rows, total = np.ones((2, 28, 28), np.float32), np.array([1, 2], np.float32)
    answer = model.backend.run({"rows": rows, "total": total})
    np.testing.assert_array_equal(answer[model.manifest.outputs[0].name], total + 784)
    with pytest.raises(ModelNotFoundError, match=r"no model 'gru'; published are: lstm, stateful"):
        registry.model("gru")


def test_a_model_of_another_task_is_loaded_but_does_not_predict(tmp_path: Path) -> None:
    publish(tmp_path, "lstm")
    publish_stateful(tmp_path)
    registry = load(settings(tmp_path))
    assert registry.providers.keys() == {"lstm", "stateful"}
    with pytest.raises(WrongTaskError, match="'stateful' cannot predict digits: its task"):
        registry.classifier("stateful")
    with pytest.raises(ModelNotFoundError, match=r"published are: lstm$"):
        registry.classifier("gru")


@pytest.mark.parametrize("file", ["model.onnx", "model.pt"])
def test_an_altered_file_is_refused_by_name(tmp_path: Path, file: str) -> None:
    folder = publish(tmp_path, "lstm")
    publish(tmp_path, "gru")
    altered = bytearray((folder / file).read_bytes())
    altered[-1] ^= 1
    (folder / file).write_bytes(altered)
    assert f"lstm/{file} has SHA-256" in refusal(tmp_path)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    (publish(tmp_path, "lstm") / "model.onnx").unlink()
    assert "lstm/model.onnx is missing" in refusal(tmp_path)


def test_a_broken_manifest_is_refused_by_name(tmp_path: Path) -> None:
    (publish(tmp_path, "lstm") / FILENAME).write_text("{")
    reason = refusal(tmp_path)
    assert (
        f"lstm/{FILENAME} cannot be read as JSON: EOF while parsing an object at line 1 column 1; "
        in reason
    )
    assert "publish it with" in reason


def test_what_the_system_says_of_a_file_goes_to_the_log_and_not_to_strangers(
    tmp_path: Path,
) -> None:
    path = publish(tmp_path, "lstm") / FILENAME
    path.unlink()
    path.mkdir()
    with pytest.raises(LoadError, match=f"^lstm/{FILENAME} is a folder, expected a file; ") as none:
        load(settings(tmp_path))
    assert "Errno" not in str(none.value)
    assert str(path) in none.value.detail
    assert "Errno" in none.value.detail


def test_a_name_that_no_folder_can_have_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / ("x" * 5000)).startswith("the models folder ")


def test_a_file_that_cannot_be_loaded_is_refused_without_the_library_s_words(
    tmp_path: Path,
) -> None:
    folder = publish(tmp_path, "lstm")
    (folder / "model.onnx").write_bytes(b"nonsense")
    seal(folder)
    assert refusal(tmp_path) == "model 'lstm': ONNX Runtime cannot load its graph"


def test_a_model_that_does_not_run_as_promised_is_refused(tmp_path: Path) -> None:
    folder = publish(tmp_path, "lstm")
    seal(folder, outputs=(Tensor(name="logits", dtype="float32", dims=("batch", 9)),))
    reason = refusal(tmp_path, backend="torchscript")
    assert "gives logits of shape (1, 10) for batch 1, its manifest says (1, 9)" in reason


def test_no_models_at_all(tmp_path: Path) -> None:
    assert "no models are published" in refusal(tmp_path)
    assert "the models folder is not a folder" in refusal(tmp_path / "nowhere")


def test_a_missing_default_model_is_named(models_dir: Path) -> None:
    reason = refusal(models_dir, default_model="vit")
    assert "default model" in reason
    assert "'vit'; published are: gru, lstm, rnn" in reason


def test_a_model_without_a_file_for_the_backend_is_named(tmp_path: Path) -> None:
    publish(tmp_path, "lstm")
    publish_stateful(tmp_path)
    assert "'stateful' has no torchscript file" in refusal(tmp_path, backend="torchscript")


@pytest.mark.skipif(cuda.driver_problem() is None, reason="this machine has a GPU")
def test_cuda_without_a_gpu_loads_nothing(models_dir: Path) -> None:
    assert refusal(models_dir, device="cuda").startswith("device is cuda, but")


def test_a_hidden_folder_is_not_published_yet(tmp_path: Path) -> None:
    publish(tmp_path, "lstm")
    (tmp_path / ".gru-123").mkdir()
    (tmp_path / ".gru-123" / FILENAME).write_text("{")
    assert load(settings(tmp_path)).providers.keys() == {"lstm"}
