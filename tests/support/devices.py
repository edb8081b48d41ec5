"""The devices that a test runs on: the CPU, and a GPU where there is one."""

import pytest

CPU, CUDA = "cpu", "cuda"
PROVIDERS = {CPU: "CPUExecutionProvider", CUDA: "CUDAExecutionProvider"}
# So the test itself is seen to work, and to fail, where there is no GPU.
EACH = pytest.mark.parametrize("device", [CPU, pytest.param(CUDA, marks=pytest.mark.gpu)])
