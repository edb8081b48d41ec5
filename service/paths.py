"""The paths that are answered, as templates: `{model_name}` stands for each published model."""

ROWS, STREAM = "/predict_rows", "/stream"
NUMBER = "/predict_number"
FEEDBACK = "/feedback"  # answered where predictions are kept
PROTOCOL = "/v2"
VERSION = "1"  # the one version of every published model
MODEL, AT_VERSION = f"{PROTOCOL}/models/{{model_name}}", "/versions/{model_version}"
READY, INFER = "/ready", "/infer"

# What a browser asks for: the page's files, the API document and its files.
PAGE_FILES, DOCS = "/page/", "/docs"

# What an orchestrator asks, which has no key and learns nothing but yes, or why not yet.
PROBES = frozenset({"/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready"})


def is_static(path: str) -> bool:
    """Whether `path` leads to a file that is the same for everybody; `/` may, or to the routes."""
    return path == DOCS or path.startswith((PAGE_FILES, f"{DOCS}/"))


def of_protocol(path: str) -> bool:
    """Whether clients of the Open Inference Protocol ask for `path`."""
    return path == PROTOCOL or path.startswith(f"{PROTOCOL}/")
