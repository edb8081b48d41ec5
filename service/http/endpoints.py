"""The way from BentoML's layers to the endpoint of a request."""

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import ApiError
from service.http.answer import failure
from service.uploads.request_head import head_of


class Endpoints:
    """BentoML's innermost layer: asks our endpoint of a request, where it has one.

    Within BentoML's metrics, and instead of its own way to an endpoint, which inspects signatures
    and looks up settings each time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or leave it to BentoML."""
        head = head_of(scope) if scope["type"] == "http" else None
        if head is None or head.endpoint is None:
            await self.app(scope, receive, send)
            return
        try:
            response = await head.endpoint(Request(scope, receive))
        except ApiError as error:
            response = failure(error.body(), head.path, error.headers)
        except ClientDisconnect:
            response = Response(status_code=400)  # nobody is there to read it, but it is counted
        head.answered = True
        await response(scope, receive, send)
