"""API keys: who may ask, when the operator gives out keys at all."""

import hmac

from service.errors import UnauthorizedError
from service.paths import PROBES, is_static
from service.settings import digest
from service.uploads.request_head import RequestHead


def check_key(head: RequestHead, digests: frozenset[bytes]) -> None:
    """Let a request pass that carries one of the keys as `Authorization: Bearer KEY`.

    Everything but the probes and the page's files needs one, also the metrics and `/docs.json`;
    without any digest, nothing does. The page asks for the key itself.

    Raises:
        UnauthorizedError: it carries none.

    """
    page = is_static(head.path) or (head.path == "/" and head.prefers_html)
    if not digests or page or head.path in PROBES:
        return
    scheme, _, key = head.authorization.partition(" ")
    found = digest(key.strip())
    # Every key is compared, each in constant time, so that time tells nothing about them.
    matches = [hmac.compare_digest(found, known) for known in digests]
    if scheme.lower() != "bearer" or not any(matches):
        raise UnauthorizedError(
            "this service asks for an API key; send a valid one as 'Authorization: Bearer KEY'"
        )
