"""The forward passes of PEFT's layers, computed by Papilio. Each returns None if PEFT has to."""

import contextlib

import torch

import papilio
from papilio.peft._bridge import FROM_TORCH, call, computes_on, from_torch

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _automatic(x):
    """PyTorch's dtype for products on x's device; None outside of torch.autocast."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None


def _beside(x, t):
    """Is t on x's device, of a dtype that Papilio computes?"""
    return t.device == x.device and t.dtype in FROM_TORCH


def plain_base(layer, x, parameters, kind=torch.nn.Linear):
    """The layer inside if Papilio can compute it and the adapters' parameters (one at least) for x, else None: asked
    before anything is drawn or written."""
    base = layer.base_layer
    plain = type(base) is kind and not any(getattr(base, hooks) for hooks in HOOKS)
    if not plain or layer.disable_adapters or layer.merged or not x.numel() or not parameters:
        return None
    if x.layout is not torch.strided or not computes_on(x.device):
        return None
    return base if all(_beside(x, t) for t in (x, base.weight, *parameters)) else None


def _autocast(x):
    """Papilio's scope for PyTorch's; float16 has none, and its products are PyTorch's."""
    return papilio.autocast() if _automatic(x) is torch.bfloat16 else contextlib.nullcontext()


def _float16(base, x):
    """Is it PyTorch that multiplies, in float16? Its processors' instructions are PyTorch's to know, and gradients that
    vanish in it are its GradScaler's."""
    return torch.float16 in (_automatic(x), base.weight.dtype, x.dtype)


def _slow_in_16_bits(base, x):
    """Would a product in 16 bits be one of float32 here, and slower than PyTorch's, which is most of OFT and LoRA?"""
    sixteen = _automatic(x) is not None or base.weight.dtype is torch.bfloat16
    return sixteen and x.device.type == "cpu" and papilio.products() == "openblas"


def _in_dtype(x, dtype):
    return x if x.dtype == dtype else papilio.cast(x, dtype)


def compute(f, x, *tensors, dtype=None):
    """f(x, *tensors) as one operation, in x's dtype if no other is said."""
    scope, dtype = _autocast(x), FROM_TORCH[dtype or x.dtype]

    def computed(*ours):
        with scope:
            return _in_dtype(f(*ours), dtype)

    return call(computed, x, *tensors)


def dropped_blocks(layer, adapter):
    """What PEFT's multiplicative dropout would replace by identities: a bool mask (m, N, 1, 1), drawn as PEFT draws it;
    None if nothing."""
    dropout = layer.boft_dropout[adapter]
    if not isinstance(dropout, torch.nn.Identity) and dropout.training:
        m, blocks, _, _ = layer.boft_R[adapter].shape
        factor = int(torch.randint(0, m, (1,)))
        replaced = int(dropout.p * blocks)
        flat = torch.cat([torch.ones(replaced), torch.zeros(blocks - replaced)])[torch.randperm(blocks)]
        mask = torch.zeros(m, blocks, 1, 1, dtype=torch.bool)
        mask[factor, :, 0, 0] = flat.bool()
        return from_torch(mask.to(layer.boft_R[adapter].device))
    return None


def rotations(r, mask):
    q = papilio.cayley(r)
    if mask is None:
        return q
    return papilio.where(mask, papilio.eye(q.size(-1), q.dtype, q.device), q)


def rotate(x, q):
    """x R in q's dtype, then in x's."""
    return _in_dtype(papilio.butterfly_rotation(_in_dtype(x, q.dtype), q), x.dtype)


def _boft_product(x, weight, bias, q, s):
    """s o (x R W^T) + bias; in 16 bits the rotation in float32."""
    if weight.dtype == q.dtype:
        return papilio.boft_linear(x, weight, bias, q, s)
    y = _in_dtype(papilio.linear(_in_dtype(rotate(x, q), weight.dtype), weight), q.dtype) * papilio.reshape(s, (-1,))
    return y if bias is None else y + _in_dtype(bias, q.dtype)


def boft_linear(layer, x):
    names = [name for name in layer.active_adapters if name in layer.boft_R]
    tensors = [t for name in names for t in (layer.boft_R[name], layer.boft_s[name])]
    base = plain_base(layer, x, tensors)
    if base is None:
        return None
    masks = [dropped_blocks(layer, name) for name in names]

    # R = R_k ... R_1: the last adapter's rotation acts on x first.
    def turned(x, *rs):
        for r, mask in reversed(list(zip(rs, masks))):
            x = rotate(x, rotations(r, mask))
        return x

    def computed(x, weight, bias, *parameters):
        qs = [rotations(r, mask) for r, mask in zip(parameters[::2], masks)]
        scale = parameters[1]
        for s in parameters[3::2]:
            scale = scale * s
        for q in reversed(qs[1:]):
            x = rotate(x, q)
        return _boft_product(x, weight, bias, qs[0], scale)

    if _float16(base, x):
        y = torch.nn.functional.linear(compute(turned, x, *tensors[::2]), base.weight)
        for s in tensors[1::2]:
            y = y * s.squeeze(-1)
        return (y if base.bias is None else y + base.bias).to(x.dtype)
    return compute(computed, x, base.weight, base.bias, *tensors)


