"""Arrays on a GPU in and out: the same memory, and streams that wait for each other. On the emulated device, which counts
what each stream was asked for and what it waited for."""

import gc
import pickle
import threading

import numpy as np
import papilio as pp
import pytest

from emulated import LEGACY, OURS, THREAD, busy, device, other_stream
from small_vit import small_vit


class Producer:
    """An array of another library's on cuda:`index`, which works on a stream of its own. It is Papilio's memory."""

    def __init__(self, x, stream, index=0):
        self.x, self.stream, self.index, self.told = x, stream, index, []

    def __dlpack_device__(self):
        return 2, self.index

    def __dlpack__(self, *, stream=None, max_version=None):
        self.told.append(stream)
        if stream != -1:
            device.emulated_order(self.stream, stream or LEGACY, self.index)
        return self.x.__dlpack__(stream=-1, max_version=max_version)


class OlderProducer(Producer):
    def __dlpack__(self, stream=None):
        return super().__dlpack__(stream=stream)


def numbers(*shape, dtype=pp.float32):
    return pp.arange(int(np.prod(shape))).to(dtype).reshape(shape).to("cuda")


# --- in ---

@pytest.mark.parametrize("kind", [Producer, OlderProducer])
def test_an_array_on_a_gpu_is_taken_without_a_copy(kind):
    lent = numbers(2, 3)
    before = device.emulated_allocations()
    x = pp.from_dlpack(kind(lent, other_stream()))
    assert (x.device, x.shape, x.dtype) == ("cuda:0", (2, 3), pp.float32)
    assert device.emulated_allocations() == before
    x[1, 2] = 9
    assert lent.tolist() == [[0, 1, 2], [3, 4, 9]]
    assert (x * 2).cpu().tolist() == [[0, 2, 4], [6, 8, 18]]


def test_strides_dtypes_and_copies_on_a_gpu():
    for dtype in (pp.float64, pp.bfloat16, pp.float16, pp.int64, pp.uint8):
        lent = numbers(3, 4, dtype=dtype)
        x = pp.asarray(Producer(lent.T, other_stream()))
        assert x.dtype == dtype and x.strides == (1, 4) and x.tolist() == lent.T.tolist()
    lent = numbers(4)
    for x in (pp.from_dlpack(Producer(lent, other_stream()), copy=True), pp.tensor(Producer(lent, other_stream()))):
        x[0] = 7
        assert x.device == "cuda:0" and lent.tolist() == [0, 1, 2, 3]
    empty = pp.from_dlpack(Producer(pp.zeros((0, 3), device="cuda"), other_stream()))
    assert empty.device == "cuda:0" and empty.shape == (0, 3)


def test_another_gpu_than_the_first():
    lent = numbers(2, 2).to("cuda:1")
    x = pp.from_dlpack(Producer(lent, other_stream(1), 1))
    assert x.device == "cuda:1" and (x + 1).tolist() == [[1, 2], [3, 4]]
    assert x.__dlpack_device__() == (2, 1)


def test_the_producer_is_told_our_stream_and_the_host_waits_before_it_has_its_memory_back():
    producer = Producer(numbers(4), other_stream())
    x = pp.from_dlpack(producer)
    assert producer.told == [OURS] and device.emulated_waits_for(OURS, producer.stream)
    y = x * 2
    assert not device.emulated_host_waited_for(OURS)
    del x
    gc.collect()
    assert device.emulated_host_waited_for(OURS)
    assert y.tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize("bare", [False, True])
def test_streams_wait_for_each_other_if_the_producers_is_said(bare):
    producer = Producer(numbers(4), other_stream())
    array = producer.__dlpack__(stream=-1) if bare else producer
    x = pp.from_dlpack(array, stream=producer.stream)
    assert producer.told == [-1] and device.emulated_waits_for(OURS, producer.stream)
    y = x * 2
    assert not device.emulated_waits_for(producer.stream, OURS)
    del x
    gc.collect()
    assert device.emulated_waits_for(producer.stream, OURS) and not device.emulated_host_waited_for(OURS)
    assert y.tolist() == [0, 2, 4, 6]


def test_a_bare_capsule_goes_by_the_legacy_default_stream():
    lent = numbers(4)
    busy(LEGACY)
    x = pp.from_dlpack(lent.__dlpack__(stream=-1))
    assert device.emulated_waits_for(OURS, LEGACY)
    y = x * 2
    assert not device.emulated_waits_for(LEGACY, OURS)
    del x
    gc.collect()
    assert device.emulated_waits_for(LEGACY, OURS) and y.tolist() == [0, 2, 4, 6]


def test_memory_of_a_graph_goes_back_after_the_backward_pass():
    producer = Producer(numbers(3), other_stream())
    w = pp.from_dlpack(producer, stream=producer.stream).requires_grad_()
    loss = (w * w).sum()
    loss.backward()
    gradient = w.grad
    del w, loss
    gc.collect()
    assert device.emulated_waits_for(producer.stream, OURS)
    assert gradient.tolist() == [0, 2, 4]


