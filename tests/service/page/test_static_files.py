"""The page's files: small, ours alone, and served so that nothing else can run on it."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from service.page.static_files import FOLDER, endpoints

FILES = sorted(path for path in FOLDER.iterdir() if path.suffix not in {".py", ""})
MOST_BYTES = 100_000
PAGES = ("/", "/docs")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


async def listing(_: Request) -> Response:
    return JSONResponse({"routes": []})


ENDPOINTS = endpoints(listing)


def get(path: str, **headers: str) -> Response:
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()],
    }
    return asyncio.run(ENDPOINTS[path]["GET"](Request(scope)))  # type: ignore[arg-type]


def policy(response: Response) -> dict[str, list[str]]:
    """The sources that each directive allows."""
    directives = response.headers["content-security-policy"].split("; ")
    return {name: sources for name, *sources in map(str.split, directives)}


def test_all_files_together_are_small() -> None:
    assert len(FILES) > 5
    assert sum(path.stat().st_size for path in FILES) <= MOST_BYTES


@pytest.mark.parametrize("wanted", ["bytes=0-9", "bytes=999999999-", "nonsense"])
def test_a_file_is_served_whole_whatever_part_is_asked_for(wanted: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await ENDPOINTS["/page/page.js"]["GET"](Request(scope))
        await response(scope, receive, send)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/", headers={"Range": wanted})

    response = asyncio.run(ask())
    assert response.status_code == 200
    assert response.content == (FOLDER / "page.js").read_bytes()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_served_as_what_it_is(path: Path) -> None:
    response = get(f"/page/{path.name}")
    assert response.status_code == 200
    assert response.headers["content-type"] == MEDIA_TYPES[path.suffix]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_nothing_but_these_files_is_served() -> None:
    served = {path.removeprefix("/page/") for path in ENDPOINTS if path.startswith("/page/")}
    assert served == {path.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_another_host(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"(?:https?:)?//\w[\w-]*\.\w+", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_script_and_no_style_stands_inline(path: Path) -> None:
    if path.suffix == ".html":
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", text)


@pytest.mark.parametrize("path", PAGES)
def test_the_policy_lets_nothing_run_that_is_not_from_here(path: str) -> None:
    allowed = policy(get(path, accept=BROWSER))
    assert allowed["default-src"] == ["'none'"]
    assert allowed["frame-ancestors"] == ["'none'"]
    for directive in ("script-src", "style-src", "connect-src"):
        assert allowed[directive] == ["'self'"]
    everything = {source for sources in allowed.values() for source in sources}
    assert everything <= {"'self'", "'none'", "data:"}
    assert not any("unsafe" in source for source in everything)


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML ; q=0.5, */*", True),
        ("text/html;level=1, application/json;q=0.9", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/html", False),
        ("text/html;q=0, */*", False),
        ("text/html;q=0.5, application/json;q=0.8", False),
        ("text/html;q=word", True),
        (",;,;q=", False),
    ],
)
def test_who_prefers_html_gets_the_page_and_all_others_the_routes(accept: str, html: bool) -> None:
    response = get("/", accept=accept)
    assert response.headers["vary"] == "Accept"
    assert response.headers["content-type"].startswith("text/html" if html else "application/json")


def test_a_browser_that_has_a_file_does_not_get_it_again() -> None:
    first = get("/page/page.js")
    assert first.headers["cache-control"] == "no-cache"
    again = get("/page/page.js", if_none_match=first.headers["etag"])
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/docs/swagger-ui.css", "/docs/swagger-ui.js"])
def test_the_api_document_brings_its_own_program(path: str) -> None:
    response = get(path)
    assert response.status_code == 200
    assert int(response.headers["content-length"]) > 100_000
