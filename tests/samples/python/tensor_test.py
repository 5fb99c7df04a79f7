"""The class Tensor: making, reading, writing, arithmetic, keeping."""

import copy
import os
import pickle
import sys
import threading
import time
import traceback

import numpy as np
import papilio as pp
import pytest


def test_numbers_and_lists():
    assert pp.tensor([[1, 2], [3, 4]]).dtype == pp.int64
    assert pp.tensor([1, 2.5]).dtype == pp.float32
    assert pp.tensor([True, False]).dtype == pp.DType.bool
    assert pp.tensor(3.5).shape == () and pp.tensor(3.5).item() == 3.5
    assert pp.tensor([]).shape == (0,)
    assert pp.tensor([1, 2], dtype=pp.float64).tolist() == [1, 2]
    # Not by way of float32.
    assert pp.tensor([0.1], dtype=pp.float64).tolist() == pp.asarray([0.1], dtype=pp.float64).tolist() == [0.1]
    for wrong in ([[1, 2], [3]], [[1], 2], [1, [2]]):
        with pytest.raises(pp.ArgumentError):
            pp.tensor(wrong)
    with pytest.raises(TypeError):
        pp.tensor(["a"])
    with pytest.raises(OverflowError):
        pp.tensor([1, 2**63])


def test_facts():
    x = pp.zeros((2, 3))
    assert (x.shape, x.strides, x.ndim, x.numel(), len(x)) == ((2, 3), (3, 1), 2, 6, 2)
    assert x.device == "cpu" and x.is_leaf and not x.requires_grad and x.grad is None
    assert x.size(-1) == 3
    assert repr(pp.tensor([1, 2])) == "int64 (2) on cpu: [1, 2]"
    with pytest.raises(TypeError):
        len(pp.tensor(1))
    with pytest.raises(pp.ArgumentError, match="6 elements"):
        bool(x)


KEYS = [0, -1, (1, 2), slice(1, None), (slice(None), slice(0, 3, 2)), (Ellipsis, 1), None,
        (slice(None), None, 0), (0, Ellipsis), (Ellipsis, slice(1, 2), None), np.int64(1)]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indices_are_numpys(key):
    a = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    x = pp.tensor(a)
    np.testing.assert_array_equal(x[key].numpy(), a[key])
    x[key] = -1.0
    a[key] = -1
    np.testing.assert_array_equal(x.numpy(), a)


def test_index_tensors_and_wrong_indices():
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    x = pp.tensor(a)
    np.testing.assert_array_equal(x[pp.tensor([2, 0])].numpy(), a[[2, 0]])
    np.testing.assert_array_equal(x[:, pp.tensor([1, 1])].numpy(), a[:, [1, 1]])
    np.testing.assert_array_equal(x[np.array([2, 0]), 1:].numpy(), a[[2, 0], 1:])
    with pytest.raises(pp.ArgumentError, match="where"):
        x[np.array([True, False, True])]
    for wrong in (3, (0, 0, 0), (0, -5)):
        with pytest.raises(IndexError):
            x[wrong]
    with pytest.raises(TypeError):
        x["a"]
    with pytest.raises(TypeError):
        x[1.0]
    with pytest.raises(pp.ArgumentError, match="where"):
        x[x > 1]
    with pytest.raises(pp.ArgumentError, match="flip"):
        x[::-1]
    with pytest.raises(pp.ArgumentError, match="in vain"):
        x[pp.tensor([0])] = 1
    for wrong in ("a", [1, 2], None):
        with pytest.raises(TypeError, match="number"):
            x[0] = wrong


