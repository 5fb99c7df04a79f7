"""The emulated device (tests/emulator/python_device.cpp); importing it skips the tests of a build without."""

import ctypes

import papilio as pp
import pytest

device = ctypes.PyDLL(pp._core.__file__)
if not hasattr(device, "emulated_stream"):
    pytest.skip("this build's device is not the emulated one", allow_module_level=True)
number, yes = ctypes.c_size_t, ctypes.c_bool
for name, result, arguments in [
        ("emulated_stream", number, [ctypes.c_int]),
        ("emulated_own_stream", number, [ctypes.c_int]),
        ("emulated_ask", None, [number]),
        ("emulated_order", None, [number, number, ctypes.c_int]),
        ("emulated_waits_for", yes, [number, number]),
        ("emulated_host_waited_for", yes, [number]),
        ("emulated_count_waits", None, []),
        ("emulated_waits", ctypes.c_int, []),
        ("emulated_waits_with_lock", ctypes.c_int, []),
        ("emulated_allocations", number, [])]:
    getattr(device, name).restype, getattr(device, name).argtypes = result, arguments

LEGACY, THREAD = 1, 2  # the default streams, as the array API numbers them
OURS = device.emulated_own_stream(0)


def busy(stream):
    device.emulated_ask(stream)
    return stream


def other_stream(index=0):
    """Another library's, which has been asked for something."""
    return busy(device.emulated_stream(index))
