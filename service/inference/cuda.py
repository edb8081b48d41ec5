"""Whether the NVIDIA driver offers a GPU, asked before any library is imported that needs one."""

import ctypes
import functools
import sys

_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


class CudaError(RuntimeError):
    """A GPU seems to be here, yet CUDA does not work on it; the message says why.

    `detail` holds a library's own words, if any, which may name paths.
    """

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class NoGpuError(CudaError):
    """The machine offers no NVIDIA GPU at all, so the CPU is no surprise."""


@functools.cache
def driver_problem() -> CudaError | None:
    """Why the driver offers no GPU, or None when it offers at least one.

    `CUDA_VISIBLE_DEVICES` counts: a GPU hidden by it is not there.
    """
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return NoGpuError("no NVIDIA driver is installed")
    if code := driver.cuInit(0):
        if code == _NO_DEVICE:
            return NoGpuError("the NVIDIA driver finds no GPU")
        return CudaError(f"the NVIDIA driver does not start: {_describe(driver, code)}")
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    return None if count.value else NoGpuError("the NVIDIA driver finds no GPU")


def _describe(driver: ctypes.CDLL, code: int) -> str:
    """The error code, and the driver's own words for it."""
    text = ctypes.c_char_p()
    driver.cuGetErrorString(code, ctypes.byref(text))
    return f"error {code}, {(text.value or b'unknown').decode()}"
