"""Gradients: backward, scopes, gradcheck, operations written in Python."""

import gc
import weakref

import numpy as np
import papilio as pp
import pytest


def test_backward_accumulates_in_leaves():
    x = pp.tensor([[1.0, 2], [3, 4]], requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.tolist() == [[2, 4], [6, 8]]
    (3 * x).backward(pp.ones((2, 2)))
    assert x.grad.tolist() == [[5, 7], [9, 11]]
    x.grad = None
    assert x.grad is None
    y = x.sum()
    assert y.requires_grad and not y.is_leaf and y.grad is None
    y.backward()
    with pytest.raises(pp.Error, match="freed"):
        y.backward()
    with pytest.raises(pp.ArgumentError):
        x.backward()


def test_scopes():
    x = pp.ones((2,)).requires_grad_()
    with pp.no_grad():
        assert not (x * 2).requires_grad and not pp.grad_enabled()
        with pp.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad

    @pp.no_grad()
    def double(t):
        return t * 2

    assert not double(x).requires_grad
    with pytest.raises(ZeroDivisionError), pp.no_grad():
        1 / 0
    assert pp.grad_enabled()
    with pp.autocast():
        assert (pp.ones((2, 2)) @ pp.ones((2, 2))).dtype == pp.bfloat16
    with pytest.raises(pp.ArgumentError), pp.autocast(pp.float16):
        pass
    with pp.anomaly_mode(), pytest.raises(pp.Error, match="log"):
        pp.log(pp.tensor([-1.0]))


def square(x, seen=None):
    with pp.no_grad():
        y = x * x

    def backward(dy, needs):
        if seen is not None:
            seen.append(needs)
        return 2 * x.detach() * dy

    return pp.record("square", y, [x], backward)


def test_operations_in_python():
    seen = []
    x = pp.tensor([1.0, -2], requires_grad=True)
    (square(x, seen) * 3).sum().backward()
    assert x.grad.tolist() == [6, -12] and seen == [(True,)]
    assert pp.gradcheck(square, [pp.tensor(np.random.default_rng(0).normal(size=(3, 2)))])

    def wrong(x):
        return pp.record("wrong", x.detach() * x.detach(), [x], lambda dy, needs: dy)

    point = pp.tensor([1.5, 2.5], dtype=pp.float64)
    with pytest.raises(pp.Error, match="input 0"):
        pp.gradcheck(wrong, [point])
    assert not pp.gradcheck(wrong, [point], raise_exception=False)


def test_wrong_operations_in_python_are_named():
    x = pp.ones((2,)).requires_grad_()
    for returned in (pp.ones((3,)), 1, (pp.ones((2,)), None)):
        y = pp.record("mine", pp.ones((2,)), [x], lambda dy, needs, r=returned: r)
        with pytest.raises(pp.Error, match="mine"):
            y.sum().backward()

    def fails(dy, needs):
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        pp.record("mine", pp.ones((2,)), [x], fails).sum().backward()
    with pytest.raises(pp.ArgumentError, match="without a gradient"):
        pp.record("mine", x * 2, [x], fails)


def test_what_an_operation_saved_is_let_go():
    class Saved:
        pass

    saved = Saved()
    gone = weakref.ref(saved)
    x = pp.ones((2,)).requires_grad_()
    y = pp.record("mine", pp.ones((2,)), [x], lambda dy, needs, s=saved: dy)
    del saved
    y.sum().backward()
    gc.collect()
    assert gone() is None and x.grad.tolist() == [1, 1]


def test_checkpoint_computes_again():
    calls = []

    def f(t):
        calls.append(pp.grad_enabled())
        return pp.exp(t) * t

    x = pp.tensor([0.5, 1.0], requires_grad=True)
    pp.checkpoint(f, x).sum().backward()
    expected = pp.tensor([0.5, 1.0], requires_grad=True)
    (pp.exp(expected) * expected).sum().backward()
    assert x.grad.tolist() == expected.grad.tolist() and len(calls) == 2


def test_written_between_forward_and_backward():
    x = pp.tensor([1.0, 2], requires_grad=True)
    y = (x * x).sum()
    with pp.no_grad():
        x[0] = 5.0
    with pytest.raises(pp.Error, match="changed in place"):
        y.backward()


@pytest.mark.parametrize("m,b", [(1, 3), (2, 4), (3, 2)])
def test_the_rotation(m, b):
    rng = np.random.default_rng(m)
    blocks = 4
    r = pp.tensor(rng.normal(size=(m, blocks, b, b)) * 0.3)
    x = pp.tensor(rng.normal(size=(5, blocks * b)))
    q = pp.cayley(r)
    matrix = pp.butterfly_matrix(q).numpy()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(blocks * b), atol=1e-12)
    np.testing.assert_allclose(pp.butterfly_rotation(x, q).numpy(), x.numpy() @ matrix, atol=1e-12)
    assert pp.gradcheck(lambda x, r: pp.butterfly_rotation(x, pp.cayley(r)), [x, r])
    w = pp.tensor(rng.normal(size=(3, blocks * b)))
    s = pp.tensor(rng.normal(size=(3, 1)))
    y = pp.boft_linear(x, w, None, q, s)
    np.testing.assert_allclose(y.numpy(), x.numpy() @ matrix @ w.numpy().T * s.numpy().T, atol=1e-12)
