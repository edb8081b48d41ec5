"""The parser of the distribution `multipart`, whichever module `import multipart` would find.

BentoML brings python-multipart, whose folder `multipart` takes the name of this distribution's
`multipart.py`, so the file is named here. The parser of python-multipart itself will not do: it
goes on byte by byte after a boundary that is not quite one, 3 s for 10 MiB, all on the event loop.
"""

import importlib.metadata
import importlib.util
from types import ModuleType


def _load() -> ModuleType:
    path = importlib.metadata.distribution("multipart").locate_file("multipart.py")
    spec = importlib.util.spec_from_file_location(f"{__name__}.multipart", str(path))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module; install multipart>=2.0,<3")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_module = _load()
MultipartError = _module.MultipartError
MultipartSegment = _module.MultipartSegment
PushMultipartParser = _module.PushMultipartParser
parse_options_header = _module.parse_options_header