# --- out ---

def test_a_tensor_on_a_gpu_goes_out_without_a_copy():
    x = numbers(2, 3)
    before = device.emulated_allocations()
    back = pp.from_dlpack(x)
    assert x.__dlpack_device__() == (2, 0) and device.emulated_allocations() == before
    back[0, 0] = 5
    assert x[0, 0].item() == 5


@pytest.mark.parametrize("number", [None, LEGACY, THREAD, "own"])
def test_the_consumers_stream_waits_for_ours_and_ours_for_it_when_the_memory_comes_back(number):
    stream = other_stream() if number == "own" else number or LEGACY
    x = numbers(4) * 2
    assert not device.emulated_waits_for(stream, OURS)
    capsule = x.__dlpack__(stream=None if number is None else stream)
    assert device.emulated_waits_for(stream, OURS) and not device.emulated_host_waited_for(OURS)
    busy(stream)  # the consumer's work
    assert not device.emulated_waits_for(OURS, stream)
    before = device.emulated_allocations()
    del x
    assert device.emulated_allocations() == before
    del capsule
    assert device.emulated_waits_for(OURS, stream) and device.emulated_allocations() == before - 1


def test_a_threads_default_stream_is_waited_for_when_another_thread_lets_go():
    x, kept, answers = numbers(4), [], []
    taken, let_go = threading.Event(), threading.Event()

    def consume():  # in this thread THREAD is another stream than outside
        kept.append(x.__dlpack__(stream=busy(THREAD)))
        busy(THREAD)
        answers.append(device.emulated_waits_for(OURS, THREAD))
        taken.set()
        let_go.wait()
        answers.append(device.emulated_waits_for(OURS, THREAD))

    thread = threading.Thread(target=consume)
    thread.start()
    taken.wait()
    kept.clear()
    let_go.set()
    thread.join()
    assert answers == [False, True]


def test_a_consumer_that_sees_to_the_order_is_left_alone():
    x = numbers(4) * 2
    stream = other_stream()
    capsule = x.__dlpack__(stream=-1)
    assert not device.emulated_waits_for(stream, OURS)
    del capsule
    assert not device.emulated_waits_for(OURS, stream)


# --- waits ---

def lend_and_let_go():
    producer = Producer(numbers(4), other_stream())
    y = pp.from_dlpack(producer) * 2
    gc.collect()
    return y


def write(value):
    numbers(2, 2)[0] = value


@pytest.mark.parametrize("call", [
    lambda: numbers(1).item(),
    lambda: numbers(2, 2).tolist(),
    lambda: float(numbers(1)),
    lambda: int(numbers(1)),
    lambda: bool(numbers(1)),
    lambda: repr(numbers(2, 2)),
    lambda: pickle.dumps(numbers(2, 2)),
    lambda: write(np.ones(2, np.float32)),
    lambda: write(pp.ones((2,))),
    lambda: pp.zeros((2,)).copy_(numbers(2)),
    lambda: numbers(2, 2).__dlpack__(dl_device=(1, 0)),
    lambda: pp.arange(3, device="cuda"),
    lambda: pp.linspace(0, 1, 3, device="cuda"),
    lambda: small_vit().to("cuda"),
    lambda: pp.AdapterModel(small_vit().to("cuda")).add_adapter("default", pp.BoftConfig(target_modules=["query"])),
    lend_and_let_go,
], ids=lambda call: "-".join(call.__code__.co_names[-2:]))
def test_the_host_waits_without_pythons_lock(call):
    """A stream may have been asked for a callback that wants it."""
    device.emulated_count_waits()
    call()
    assert device.emulated_waits() > 0 and device.emulated_waits_with_lock() == 0


# --- refusals ---

def test_refusals_say_what_would_be_right():
    x = numbers(4)
    for number in (0, -2):
        with pytest.raises(pp.ArgumentError, match=f"a stream's number.*got {number}$"):
            x.__dlpack__(stream=number)
        with pytest.raises(pp.ArgumentError, match="a stream's number"):
            pp.from_dlpack(x.__dlpack__(), stream=number)
    with pytest.raises(TypeError, match="the number of a stream, or None, got str"):
        x.__dlpack__(stream="default")
    with pytest.raises(BufferError, match="only a copy"):
        x.__dlpack__(dl_device=(1, 0), copy=False)
    with pytest.raises(BufferError, match=r"goes out there or, as a copy, on the CPU, not on DLPack's device \(2, 1\)"):
        x.__dlpack__(dl_device=(2, 1))
    with pytest.raises(BufferError, match="requires a gradient"):
        numbers(4).requires_grad_().__dlpack__(stream=1)
    with pytest.raises(pp.ArgumentError, match="cuda:7 is not available: this machine has 4 GPUs"):
        pp.from_dlpack(Producer(x, other_stream(), 7))
