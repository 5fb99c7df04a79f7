"""papilio.peft.accelerate beside PEFT's own layers: the same numbers, whatever is done with the model."""

import copy
import gc
import pickle
from pathlib import Path

import papilio as pp
import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

from peft_cases import METHODS, Net, accelerate_in_float16, assert_same, batch, config, model_of, step  # noqa: E402


def test_there_is_one_pool_of_threads():
    """Two would wait for their next work on each other's cores."""
    with open("/proc/self/maps") as maps:
        runtimes = {line.split()[-1] for line in maps if "libgomp" in line}
    if any(not Path(name).name.startswith("libgomp.so.1") for name in runtimes):
        pytest.skip(f"this PyTorch's OpenMP has a name of its own: {runtimes}")
    assert len(runtimes) == 1


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", METHODS)
def test_logits_and_gradients_are_pefts(name, training):
    model = model_of(name).train(training)
    x = batch()
    theirs = step(model, x)
    done = pp.peft.accelerate(model)
    assert len(done.layers) == 2 and not done.left and not done.factors
    ours = step(model, x)
    assert_same(theirs, ours)
    assert any(key.endswith(("boft_R.default", "oft_R.default.weight", "lora_B.default.weight")) for key in ours[1])
    assert pp.peft.restore(model) == done.layers
    again = step(model, x)
    # The constrained form is projected once more in each pass.
    torch.testing.assert_close(again[0], theirs[0], rtol=0, atol=1e-6 if "constrained" in name else 0)


