"""Which layers of a model Papilio computes, and the way there and back."""

import functools
import types

import torch
from peft.tuners import boft, lora, oft

import papilio
from papilio.peft import Accelerated, _bridge, _butterfly, _convolutions, _layers, _versions


def _forward(fast, plain):
    """fast(layer, x), and if that has no answer PEFT's own. torch.compile leaves it as it is: a break in its graph.

    It is called forward, so that a pickled model has PEFT's own forward when it is read."""

    @torch.compiler.disable
    @functools.wraps(plain)
    def forward(self, x, *args, **kwargs):
        if not args and not kwargs and not torch.jit.is_tracing():
            y = fast(self, x)
            if y is not None:
                return y
        return plain(self, x, *args, **kwargs)

    return forward


def _get_delta_weight(plain):
    @functools.wraps(plain)
    def get_delta_weight(self, adapter):
        with torch.no_grad():
            answer = _layers.boft_delta_weight(self, adapter)
        return plain(self, adapter) if answer is None else answer

    return get_delta_weight


# What each class of PEFT's gets.
REPLACED = {
    boft.layer.Linear: {
        "forward": _forward(_layers.boft_linear, boft.layer.Linear.forward),
        "get_delta_weight": _get_delta_weight(boft.layer.Linear.get_delta_weight),
    },
    boft.layer.Conv2d: {
        "forward": _forward(_convolutions.boft_conv2d, boft.layer.Conv2d.forward),
        "get_delta_weight": _get_delta_weight(boft.layer.Conv2d.get_delta_weight),
    },
    oft.layer.Linear: {"forward": _forward(_layers.oft_linear, oft.layer.Linear.forward)},
    oft.layer.Conv2d: {"forward": _forward(_convolutions.oft_conv2d, oft.layer.Conv2d.forward)},
    lora.layer.Linear: {"forward": _forward(_layers.lora_linear, lora.layer.Linear.forward)},
}
BOFT_LAYERS = (boft.layer.Linear, boft.layer.Conv2d)
ADAPTERS = (boft.layer.BOFTLayer, oft.layer.OFTLayer, lora.layer.LoraLayer)


def _is_ours(layer, name):
    method = layer.__dict__.get(name)
    return getattr(method, "__func__", None) is REPLACED[type(layer)][name]


def _why_not(layer):
    """Why Papilio cannot compute the layer; None if it can."""
    if type(layer) not in REPLACED:
        return f"{type(layer).__module__}.{type(layer).__name__}"
    if type(layer.base_layer) not in (torch.nn.Linear, torch.nn.Conv2d):
        return f"its base is a {type(layer.base_layer).__name__}"
    device = layer.base_layer.weight.device
    if device.type == "cuda" and not _bridge.computes_on(device):
        return f"it is on {device}, and this Papilio has {papilio.cuda_device_count() or 'no'} GPUs"
    if device.type != "meta" and not _bridge.computes_on(device):
        return f"it is on {device}, where Papilio does not compute"
    if "forward" in layer.__dict__ and not _is_ours(layer, "forward"):
        return "somebody else has replaced its forward"
    return None


def _missing(model, layers):
    """(layer, adapter, number of factors that PEFT left out); raises if they do not fit."""
    configs = getattr(model, "peft_config", {})
    missing = []
    for name, layer in layers.items():
        if type(layer) not in BOFT_LAYERS:
            continue
        for adapter in layer.boft_R:
            config = configs.get(adapter)
            count = _butterfly.missing_factors(layer, adapter, config) if config is not None else 0
            if count > 0:
                _butterfly.check_factors(name, layer, adapter, config.boft_n_butterfly_factor)
                missing.append((name, layer, adapter, count))
    return missing


def accelerate(model):
    adapted = {name: m for name, m in model.named_modules() if isinstance(m, ADAPTERS)}
    if not adapted:
        raise papilio.ArgumentError("accelerate: the model holds no BOFT, OFT or LoRA layer of PEFT's")
    _versions.check()
    why_not = {name: _why_not(layer) for name, layer in adapted.items()}
    layers = {name: layer for name, layer in adapted.items() if why_not[name] is None}
    missing = _missing(model, layers)
    for _, layer, adapter, count in missing:
        _butterfly.add_factors(layer, adapter, count)
    for layer in layers.values():
        for name, method in REPLACED[type(layer)].items():
            setattr(layer, name, types.MethodType(method, layer))
    return Accelerated(list(layers), {name: why for name, why in why_not.items() if why}, [m[0] for m in missing])


def restore(model):
    names = []
    for name, layer in model.named_modules():
        if type(layer) not in REPLACED or not _is_ours(layer, "forward"):
            continue
        for method in REPLACED[type(layer)]:
            del layer.__dict__[method]
        if type(layer) in BOFT_LAYERS and any(r.shape[0] > 1 for r in layer.boft_R.values()):
            _butterfly.enable()
            _butterfly.make_permutations(layer)
        names.append(name)
    return names
