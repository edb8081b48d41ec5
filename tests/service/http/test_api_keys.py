"""API keys: who has one may pass, who has none learns how to send one."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from service.http.api_keys import ApiKeys
from service.settings import Settings, digest

PROBES = ("/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready")
GUARDED = ("/predict", "/metrics", "/docs.json", "/", "/v2", "/v2/models/lstm", "/v2/health")
PATHS = (*PROBES, *GUARDED)
FINE = Starlette(routes=[Route(path, PlainTextResponse("fine")) for path in PATHS])


KEYS = Settings.from_environment(api_keys="one, two").api_keys


def ask(
    path: str, authorization: str | None = None, digests: frozenset[bytes] = KEYS
) -> httpx.Response:
    app = ApiKeys(FINE, digests)
    headers = {"authorization": authorization} if authorization else {}

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(send())


@pytest.mark.parametrize("authorization", ["Bearer one", "bearer two", "Bearer  two "])
def test_any_of_the_keys_opens(authorization: str) -> None:
    assert ask("/predict", authorization).status_code == 200


@pytest.mark.parametrize(
    "authorization", [None, "one", "Basic one", "Bearer", "Bearer three", "Bearer one,two"]
)
@pytest.mark.parametrize("path", GUARDED)
def test_nothing_else_does(path: str, authorization: str | None) -> None:
    answer = ask(path, authorization)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "unauthorized"
    assert "Authorization: Bearer" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", PROBES)
def test_probes_are_open(path: str) -> None:
    assert ask(path).status_code == 200


def test_without_keys_all_is_open() -> None:
    assert ask("/predict", digests=Settings.from_environment().api_keys).status_code == 200


def test_settings_keep_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWREADER_API_KEYS", "first,second\nthird")
    settings = Settings.from_environment()
    assert settings.api_keys == {digest("first"), digest("second"), digest("third")}
    assert "first" not in repr(settings)