@pytest.mark.skipif(not (torch.cuda.is_available() and pp.cuda_device_count()), reason="no GPU of both")
@pytest.mark.parametrize("name", METHODS)
def test_on_a_gpu(name):
    model = model_of(name).train().cuda()
    x = batch().cuda()
    theirs = step(model, x)
    assert len(pp.peft.accelerate(model).layers) == 2
    for stream in (torch.cuda.default_stream(), torch.cuda.Stream()):
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            ours = step(model, x)
        torch.cuda.synchronize()
        assert_same(theirs, ours, 1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_it_is_papilio_that_computes(name, monkeypatch):
    model = model_of(name)
    pp.peft.accelerate(model)
    for cls in (peft.tuners.boft.layer.BOFTLayer, peft.tuners.oft.layer.OFTRotationModule):
        if hasattr(cls, "cayley_batch"):
            monkeypatch.setattr(cls, "cayley_batch", None)
    monkeypatch.setattr(torch.nn.functional, "linear", None)
    model.base_model.model.a(batch())


@pytest.mark.parametrize("name", ["boft", "oft", "lora"])
@pytest.mark.parametrize("recompute", ["reentrant", "new"])
def test_gradient_checkpointing(name, recompute):
    model = model_of(name)
    pp.peft.accelerate(model)
    x = batch()
    plain = step(model, x)
    model.base_model.model.recompute = recompute
    assert_same(plain, step(model, x))


def test_checkpointing_lets_graphs_go():
    from papilio.peft import _bridge

    model = model_of("boft")
    pp.peft.accelerate(model)
    x = batch().requires_grad_()
    gc.collect()
    y = model(x)
    assert len(_bridge._graphs) == 2
    del y
    assert len(_bridge._graphs) == 0
    model.base_model.model.recompute = "new"
    y = model(x)
    assert len(_bridge._graphs) == 0
    y.sum().backward()
    assert len(_bridge._graphs) == 0
    model.base_model.model.recompute = False
    with torch.no_grad():
        model(x)
    assert len(_bridge._graphs) == 0


@pytest.mark.parametrize("name", ["boft", "boft m 3", "oft", "lora"])
def test_autocast_is_nearer_to_float32_than_peft(name, monkeypatch):
    monkeypatch.setattr(pp, "products", lambda: "onednn")
    model = model_of(name).eval()
    x = batch()
    exact, _ = step(model, x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        theirs, _ = step(model, x)
    pp.peft.accelerate(model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours, gradients = step(model, x)
        half = model.base_model.model.a(x.bfloat16())
    assert ours.dtype == theirs.dtype and half.dtype == torch.bfloat16
    error = (theirs.float() - exact).abs().max()
    assert (ours.float() - exact).abs().max() <= 1.5 * error
    assert all(g.isfinite().all() for g in gradients.values())


def test_lora_in_float16_is_pefts_alone():
    """Nothing is drawn before PEFT computes: the random numbers are PEFT's."""
    model = model_of("lora").train()
    x = batch()

    def passed():
        with torch.autocast("cpu", dtype=torch.float16):
            return step(model, x), torch.get_rng_state()

    theirs, state = passed()
    pp.peft.accelerate(model)
    ours, our_state = passed()
    assert_same(theirs, ours, 0)
    assert torch.equal(state, our_state)


TURNED = [name for name in METHODS if name != "lora"]


@pytest.mark.parametrize("name", TURNED)
def test_in_float16_papilio_turns_and_pytorch_multiplies(name, monkeypatch):
    model = model_of(name).train()
    x = batch()
    accelerate_in_float16(model, x)
    with torch.autocast("cpu", dtype=torch.float16):
        assert model.base_model.model.a(x.half()).dtype == torch.float16
        monkeypatch.setattr(peft.tuners.boft.layer.BOFTLayer, "cayley_batch", None)
        monkeypatch.setattr(peft.tuners.oft.layer.OFTRotationModule, "forward", None)
        model(x)


@pytest.mark.parametrize("name", ["boft", "oft", "lora"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_models_of_other_dtypes(name, dtype, monkeypatch):
    monkeypatch.setattr(pp, "products", lambda: "onednn")
    model = model_of(name, dtype).eval()
    x = batch(dtype=dtype)
    exact = copy.deepcopy(model).double()
    for p in exact.parameters():
        p.data = p.data.double()
    expected, _ = step(exact, x.double())
    theirs, _ = step(model, x)
    pp.peft.accelerate(model)
    ours, _ = step(model, x)
    assert ours.dtype == theirs.dtype
    error = (theirs.double() - expected).abs().max()
    assert (ours.double() - expected).abs().max() <= 1.5 * error + 1e-6


@pytest.mark.parametrize("name", ["boft", "oft", "lora"])
def test_several_adapters(name):
    model = model_of(name, modules_to_save=None)
    model.add_adapter("second", config(name, modules_to_save=None))
    for active in (["default", "second"], ["second", "default"], ["second"]):
        model.base_model.set_adapter(active)
        x = batch()
        model.eval()
        theirs = step(model, x)
        pp.peft.accelerate(model)
        assert_same(theirs, step(model, x))
        pp.peft.restore(model)


@pytest.mark.parametrize("name", METHODS)
def test_merging(name):
    model = model_of(name).eval()
    x = batch()
    theirs, _ = step(model, x)
    pp.peft.accelerate(model)
    with model.disable_adapter():
        base = model(x)
    assert (base - theirs).abs().max() > 1e-3
    model.merge_adapter(safe_merge=True)
    torch.testing.assert_close(model(x), theirs, rtol=0, atol=1e-5)
    model.unmerge_adapter()
    torch.testing.assert_close(model(x), theirs, rtol=0, atol=1e-5)
    merged = model.merge_and_unload()
    torch.testing.assert_close(merged(x), theirs, rtol=0, atol=1e-5)


def test_factors_that_peft_left_out(monkeypatch, tmp_path):
    boft_layer = peft.tuners.boft.layer
    monkeypatch.setattr(boft_layer, "get_fbd_cuda", lambda: None)
    torch.manual_seed(1)
    model = peft.get_peft_model(Net(), config("boft m 3")).eval()
    assert model.base_model.model.a.boft_R["default"].shape[0] == 1
    x = batch()
    theirs = model(x)
    done = pp.peft.accelerate(model)
    assert len(done.factors) == 2 and model.base_model.model.a.boft_R["default"].shape[0] == 3
    torch.testing.assert_close(model(x), theirs, rtol=0, atol=1e-5)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(3):
        model(x).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert all(model.base_model.model.a.boft_R["default"][i].abs().max() > 1e-3 for i in range(3))
    trained = model(x)
    monkeypatch.undo()
    model.save_pretrained(tmp_path)
    torch.manual_seed(1)
    pp.peft.enable_butterfly_factors()
    again = peft.PeftModel.from_pretrained(Net(), tmp_path)
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(again.eval()(x), trained, rtol=0, atol=1e-5)
    pp.peft.restore(model)
    torch.testing.assert_close(model(x), trained, rtol=0, atol=1e-5)


def test_factors_that_do_not_fit(monkeypatch):
    monkeypatch.setattr(peft.tuners.boft.layer, "get_fbd_cuda", lambda: None)
    wrong = peft.BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=5, target_modules=["a"])
    model = peft.get_peft_model(Net(), wrong)
    with pytest.raises(pp.ArgumentError, match="multiple of 64"):
        pp.peft.accelerate(model)
    assert "forward" not in model.base_model.model.a.__dict__


def test_compiled_models_break_their_graph():
    model = model_of("boft").eval()
    x = batch()
    pp.peft.accelerate(model)
    eager = step(model, x)
    y, gradients = step(torch.compile(model, backend="eager"), x)
    assert_same(eager, (y, {n.removeprefix("_orig_mod."): g for n, g in gradients.items()}), 1e-6)


def test_changed_output_is_noticed():
    model = model_of("boft")
    pp.peft.accelerate(model)
    y = model.base_model.model.a(batch())
    y.mul_(2)
    with pytest.raises(RuntimeError, match="inplace"):
        y.sum().backward()


def test_the_graph_can_be_kept():
    model = model_of("boft")
    pp.peft.accelerate(model)
    y = model(batch()).sum()
    y.backward(retain_graph=True)
    once = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    y.backward()
    for a, p in zip(once, (p for p in model.parameters() if p.grad is not None)):
        torch.testing.assert_close(p.grad, 2 * a)
    with pytest.raises(RuntimeError):
        y.backward()


def test_moved_saved_tensors_are_refused():
    model = model_of("boft")
    pp.peft.accelerate(model)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = model(batch()).sum()
    with pytest.raises(pp.Error, match="restore"):
        y.backward()


def test_copies_and_pickles():
    model = model_of("boft")
    x = batch()
    pp.peft.accelerate(model)
    y = model(x)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.base_model.model.a.boft_s["default"].zero_()
    torch.testing.assert_close(model(x), y)
    assert not torch.allclose(twin(x), y)
    read = pickle.loads(pickle.dumps(model.base_model.model.a))
    torch.testing.assert_close(read(x), model.base_model.model.a(x), rtol=0, atol=1e-5)


def test_lora_of_a_base_of_16_bits(monkeypatch):
    """PEFT keeps the adapter in float32 there, and its sum is one of float32 until the end."""
    monkeypatch.setattr(pp, "products", lambda: "onednn")
    model = model_of("lora").eval()
    for layer in (model.base_model.model.a, model.base_model.model.b):
        layer.base_layer.to(torch.bfloat16)
    a = model.base_model.model.a
    x = batch(dtype=torch.bfloat16)
    theirs = a(x)
    exact = torch.nn.functional.linear(x.double(), a.base_layer.weight.double(), a.base_layer.bias.double()) + (
        x.double() @ a.lora_A["default"].weight.double().T @ a.lora_B["default"].weight.double().T * a.scaling["default"])
    pp.peft.accelerate(model)
    ours = a(x)
    assert ours.dtype == theirs.dtype == torch.bfloat16
    assert (ours.double() - exact).abs().max() <= 1.5 * (theirs.double() - exact).abs().max()


@pytest.mark.parametrize("name", METHODS)
def test_autocast_is_papilios_where_its_products_are_fast(name, monkeypatch):
    model = model_of(name)
    pp.peft.accelerate(model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        monkeypatch.setattr(pp, "products", lambda: "openblas")
        model.base_model.model.a(batch())
        monkeypatch.setattr(torch.nn.functional, "linear", None)
        if not name.startswith("boft"):
            with pytest.raises(TypeError):
                model.base_model.model.a(batch())
        monkeypatch.setattr(pp, "products", lambda: "onednn")
        model.base_model.model.a(batch())


def test_what_is_left_to_peft():
    class Mixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Linear(8, 8)
            self.c = torch.nn.Conv2d(8, 8, 1)

    # A convolution of LoRA's is a product of two small ones, which PyTorch computes as fast as any.
    model = peft.get_peft_model(Mixed(), peft.LoraConfig(target_modules=["a", "c"]))
    done = pp.peft.accelerate(model)
    assert len(done.layers) == 1 and "lora.layer.Conv2d" in str(done)
    with pytest.raises(pp.ArgumentError, match="no BOFT, OFT or LoRA"):
        pp.peft.accelerate(Mixed())


def test_devices_are_looked_at():
    model = model_of("boft")
    model.to("meta")
    done = pp.peft.accelerate(model)
    assert len(done.layers) == 2 and not done.left
    pp.peft.restore(model)

    class Elsewhere(torch.Tensor):  # on a device that this PyTorch has only the name of
        device = torch.device("mps")

    layer = model.base_model.model.a.base_layer
    layer.weight = torch.nn.Parameter(layer.weight.detach().as_subclass(Elsewhere), requires_grad=False)
    done = pp.peft.accelerate(model)
    assert len(done.layers) == 1 and list(done.left.values()) == ["it is on mps, where Papilio does not compute"]


def test_unknown_versions_are_named(monkeypatch):
    from papilio.peft import _versions

    monkeypatch.setattr(_versions, "digest", lambda f: "other" if f.__qualname__ == "Linear.forward" else "")
    model = model_of("boft")
    with pytest.raises(pp.Error, match="boft.layer.Linear.forward"):
        pp.peft.accelerate(model)
    assert "forward" not in model.base_model.model.a.__dict__


def test_dropout_changes_from_pass_to_pass():
    model = model_of("boft scaled dropout").train()
    pp.peft.accelerate(model)
    x = batch()
    torch.manual_seed(0)
    passes = [model(x) for _ in range(8)]
    assert any(not torch.allclose(passes[0], y) for y in passes[1:])
    model.eval()
    torch.testing.assert_close(model(x), model(x), rtol=0, atol=0)
