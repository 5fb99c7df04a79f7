"""The forward passes of PEFT's convolutions: Papilio turns, PyTorch convolves. Each returns None if PEFT has to."""

import torch

import papilio
from papilio.peft._layers import compute, constrain, oft_blocks, plain_base, rotate, rotations, dropped_blocks


def boft_conv2d(layer, x):
    """The weight W (out, c k k) turned and scaled, s o (W R^T), as PEFT's convolution does it."""
    names = [name for name in layer.active_adapters if name in layer.boft_R]
    tensors = [t for name in names for t in (layer.boft_R[name], layer.boft_s[name])]
    base = plain_base(layer, x, tensors, torch.nn.Conv2d)
    if base is None:
        return None
    masks = [dropped_blocks(layer, name) for name in names]

    def turned(weight, *parameters):
        # (R_k ... R_1)^T after W: the first adapter's rotation acts first.
        w = papilio.reshape(weight, (weight.size(0), -1))
        for r, s, mask in zip(parameters[::2], parameters[1::2], masks):
            q = rotations(r, mask)
            w = papilio.butterfly_rotation_transposed(w.to(q.dtype), q) * papilio.reshape(s, (-1, 1))
        return papilio.reshape(w, weight.shape)

    weight = compute(turned, base.weight, *tensors)
    bias = None if base.bias is None else base.bias.to(weight.dtype)
    # PEFT's convolution knows one stride and one padding, and no dilation.
    y = torch.nn.functional.conv2d(x.to(weight.dtype), weight, bias, base.stride[0], base.padding[0])
    return y.to(x.dtype)


def oft_conv2d(layer, x):
    """Each patch (c k k) turned, and folded again, before the base convolves."""
    modules = [layer.oft_R[name] for name in layer.active_adapters if name in layer.oft_R]
    base = plain_base(layer, x, [module.weight for module in modules], torch.nn.Conv2d)
    if base is None:
        return None
    y = x
    for module in modules:
        constrain(module)
        patches = compute(lambda rows, upper, m=module: rotate(rows, oft_blocks(m, upper)), module._unfold(y),
                          module.weight)
        y = module._fold(patches, y.shape)
    return base(y).to(x.dtype)
