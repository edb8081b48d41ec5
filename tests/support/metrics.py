"""The figures of this process, which Prometheus lets nobody make twice, and those of a server."""

import functools

from service.metrics import Metrics


@functools.cache
def metrics() -> Metrics:
    """Those of all tests."""
    return Metrics()


def figures(text: str) -> dict[str, float]:
    """Samples of the service's own metrics, by name and labels."""
    lines = [line for line in text.splitlines() if line.startswith("rowreader_")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
