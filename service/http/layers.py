"""The layers around BentoML's application: what can refuse comes before what costs much."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware

from service.execution.admission import Admission
from service.http.admission_gate import Door
from service.http.api_keys import ApiKeys
from service.http.deadline import Deadline
from service.http.error_body import App, OneErrorBody
from service.http.known_paths import Paths
from service.http.request_log import HEADER, RequestLog
from service.inference.registry import list_models
from service.metrics import metrics
from service.openapi.document import routes
from service.settings import Settings


def around(app: Starlette, settings: Settings, admission: Callable[[], Admission]) -> App:
    """`app` within its layers; `admission()` is asked once there are requests."""
    door = Door(app, admission)
    limited = Deadline(ApiKeys(door, settings.api_keys), settings.timeout_seconds)
    known = Paths(routes(settings), list_models(settings.models_dir))
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