def boft_delta_weight(layer, adapter):
    """R (d, d) and s (out, 1), which merging multiplies with: any number of factors."""
    r, s = layer.boft_R[adapter], layer.boft_s[adapter]
    if not computes_on(r.device) or r.dtype not in FROM_TORCH:
        return None
    return call(lambda r: papilio.butterfly_matrix(papilio.cayley(r)), r), s.reshape(-1, 1)


def oft_blocks(module, upper):
    a = papilio.skew_symmetric(upper, module.block_size)
    q = papilio.cayley_neumann(a, module.num_cayley_neumann_terms) if module.use_cayley_neumann else papilio.cayley(a)
    q = papilio.reshape(q, (1, q.size(0), module.block_size, module.block_size))
    if module.block_share:
        q = papilio.expand(q, (1, module.in_features // module.block_size, -1, -1))
    return q


def constrain(module):
    """COFT's limit, in place, as PEFT sets it in each pass."""
    if module.coft:
        with torch.no_grad():
            module.weight.copy_(module._project_batch(module.weight, eps=module.eps))


def oft_linear(layer, x):
    modules = [layer.oft_R[name] for name in layer.active_adapters if name in layer.oft_R]
    base = plain_base(layer, x, [module.weight for module in modules])
    if base is None or _slow_in_16_bits(base, x):
        return None
    for module in modules:
        constrain(module)
    uppers = [module.weight for module in modules]

    def turned(x, *uppers):
        for module, upper in zip(modules, uppers):
            x = rotate(x, oft_blocks(module, upper))
        return x

    if _float16(base, x):
        return base(compute(turned, x, *uppers)).to(x.dtype)
    return compute(lambda x, weight, bias, *uppers: papilio.linear(turned(x, *uppers), weight, bias), x, base.weight,
                   base.bias, *uppers)


def _plain_lora(layer, name):
    a, b = layer.lora_A[name], layer.lora_B[name]
    return (name not in layer.lora_variant and type(a) is type(b) is torch.nn.Linear and b.bias is None
            and a.weight.dtype is b.weight.dtype)


def _low_rank_added(y, x, a, b, scaling):
    """y + scaling (x A^T) B^T, in the wider of both dtypes."""
    z = papilio.linear(papilio.linear(_in_dtype(x, a.dtype), a), b) * scaling
    dtype = y.dtype if z.dtype == papilio.bfloat16 else z.dtype
    return _in_dtype(y, dtype) + _in_dtype(z, dtype)


def lora_linear(layer, x):
    names = [name for name in layer.active_adapters if name in layer.lora_A]
    if not all(_plain_lora(layer, name) for name in names):
        return None
    base = plain_base(layer, x, [t for name in names for t in (layer.lora_A[name].weight, layer.lora_B[name].weight)])
    if base is None or _slow_in_16_bits(base, x) or _float16(base, x):
        return None
    automatic = _automatic(x)
    if x.dtype is not base.weight.dtype and automatic is None:
        return None
    # One operation where one dtype is settled for all, in autocast that of products.
    dtypes = {base.weight.dtype, *(layer.lora_A[name].weight.dtype for name in names)}
    joined = automatic in (None, torch.bfloat16) and len(dtypes) == 1
    scalings = [layer.scaling[name] for name in names]
    dropped = []
    for name in names:
        dropout = layer.lora_dropout[name]
        acts = not isinstance(dropout, torch.nn.Identity) and dropout.training
        dropped.append(dropout(x.to(layer.lora_A[name].weight.dtype)) if acts else None)

    def computed(x, weight, bias, *rest):
        parts = [(x if d is None else d, a, b, scaling)
                 for a, b, d, scaling in zip(rest[::3], rest[1::3], rest[2::3], scalings)]
        if joined:
            y = papilio.lora_linear(x, weight, bias, rest[0], rest[1], scalings[0], rest[2])
            parts = parts[1:]
        else:
            y = papilio.linear(x, weight, bias)
        for part in parts:
            y = _low_rank_added(y, *part)
        return y

    tensors = [t for name, d in zip(names, dropped)
               for t in (layer.lora_A[name].weight, layer.lora_B[name].weight, d)]
    return compute(computed, x, base.weight, base.bias, *tensors, dtype=automatic or base.weight.dtype)
