"""Which paths are answered: a bounded number, so that metrics and logs are bounded too."""

import re
from collections.abc import Iterable
from itertools import product

from service.errors import ApiError, ModelNotFoundError, NotFoundError, quote
from service.paths import INFER, PROTOCOL, READY, STREAM, VERSION

_OF_A_MODEL = re.compile(rf"{PROTOCOL}/models/([^/]+)(?:/versions/([^/]+))?(?:{READY}|{INFER})?")


class KnownPaths:
    """The paths that lead somewhere, those of each published model included."""

    def __init__(
        self, templates: Iterable[str], models: Iterable[str] = (), files: Iterable[str] = ()
    ) -> None:
        """Fill `{model_name}` in `templates` with each of `models`, `{model_version}` likewise.

        `files` are answered too, and never named to who asks for something else.
        """
        self._templates, self._models = sorted(templates), sorted(models)
        self._known = {
            template.replace("{model_name}", model).replace("{model_version}", VERSION)
            for template, model in product(self._templates, self._models)
        }
        self._known |= {template for template in self._templates if "{" not in template}
        self._known |= set(files)

    def __contains__(self, path: str) -> bool:
        return path in self._known

    def check(self, method: str, path: str) -> None:
        """Refuse a path that leads nowhere.

        Raises:
            ModelNotFoundError: it would, if it named a published model and its version.
            NotFoundError: nothing is like it.

        """
        if path not in self:
            raise self._unknown_model(path) or self.not_found(method, path)

    def not_found(self, method: str, path: str) -> NotFoundError:
        """The error for a path that leads nowhere."""
        asked = f"{method} {quote(path)}"
        if path == STREAM:
            return NotFoundError(f"{asked}: this is a WebSocket; connect to it as one")
        return NotFoundError(f"{asked}: there is no such route; try {', '.join(self._templates)}")

    def _unknown_model(self, path: str) -> ApiError | None:
        found = _OF_A_MODEL.fullmatch(path)
        if not found:
            return None
        name, version = found.groups()
        if name not in self._models:
            return ModelNotFoundError(
                f"there is no model {quote(name)}; published are: {', '.join(self._models)}"
            )
        return ModelNotFoundError(
            f"model {name!r} has no version {quote(version)}, only: {VERSION}; name that, or none"
        )
