"""The files of the page and of the API document, each at a path of its own.

Nothing is built, and nothing comes from elsewhere: the page is the files of this folder, the API
document is Swagger UI as the package `offapi` carries it.
"""

from importlib.metadata import distribution
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from service.paths import DOCS, PAGE_FILES
from service.uploads.request_head import Endpoint, head_of

FOLDER = Path(__file__).parent
_SUFFIXES = frozenset({".html", ".css", ".js", ".svg"})

# Of the package, by the path at which each file is served. The package is not imported: it would
# hold all that it carries in memory, three documents' programs.
_PACKAGE = "offapi"
_SWAGGER_UI = {
    f"{DOCS}/swagger-ui.css": "swagger_style.css",
    f"{DOCS}/swagger-ui.js": "swagger_bundle.js",
}

# A browser runs and shows what comes from here, and sends to here; nothing stands inline.
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_DOCS_POLICY = {**_POLICY, "img-src": "'self' data:"}  # small ones in Swagger UI's style sheet


def endpoints(listing: Endpoint) -> dict[str, dict[str, Endpoint]]:
    """Every file by its path; at `/`, whoever does not prefer HTML gets `listing`."""
    ours = StaticFiles(directory=FOLDER)
    swagger_ui = StaticFiles(directory=Path(str(distribution(_PACKAGE).locate_file(_PACKAGE))))
    page = _file(ours, "index.html", _POLICY)

    async def page_or_listing(request: Request) -> Response:
        response = await (page if head_of(request.scope).prefers_html else listing)(request)
        response.headers["Vary"] = "Accept"
        return response

    files = {
        "/": page_or_listing,
        DOCS: _file(ours, "docs.html", _DOCS_POLICY),
        **{path: _file(swagger_ui, name, _POLICY) for path, name in _SWAGGER_UI.items()},
        **{f"{PAGE_FILES}{name}": _file(ours, name, _POLICY) for name in _names()},
    }
    return {path: {"GET": endpoint} for path, endpoint in files.items()}


def _names() -> list[str]:
    """The files of the page."""
    return sorted(path.name for path in FOLDER.iterdir() if path.suffix in _SUFFIXES)


def _file(files: StaticFiles, name: str, policy: dict[str, str]) -> Endpoint:
    headers = {
        "Content-Security-Policy": "; ".join(f"{of} {what}" for of, what in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",  # kept, but asked about by its ETag each time
    }

    async def answer(request: Request) -> Response:
        # They are small: whoever asks for a part of one gets it whole, as HTTP allows.
        scope = request.scope
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"range"]
        response = await files.get_response(name, scope)
        response.headers.update(headers)
        return response

    return answer
