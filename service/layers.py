"""The layers around BentoML's application: what can refuse comes before what costs much."""

from collections.abc import Awaitable, Callable, Mapping

from bentoml._internal.configuration.containers import BentoMLContainer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service import openapi, paths
from service.admission import Admission, Door
from service.deadline import Deadline
from service.keys import ApiKeys
from service.logs import HEADER, RequestLog
from service.metrics import metrics
from service.middleware import App, OneErrorBody
from service.paths import Paths
from service.settings import Settings

Endpoint = Callable[[Request], Awaitable[Response]]


def around(app: Starlette, settings: Settings, admission: Callable[[], Admission]) -> App:
    """`app` within its layers; `admission()` is asked once there are requests."""
    door = Door(app, admission)
    limited = Deadline(ApiKeys(door, settings.api_keys), settings.timeout_seconds)
    known = Paths(openapi.routes(settings), paths.published(settings.models_dir))
    answering = OneErrorBody(limited, known, lambda *seen: metrics().answered(*seen))
    logged = RequestLog(answering, access=settings.access_log)
    if not settings.cors_origins:
        return logged
    # Outermost: a browser asks beforehand, without a key, and reads failures too.
    return CORSMiddleware(
        logged,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=[HEADER],
    )


def lean(app: Starlette, endpoints: Mapping[str, Endpoint]) -> Starlette:
    """BentoML's application without what it does in vain for every request.

    `endpoints`, by their paths, are asked directly. BentoML's way to them inspects their signature
    and its own settings each time, and makes a context that nobody asks for: a fifth of the time
    that a small picture takes in all. `Deadline` limits the time instead of its timeout. Its spans,
    unless they are sent somewhere, are thrown away, and cost a quarter of the requests a second.
    """
    needless = {"TimeoutMiddleware", "ContextMiddleware"}
    if BentoMLContainer.tracing.exporter_type.get() is None:
        needless.add("OpenTelemetryMiddleware")

    def name(middleware: Middleware) -> str:
        return getattr(middleware.cls, "__name__", "")

    app.user_middleware = [m for m in app.user_middleware if name(m) not in needless]
    app.router.routes[:0] = [
        Route(path, endpoint, methods=["POST"]) for path, endpoint in endpoints.items()
    ]
    return app
