"""Small models of PyTorch with PEFT's adapters, and one pass through them."""

import warnings

import papilio as pp
import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

WIDTH = 32
METHODS = {
    "boft": lambda **k: peft.BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=1, **k),
    "boft scaled dropout": lambda **k: peft.BOFTConfig(boft_block_num=4, boft_block_size=0, boft_dropout=0.5, bias="all", **k),
    "boft m 3": lambda **k: peft.BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=3, **k),
    "oft": lambda **k: peft.OFTConfig(oft_block_size=8, r=0, **k),
    "oft cayley": lambda **k: peft.OFTConfig(oft_block_size=4, r=0, use_cayley_neumann=False, **k),
    "oft shared": lambda **k: peft.OFTConfig(r=4, oft_block_size=0, block_share=True, module_dropout=0.5, **k),
    "oft constrained": lambda **k: peft.OFTConfig(oft_block_size=8, r=0, coft=True, eps=0.5, **k),
    "lora": lambda **k: peft.LoraConfig(r=4, lora_dropout=0.3, init_lora_weights=False, **k),
}


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Linear(WIDTH, 2 * WIDTH)
        self.b = torch.nn.Linear(2 * WIDTH, WIDTH, bias=False)
        self.head = torch.nn.Linear(WIDTH, 5)
        self.recompute = False

    def body(self, x):
        return torch.tanh(self.b(torch.nn.functional.gelu(self.a(x))))

    def forward(self, x):
        if self.recompute:
            return self.head(torch.utils.checkpoint.checkpoint(self.body, x, use_reentrant=self.recompute == "reentrant"))
        return self.head(self.body(x))


def config(name, **more):
    if name != "lora":
        more["init_weights"] = False
    return METHODS[name](**{"target_modules": ["a", "b"], "modules_to_save": ["head"], **more})


def model_of(name, dtype=torch.float32, **more):
    pp.peft.enable_butterfly_factors()  # so that PEFT itself can compute m = 3
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peft.get_peft_model(Net().to(dtype), config(name, **more))


def batch(rows=(6, 7), dtype=torch.float32):
    return torch.randn(*rows, WIDTH, generator=torch.Generator().manual_seed(5)).to(dtype)


def step(model, x, seed=11):
    """Logits and gradients, x's among them, of one pass with these random numbers."""
    model.zero_grad()
    torch.manual_seed(seed)
    x = x.clone().requires_grad_()
    y = model(x)
    (y.float().square().mean() + y.float().sum() / 50).backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return y.detach(), {**gradients, "x": x.grad.clone()}


def assert_nearer(exact, theirs, ours):
    """Logits and gradients are no farther from the exact ones than PEFT's, but for rounding's luck."""
    assert ours[0].dtype == theirs[0].dtype and ours[1].keys() == theirs[1].keys() == exact[1].keys()
    triples = {"logits": (exact[0], theirs[0], ours[0]), **{n: (exact[1][n], theirs[1][n], ours[1][n]) for n in exact[1]}}
    for name, (e, t, o) in triples.items():
        error, own = ((x.double() - e.double()).abs().max() for x in (t, o))
        assert own <= 1.5 * error + 1e-3 * e.abs().max(), name


def accelerate_in_float16(model, x):
    """Accelerates it: under autocast it is no farther from float32 than PEFT, and draws as many random numbers."""
    exact = step(model, x)
    with torch.autocast("cpu", dtype=torch.float16):
        theirs, state = step(model, x), torch.get_rng_state()
        pp.peft.accelerate(model)
        assert_nearer(exact, theirs, step(model, x))
    assert torch.equal(state, torch.get_rng_state())


def assert_same(a, b, tolerance=1e-5):
    (y, g), (z, h) = a, b
    assert y.dtype == z.dtype
    torch.testing.assert_close(y, z, rtol=0, atol=tolerance * y.abs().max().item())
    assert g.keys() == h.keys()
    for name in g:
        torch.testing.assert_close(g[name], h[name], rtol=0, atol=tolerance * g[name].abs().max().item(), msg=name)
