"""papilio.peft.accelerate on PEFT's convolutions: the same numbers."""

import papilio as pp
import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

from peft_cases import accelerate_in_float16, assert_same, step  # noqa: E402


class Pictures(torch.nn.Module):
    """A convolution of 3x3 with a step of 2, one of 1x1, a linear layer."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.b = torch.nn.Conv2d(8, 8, 1, bias=False)
        self.head = torch.nn.Linear(8, 5)

    def forward(self, x):
        return self.head(torch.tanh(self.b(torch.nn.functional.gelu(self.a(x)))).mean((2, 3)))


CONVOLUTIONS = {
    "boft": lambda **k: peft.BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=1, **k),
    "boft m 2": lambda **k: peft.BOFTConfig(boft_block_size=2, boft_n_butterfly_factor=2, bias="all", **k),
    "boft dropout": lambda **k: peft.BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=1, boft_dropout=0.5, **k),
    "oft": lambda **k: peft.OFTConfig(oft_block_size=4, r=0, **k),
    "oft shared": lambda **k: peft.OFTConfig(oft_block_size=4, r=0, block_share=True, use_cayley_neumann=False, **k),
}


def pictures_of(name, targets=("a", "b")):
    pp.peft.enable_butterfly_factors()
    torch.manual_seed(1)
    return peft.get_peft_model(Pictures(), CONVOLUTIONS[name](target_modules=list(targets), init_weights=False))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name):
    model = pictures_of(name)
    x = torch.randn(2, 4, 9, 7, generator=torch.Generator().manual_seed(5))
    theirs = step(model, x)
    done = pp.peft.accelerate(model)
    assert len(done.layers) == 2 and not done.left
    ours = step(model, x)
    assert_same(theirs, ours)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (model(x).float() - theirs[0]).abs().max() < 0.05 * theirs[0].abs().max()
    assert pp.peft.restore(model) == done.layers
    assert_same(theirs, step(model, x), 0)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_in_float16_papilio_turns_and_pytorch_convolves(name):
    x = torch.randn(2, 4, 9, 7, generator=torch.Generator().manual_seed(5))
    accelerate_in_float16(pictures_of(name).train(), x)


@pytest.mark.parametrize("name", ["boft", "boft m 2"])
def test_convolutions_merge(name):
    model = pictures_of(name).eval()
    x = torch.randn(2, 4, 8, 8)
    theirs = model(x)
    pp.peft.accelerate(model)
    model.merge_adapter(safe_merge=True)
    torch.testing.assert_close(model(x), theirs, rtol=0, atol=1e-5)


def test_convolutions_get_the_factors_that_peft_left_out(monkeypatch):
    monkeypatch.setattr(peft.tuners.boft.layer, "get_fbd_cuda", lambda: None)
    torch.manual_seed(1)
    model = peft.get_peft_model(Pictures(), CONVOLUTIONS["boft m 2"](target_modules=["a"], init_weights=False))
    x = torch.randn(2, 4, 8, 8)
    theirs = model(x)
    done = pp.peft.accelerate(model)
    assert len(done.factors) == 1 and model.base_model.model.a.boft_R["default"].shape[0] == 2
    torch.testing.assert_close(model(x), theirs, rtol=0, atol=1e-5)
    monkeypatch.undo()
    pp.peft.restore(model)
    torch.testing.assert_close(model(x), theirs, rtol=0, atol=1e-5)
