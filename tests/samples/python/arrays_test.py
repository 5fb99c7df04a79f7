"""Arrays of other libraries in and out: the same memory, or a clear refusal."""

import array
import gc
import hashlib
import weakref

import numpy as np
import papilio as pp
import pytest

DTYPES = ["float32", "float64", "float16", "int64", "int32", "uint8", "bool"]


@pytest.mark.parametrize("name", DTYPES)
def test_numpy_memory_is_shared_in_both_directions(name):
    a = np.arange(24).reshape(2, 3, 4).astype(name)
    x = pp.asarray(a)
    assert x.shape == (2, 3, 4) and x.dtype == getattr(pp.DType, name)
    for back in (np.asarray(x), np.from_dlpack(x), x.numpy()):
        assert back.dtype == a.dtype
        np.testing.assert_array_equal(back, a)
        assert np.shares_memory(back, a)
    x[1, 2, 3] = 1
    assert a[1, 2, 3] == 1


def test_bfloat16_passes_by_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    a = np.array([[1.5, -2], [3, 0.125]]).astype(ml_dtypes.bfloat16)
    x = pp.asarray(a)
    assert x.dtype == pp.bfloat16 and x.tolist() == [[1.5, -2], [3, 0.125]]
    back = x.T.numpy()
    assert back.dtype == a.dtype and np.shares_memory(back, a)
    np.testing.assert_array_equal(back, a.T)
    with pytest.raises(BufferError, match="bfloat16 has no letter"):
        memoryview(x)


def test_strides_are_kept():
    a = np.arange(24, dtype=np.float32).reshape(4, 6)
    for view in (a.T, a[1:, ::2], a[:, 3], np.broadcast_to(a[0], (3, 6))):
        x = pp.asarray(view)
        np.testing.assert_array_equal(np.asarray(x), view)
        assert np.shares_memory(np.asarray(x), a)
        np.testing.assert_array_equal((x + 1).numpy(), view + 1)


def test_negative_strides_need_a_copy():
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    for view in (a[::-1], a[:, ::-1], a[::-1, ::-2]):
        np.testing.assert_array_equal(np.asarray(pp.asarray(view)), view)
        with pytest.raises(pp.ArgumentError, match="negative strides"):
            pp.asarray(view, copy=False)


def test_unaligned_elements_need_a_copy():
    packed = np.zeros(3, dtype=np.dtype([("a", "u1"), ("b", "<f4")]))
    packed["b"] = [1, 2, 3]
    x = pp.asarray(packed["b"])
    assert x.tolist() == [1, 2, 3]
    with pytest.raises(pp.ArgumentError, match="multiples of their size"):
        pp.asarray(packed["b"], copy=False)


def test_copies_are_copies():
    a = np.ones((2, 2), dtype=np.float32)
    for x in (pp.tensor(a), pp.asarray(a, copy=True), pp.from_dlpack(a, copy=True)):
        x[0, 0] = 5
        assert a[0, 0] == 1


def test_read_only_arrays_stay_read_only():
    a = np.ones((2, 3), dtype=np.float32)
    a.flags.writeable = False
    x = pp.asarray(a)
    assert x.read_only and x[0].read_only
    assert not np.asarray(x).flags.writeable
    if np.lib.NumpyVersion(np.__version__) >= "2.1.0":  # which asks for DLPack 1
        assert not np.from_dlpack(x).flags.writeable
    else:
        with pytest.raises(BufferError, match="read-only"):
            np.from_dlpack(x)
    for write in (lambda: x.fill_(1), lambda: x.copy_(a), lambda: x[0].fill_(2)):
        with pytest.raises(pp.ArgumentError, match="read-only"):
            write()
    assert a.sum() == 6
    y = x.clone()
    y[0] = 3
    assert y.sum().item() == 12
    assert pp.asarray(b"\x01\x02").read_only


def test_refusals_name_what_came():
    with pytest.raises(pp.ArgumentError, match="byte order"):
        pp.asarray(np.ones(2, dtype=">f4"))
    with pytest.raises(pp.ArgumentError, match="float32, float64"):
        pp.asarray(np.ones(2, dtype=np.complex64))
    with pytest.raises(pp.ArgumentError, match="format"):
        pp.asarray(np.ones(2, dtype=np.int16))
    with pytest.raises(pp.ArgumentError, match="at most 8"):
        pp.asarray(np.ones((1,) * 9))
    with pytest.raises(TypeError):
        pp.from_dlpack(object())
    x = pp.ones((2,)).requires_grad_()
    for out in (lambda: np.asarray(x), lambda: memoryview(x), lambda: x.__dlpack__()):
        with pytest.raises(BufferError, match="requires a gradient"):
            out()
    with pytest.raises(BufferError, match="row-major"):
        hashlib.sha256(pp.ones((2, 3)).T)  # which reads bytes in a row


def test_a_capsule_is_taken_once():
    capsule = pp.ones((3,)).__dlpack__()
    x = pp.from_dlpack(capsule)
    assert x.sum().item() == 3
    with pytest.raises(pp.ArgumentError, match="nobody has taken"):
        pp.from_dlpack(capsule)


