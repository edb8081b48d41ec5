"""What decoding libraries say of a broken picture, kept from standard error and from the log.

A file of 99 kB made libtiff write 4.1 MB to standard error. Its sender is told what is wrong, in
the answer; nobody else needs to know.
"""

import ctypes
import importlib.util
import logging


def silence_decoders() -> None:
    """Let libtiff and Pillow say nothing, for the rest of the process.

    Handlers of errors are libtiff's documented way. They are looked up in whatever Pillow's own
    library is linked with, so that it does not matter under which name libtiff is installed; where
    it is a part of that library, as on Windows, it cannot be reached and goes on speaking.
    """
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    own = importlib.util.find_spec("PIL._imaging")
    pillow = ctypes.CDLL(own.origin if own else None)
    for name in ("TIFFSetErrorHandler", "TIFFSetErrorHandlerExt"):
        if set_handler := getattr(pillow, name, None):
            set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            set_handler(None)
