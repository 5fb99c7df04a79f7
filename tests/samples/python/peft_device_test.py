"""What papilio.peft computes, on the emulated device. PyTorch has no tensors there: they stay on the CPU, and are copied
where they would have been shared."""

import gc
from types import SimpleNamespace

import papilio as pp
import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

from emulated import LEGACY, OURS, busy, device, other_stream  # noqa: E402
from papilio.peft import _bridge, _layers  # noqa: E402
from peft_cases import METHODS, assert_same, batch, model_of, step  # noqa: E402


@pytest.fixture
def devices(monkeypatch):
    """The devices of what PyTorch gave and got."""
    seen = set()
    share, back = _bridge.from_torch, _bridge.to_torch

    def from_torch(t):
        x = share(t).to("cuda")
        seen.add(x.device)
        return x

    def to_torch(x):
        seen.add(x.device)
        return back(x.detach().cpu())

    monkeypatch.setattr(_bridge, "from_torch", from_torch)
    monkeypatch.setattr(_layers, "from_torch", from_torch)
    monkeypatch.setattr(_bridge, "to_torch", to_torch)
    return seen


@pytest.mark.parametrize("name", METHODS)
def test_logits_and_gradients_are_pefts(name, devices):
    model = model_of(name).train()
    x = batch()
    theirs = step(model, x)
    assert len(pp.peft.accelerate(model).layers) == 2
    assert_same(theirs, step(model, x))
    assert devices == {"cuda:0"}


def test_merging(devices):
    model = model_of("boft m 3").eval()
    x = batch()
    before = model(x)
    pp.peft.accelerate(model)
    torch.testing.assert_close(model.merge_and_unload()(x), before)
    assert devices == {"cuda:0"}


def test_devices_of_pytorch():
    assert [_bridge.computes_on(torch.device("cuda", i)) for i in (0, 3, 4)] == [True, True, False]
    assert _bridge.computes_on(torch.device("cpu")) and not _bridge.computes_on(torch.device("meta"))


@pytest.mark.parametrize("current", ["default", "own"])
def test_pytorchs_current_stream_and_ours_wait_for_each_other(current, monkeypatch):
    stream = busy(LEGACY) if current == "default" else other_stream()
    number = 0 if stream == LEGACY else stream  # PyTorch's own name of it
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=number))
    monkeypatch.setattr(_bridge, "dlpack", SimpleNamespace(to_dlpack=lambda t: t.capsule, from_dlpack=lambda c: c))
    lent = SimpleNamespace(device=torch.device("cuda:0"), detach=lambda: lent,
                           capsule=pp.ones((4,), device="cuda").__dlpack__(stream=-1))
    x = _bridge.from_torch(lent)
    assert device.emulated_waits_for(OURS, stream)
    y = _bridge.to_torch(x * 2)
    assert device.emulated_waits_for(stream, OURS)
    busy(stream)
    del y
    gc.collect()
    assert device.emulated_waits_for(OURS, stream)
    z = x * 3
    del x
    gc.collect()
    assert device.emulated_waits_for(stream, OURS) and z.tolist() == [3] * 4
