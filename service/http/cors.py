"""Pages of other origins: which may ask from a browser, if the operator names any."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from service.errors import OriginNotAllowedError
from service.http.answer import failure
from service.uploads.request_head import REQUEST_ID, request_id


def allow_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """`app`, whose answers, failures included, pages of `origins` may read; none: as it is."""
    if not origins:
        return app
    return _Cors(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=[REQUEST_ID],
    )


class _Cors(CORSMiddleware):
    """Starlette's, but for what it answers where a browser may not ask."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """What a browser asks beforehand, without a key."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        origin, method = (
            request_headers.get(name, "") for name in ("origin", "access-control-request-method")
        )
        error = OriginNotAllowedError(
            f"pages of {origin!r:.100} may not ask by {method!r:.20}; the operator names who may "
            "with ROWREADER_CORS_ORIGINS"
        )
        kept = {k: v for k, v in response.headers.items() if not k.startswith("content-")}
        given = request_headers.get(REQUEST_ID, "").encode("latin-1")
        return failure(error.body(), "/", {**kept, REQUEST_ID: request_id(given)})