def test_iteration_ends():
    assert [row.tolist() for row in pp.tensor([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]


def test_arithmetic_is_numpys():
    a = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    b = np.abs(a[0]) + 1
    x, y = pp.tensor(a), pp.tensor(b)
    pairs = [(x + y, a + b), (x - y, a - b), (x * y, a * b), (x / y, a / b), (2 - x, 2 - a),
             (1 / y, 1 / b), (x * 3, a * 3), (-x, -a), (abs(x), abs(a)), (y**2, b**2),
             (x @ y, a @ b), (x @ x.T, a @ a.T), (x > 0, a > 0), (x == x, a == a),
             (x != 0, a != 0), (np.float32(2) * x, 2 * a)]
    for ours, numpys in pairs:
        np.testing.assert_allclose(ours.numpy(), numpys, rtol=1e-6)
    with pytest.raises(TypeError):
        x + "a"
    with pytest.raises(TypeError):
        a + x  # which memory it would be in nobody could tell
    with pytest.raises(ValueError, match="matmul: expected"):
        x @ x


def test_reductions_and_shapes():
    a = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    x = pp.tensor(a)
    np.testing.assert_allclose(x.sum().numpy(), a.sum())
    np.testing.assert_allclose(x.mean((0, -1), keepdim=True).numpy(), a.mean((0, 2), keepdims=True))
    np.testing.assert_allclose(x.var(1, correction=0).numpy(), a.var(1))
    np.testing.assert_array_equal(x.argmax(-1).numpy(), a.argmax(-1))
    assert x.reshape(6, -1).shape == (6, 4) and x.reshape((4, 6)).shape == (4, 6)
    assert x.permute(2, 0, 1).shape == (4, 2, 3) and x.unsqueeze(-1).squeeze().shape == (2, 3, 4)
    assert pp.concat([x, x], 1).shape == (2, 6, 4) and pp.stack([x, x]).shape == (2, 2, 3, 4)
    assert [p.shape for p in pp.split(x, 2, 1)] == [(2, 2, 4), (2, 1, 4)]
    with pytest.raises(TypeError):
        x.reshape("a")


def test_conversions():
    x = pp.tensor([1.7, -2.2])
    assert x.to(pp.int64).tolist() == [1, -2]
    assert x.to("cpu", pp.float64).dtype == pp.float64
    assert float(x[0]) == pytest.approx(1.7) and int(pp.tensor(3)) == 3
    with pytest.raises(pp.ArgumentError):
        x.to("tpu")


@pytest.mark.parametrize("dtype", [pp.float32, pp.bfloat16, pp.int64, pp.DType.bool], ids=str)
def test_pickles_and_copies(dtype):
    x = pp.tensor([[0, 1, 2], [3, 4, 5]]).to(dtype).T
    for again in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x)):
        assert again.dtype == x.dtype and again.tolist() == x.tolist()
    y = pp.ones((2,)).requires_grad_()
    assert copy.deepcopy(y).requires_grad
    assert not pickle.loads(pickle.dumps(y.detach())).requires_grad
    with pytest.raises(pp.ArgumentError, match="detach"):
        pickle.dumps(y * 2)


def test_errors_are_of_their_kind():
    assert issubclass(pp.ArgumentError, ValueError) and issubclass(pp.FileError, OSError)
    assert issubclass(pp.OutOfMemoryError, MemoryError) and issubclass(pp.ArgumentError, pp.Error)
    with pytest.raises(MemoryError):
        pp.zeros((1 << 55,))
    with pytest.raises(pp.ArgumentError) as caught:
        pp.zeros((-1,))
    assert traceback.format_exception_only(caught.type, caught.value)[0].startswith("papilio.ArgumentError: ")
    assert type(pickle.loads(pickle.dumps(caught.value))) is pp.ArgumentError


def test_other_threads_run_during_a_long_call():
    x = pp.randn((1500, 1500))
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    for _ in range(3):
        pp.matmul(x, x)
    end = time.perf_counter()
    done.set()
    thread.join()
    assert any(begin < t < end for t in ticks)


BIG = np.ones((2000, 2000), np.float32)


@pytest.mark.parametrize("call", [
    lambda: pp.randn(BIG.shape), lambda: pp.zeros(BIG.shape), lambda: pp.randperm(BIG.size),
    lambda: pp.asarray(BIG, copy=True), lambda: pp.asarray(BIG[::-1]), lambda: pp.empty(BIG.shape).copy_(BIG),
    lambda: pp.empty(BIG.shape).fill_(1), lambda: pp.zeros_like(pp.asarray(BIG))])
def test_the_lock_is_let_go_while_memory_is_filled(call):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)  # whoever has the lock keeps it until he lets it go
    asked, ran = threading.Event(), []
    other = threading.Thread(target=lambda: (asked.wait(), ran.append(1)))
    try:
        other.start()
        asked.set()
        for _ in range(100):
            call()
            if ran:
                break
        assert ran
    finally:
        sys.setswitchinterval(interval)
        other.join()


def test_threads_are_a_positive_number():
    before = pp.num_threads()
    pp.set_num_threads(1)
    assert pp.num_threads() == 1
    pp.set_num_threads(before)
    with pytest.raises(pp.ArgumentError):
        pp.set_num_threads(0)


def test_random_numbers_repeat():
    pp.manual_seed(3)
    a = pp.randn((5,)).tolist()
    pp.manual_seed(3)
    assert pp.randn((5,)).tolist() == a
    assert sorted(pp.randperm(4).tolist()) == [0, 1, 2, 3]
    assert set(pp.randint(2, 4, (50,)).tolist()) == {2, 3}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_computes_on_one_thread():
    x = pp.rand((400, 400))
    expected = (x @ x).numpy()  # whoever waits for the threads that computed this waits for ever
    child = os.fork()
    if child == 0:
        code = 1
        try:
            same = np.allclose((x @ x).numpy(), expected, rtol=1e-4) and pp.num_threads() == 1
            with pytest.raises(pp.Error, match="forked"):
                pp.set_num_threads(2)
            code = 0 if same else 2
        finally:
            os._exit(code)
    for _ in range(300):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.1)
    else:
        os.kill(child, 9)
    assert ended and os.waitstatus_to_exitcode(status) == 0
