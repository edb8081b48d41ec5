"""The figures of this process, which Prometheus lets nobody make twice."""

import functools

from service.metrics import Metrics


@functools.cache
def metrics() -> Metrics:
    """Those of all tests."""
    return Metrics()
