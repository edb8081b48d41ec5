"""API keys: who has one may pass, and nothing keeps the key itself."""

import pytest

from service.settings import Settings, digest


def test_settings_keep_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWREADER_API_KEYS", "first,second\nthird")
    settings = Settings.from_environment()
    assert settings.api_keys == {digest("first"), digest("second"), digest("third")}
    assert "first" not in repr(settings)
