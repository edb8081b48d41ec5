"""Settings: defaults that serve, and one clear error for a bad value."""

from pathlib import Path

import pytest
from pydantic import ValidationError

import models
from service.settings import PREFIX, Settings, SettingsError, warn_of_unknown


def test_defaults_serve_the_shipped_models() -> None:
    settings = Settings.from_environment()
    assert settings.models_dir == Path(models.__file__).parent
    assert settings.default_model == "lstm"
    assert (settings.backend, settings.device) == ("onnxruntime", "auto")
    assert settings.max_body_bytes == 10 * 1024 * 1024
    assert settings.max_pixels == 50_000_000


def test_environment_variables_change_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWREADER_BACKEND", "torchscript")
    monkeypatch.setenv("ROWREADER_MAX_BATCH", "7")
    settings = Settings.from_environment()
    assert (settings.backend, settings.max_batch) == ("torchscript", 7)


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("ROWREADER_DEVICE", "gpu", "'auto', 'cpu' or 'cuda'"),
        ("ROWREADER_BACKEND", "onnx", "'onnxruntime', 'torchscript', 'openvino' or 'auto'"),
        ("ROWREADER_MAX_BATCH", "0", "greater than or equal to 1"),
        ("ROWREADER_INTRA_OP_THREADS", "100000", "less than or equal to 256"),
        ("ROWREADER_MAX_PIXELS", "10000000000", "less than or equal to 89000000"),
        ("ROWREADER_MAX_BODY_BYTES", "10MB", "a valid integer"),
        ("ROWREADER_TIMEOUT_SECONDS", "0", "greater than 0"),
        ("ROWREADER_TIMEOUT_SECONDS", "3601", "less than or equal to 3600"),
        ("ROWREADER_TIMEOUT_SECONDS", "inf", "a finite number"),
        ("ROWREADER_MAX_DELAY_SECONDS", "nan", "a finite number"),
        ("ROWREADER_MAX_DELAY_SECONDS", "inf", "a finite number"),
        ("ROWREADER_MAX_DELAY_SECONDS", "1e9", "less than or equal to 3600"),
        ("ROWREADER_WORKERS", "100000", "less than or equal to 256"),
        ("ROWREADER_THREADS", "100000", "less than or equal to 256"),
        ("ROWREADER_MAX_BODY_BYTES", "10000000000", "less than or equal to 1073741824"),
        ("ROWREADER_MAX_BATCH_PIXELS", "1" + "0" * 12, "less than or equal to 100000000000"),
        ("ROWREADER_MAX_PENDING", "1000000", "less than or equal to 65536"),
    ],
)
def test_a_bad_value_names_variable_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment()
    assert f"{variable} is '{value}'" in str(caught.value)
    assert allowed in str(caught.value)


@pytest.mark.parametrize("value", ["", " ", " , \n"])
@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_that_is_set_but_empty_is_not_taken_for_one_that_is_unset(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    variable = PREFIX + name.upper()
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=rf"^{variable} is .*set, but empty .* or unset it"):
        Settings.from_environment()


def test_a_bad_value_is_told_what_it_would_be_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWREADER_MAX_BATCH", "0")
    monkeypatch.setenv("ROWREADER_API_KEYS", "")
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment()
    message = str(caught.value)
    assert "Give another value, or unset it, which means 256; ROWREADER_API_KEYS is ''" in message
    assert message.endswith("open to all.) Give another value, or unset it, which means none")


def test_the_memory_of_a_task_is_enough_for_the_largest_image() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(max_parse_bytes=2**28)
    assert "ROWREADER_MAX_PARSE_BYTES is 268435456: It should be at least 1200000000, or" in str(
        caught.value
    )
    assert Settings.from_environment(max_parse_bytes=2**28, max_pixels=11_000_000)


def test_every_bad_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWREADER_DEVICE", "gpu")
    monkeypatch.setenv("ROWREADER_WORKERS", "-1")
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment()
    assert "ROWREADER_DEVICE" in str(caught.value)
    assert "ROWREADER_WORKERS" in str(caught.value)


def test_what_kubernetes_sets_for_a_service_of_our_name_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROWREADER_PORT", "tcp://10.0.0.1:3000")
    monkeypatch.setenv("ROWREADER_SERVICE_HOST", "10.0.0.1")
    assert Settings.from_environment().default_model == "lstm"


def test_settings_do_not_change_after_the_start() -> None:
    settings = Settings.from_environment()
    with pytest.raises(ValidationError, match="frozen"):
        settings.max_batch = 3


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, f"{PREFIX}{name.upper()} has no description"


def test_a_mistyped_setting_is_named_beside_those_there_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ROWREADER_DEVICES", "cuda")
    monkeypatch.setenv("ROWREADER_PORT", "tcp://10.0.0.1:3000")
    warn_of_unknown()
    [warning] = caplog.messages
    assert "no setting ROWREADER_DEVICES; did you mean ROWREADER_DEVICE? Known are:" in warning
    assert "ROWREADER_DEFAULT_MODEL, ROWREADER_DEVICE," in warning
