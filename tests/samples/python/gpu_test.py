"""The package on a GPU: the emulated one, or this machine's (./dev gpu). What the emulated one alone can count,
device_test.py has."""

import ctypes

import numpy as np
import papilio as pp
import pytest

from small_vit import small_vit, stripes

if not pp.cuda_device_count():
    pytest.skip("no GPU, or a build without CUDA", allow_module_level=True)
LEGACY = 1  # the default stream, as the array API numbers it


def numbers(*shape, dtype=pp.float32):
    return pp.arange(int(np.prod(shape))).to(dtype).reshape(shape).to("cuda")


@pytest.mark.parametrize("dtype", [pp.float32, pp.float64, pp.bfloat16, pp.float16, pp.int64, pp.uint8], ids=str)
def test_memory_is_shared_in_both_directions(dtype):
    lent = numbers(3, 4, dtype=dtype)
    x = pp.from_dlpack(lent.T)
    assert (x.device, x.dtype, x.shape, x.strides) == ("cuda:0", dtype, (4, 3), (1, 4))
    assert x.__dlpack_device__() == (2, 0) and x.tolist() == lent.T.tolist()
    x[1, 2] = 7
    assert lent[2, 1].item() == 7
    for copied in (pp.from_dlpack(lent, copy=True), pp.tensor(lent), lent.cpu()):
        copied[0, 0] = 9
    assert lent[0, 0].item() == 0


def flags(capsule):
    """Of DLPack 1: a structure whose fifth word they are."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.c_uint64.from_address(pointer(capsule, b"dltensor_versioned") + 24).value


def test_a_copy_goes_out_if_it_is_asked_for_on_the_cpu_too():
    x = numbers(2, 2)
    for stream, where in ((LEGACY, (2, 0)), (None, (1, 0))):
        capsule = x.__dlpack__(stream=stream, max_version=(1, 0), dl_device=where, copy=True)
        assert flags(capsule) == 2
        y = pp.from_dlpack(capsule)
        assert y.__dlpack_device__() == where and y.tolist() == x.tolist()
        y[0, 0] = 9
    assert x[0, 0].item() == 0
    assert flags(x.__dlpack__(max_version=(1, 0), copy=False)) == 0
    np.testing.assert_array_equal(np.from_dlpack(pp.from_dlpack(x.__dlpack__(dl_device=(1, 0)))), x.cpu().numpy())


def test_refusals_name_the_device():
    here = pp.cuda_device_count()
    with pytest.raises(pp.ArgumentError, match=f"cuda:{here} is not available: this machine has {here} GPU"):
        pp.zeros((2,), device=f"cuda:{here}")
    for dtype in (pp.float32, pp.bfloat16):
        with pytest.raises(BufferError, match="on a GPU"):
            numbers(4, dtype=dtype).numpy()
    with pytest.raises(pp.ArgumentError, match="device"):
        numbers(4) + pp.ones((4,))
    capsule = numbers(4).__dlpack__(stream=-1)
    with pytest.raises(pp.ArgumentError):
        pp.from_dlpack(capsule, stream=0)
    assert pp.from_dlpack(capsule).tolist() == [0, 1, 2, 3]  # what was refused can still be taken


def test_operations_and_gradients_are_the_cpus():
    rng = np.random.default_rng(0)
    x, r, w = (rng.normal(size=shape).astype(np.float32) for shape in ((5, 16), (2, 4, 4, 4), (3, 16)))

    def computed(where):
        tensors = [pp.tensor(a).to(where).requires_grad_() for a in (x, r, w)]
        q = pp.cayley(tensors[1])
        y = pp.boft_linear(tensors[0], tensors[2], None, q, pp.ones((3, 1), device=where))
        pp.softmax(y).log().sum().backward()
        return [t.detach().cpu().numpy() for t in (y, *(t.grad for t in tensors))]

    for ours, cpus in zip(computed("cuda"), computed("cpu")):
        np.testing.assert_allclose(ours, cpus, rtol=1e-4, atol=1e-5)


def test_a_model_is_trained_there_and_comes_back():
    def losses(where):
        model = small_vit().to(where)
        assert model.device == where
        adapters = pp.get_peft_model(model, pp.BoftConfig(target_modules=["query", "value"], modules_to_save=["classifier"]))
        history = pp.fit(adapters, stripes(), steps=3, batch_size=4, lr=2e-2)
        assert model.to("cpu").device == "cpu"
        return [*history["loss"], pp.evaluate(adapters, stripes(8))["loss"]]

    np.testing.assert_allclose(losses("cuda:0"), losses("cpu"), rtol=1e-4)


def test_pytorchs_tensors_are_shared():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch sees no GPU")
    t = torch.arange(6, dtype=torch.float32, device="cuda").reshape(2, 3)
    x = pp.from_dlpack(t)
    assert x.device == "cuda:0" and (x * 2).tolist() == (t * 2).tolist()
    back = torch.from_dlpack(x)
    assert back.data_ptr() == t.data_ptr() and back.device == t.device