def test_memory_lives_as_long_as_it_is_seen():
    class Array(np.ndarray):
        pass

    a = np.ones(100, dtype=np.float32).view(Array)
    gone = weakref.ref(a)
    x = pp.asarray(a)[10:20]
    del a
    gc.collect()
    assert gone() is not None and x.sum().item() == 10
    del x
    gc.collect()
    assert gone() is None
    view = np.asarray(pp.full((4,), 7))
    gc.collect()
    assert view.sum() == 28


def test_other_buffers():
    assert pp.asarray(array.array("d", [1, 2])).tolist() == [1, 2]
    assert pp.asarray(memoryview(bytearray(b"\x05"))).tolist() == [5]
    assert pp.asarray(np.zeros((0, 3), dtype=np.float32)).shape == (0, 3)
    assert pp.asarray(np.float64(2).reshape(())).item() == 2


def test_what_numpy_alone_can_read():
    class Column:  # as pandas has them
        def __init__(self):
            self.values = np.arange(3, dtype=np.float32)

        def __array__(self, dtype=None, copy=None):
            return self.values

    column = Column()
    x = pp.asarray(column)
    assert np.shares_memory(x.numpy(), column.values) and x.tolist() == [0, 1, 2]
    pp.tensor(column)[0] = 5
    assert column.values[0] == 0
    with pytest.raises(TypeError):
        pp.asarray(object())


def test_tensors_are_not_taken_for_what_they_are_not():
    x = pp.ones((2,))
    with pytest.raises(pp.ArgumentError, match="only in a copy"):
        pp.asarray(x, dtype=pp.float64, copy=False)
    assert pp.asarray(x, dtype=pp.float64).dtype == pp.float64
    y = pp.asarray(x)
    y[0] = 2
    assert x[0].item() == 2


def test_torch_tensors_share_memory():
    torch = pytest.importorskip("torch")
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.bool):
        t = torch.arange(6).reshape(2, 3).to(dtype)
        x = pp.from_dlpack(t.T)
        assert x.shape == (3, 2) and x.tolist() == t.T.tolist()
        assert torch.from_dlpack(x).data_ptr() == t.data_ptr()
        assert torch.from_dlpack(x).dtype == dtype
    with pytest.raises(BufferError):
        pp.from_dlpack(torch.ones(2, requires_grad=True))


class OnDevice:
    """An array that says it lies on a device."""

    def __init__(self, kind, index=0):
        self.at = kind, index

    def __dlpack__(self, **_):
        import ctypes

        class Managed(ctypes.Structure):
            _fields_ = [("data", ctypes.c_void_p), ("device", ctypes.c_int32 * 2),
                        ("ndim", ctypes.c_int32), ("dtype", ctypes.c_uint8 * 4),
                        ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
                        ("offset", ctypes.c_uint64), ("context", ctypes.c_void_p),
                        ("deleter", ctypes.c_void_p)]

        self.managed = Managed()
        self.managed.device[:] = self.at
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(self.managed), b"dltensor", None)


class SaysSo(OnDevice):
    def __dlpack_device__(self):
        return self.at


@pytest.mark.parametrize("kind", [OnDevice, SaysSo])
def test_devices_that_are_not_here(kind):
    here = pp.cuda_device_count()
    missing = f"this (machine has {here} GPU|build of Papilio has no CUDA backend)"
    with pytest.raises(pp.ArgumentError, match=f"from_dlpack: device cuda:{here} is not available: {missing}"):
        pp.from_dlpack(kind(2, here))
    with pytest.raises(pp.ArgumentError, match="DLPack's device 8:3; bring it to the CPU first"):
        pp.from_dlpack(kind(8, 3))


def test_a_stream_is_said_on_a_gpu_alone():
    x = pp.ones((3,))
    assert pp.from_dlpack(x.__dlpack__(stream=None)).tolist() == [1, 1, 1]
    for said in (-1, 1, 2):
        with pytest.raises(pp.ArgumentError, match="__dlpack__: a stream is said of arrays on a GPU alone"):
            x.__dlpack__(stream=said)
        for array in (x.__dlpack__(), np.ones(3)):
            with pytest.raises(pp.ArgumentError, match="from_dlpack: a stream is said of arrays on a GPU alone"):
                pp.from_dlpack(array, stream=said)


def test_the_consumer_may_ask_for_a_copy_and_a_device():
    a = np.arange(4, dtype=np.float32)
    x = pp.asarray(a)
    assert pp.from_dlpack(x.__dlpack__(dl_device=(1, 0), copy=False)).tolist() == [0, 1, 2, 3]
    y = pp.from_dlpack(x.__dlpack__(copy=True))
    y[0] = 9
    assert a[0] == 0
    with pytest.raises(BufferError, match=r"on the CPU, not on DLPack's device \(2, 0\)"):
        x.__dlpack__(dl_device=(2, 0))


def test_jax_arrays():
    jax = pytest.importorskip("jax")
    for dtype in (jax.numpy.float32, jax.numpy.bfloat16):
        x = pp.asarray(jax.numpy.arange(4, dtype=dtype))
        assert x.read_only and x.tolist() == [0, 1, 2, 3]
        back = jax.dlpack.from_dlpack(x + 1)
        assert back.dtype == dtype and back.tolist() == [1, 2, 3, 4]
