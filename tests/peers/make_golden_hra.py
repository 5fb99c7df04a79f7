#!/usr/bin/env python3
"""Writes tests/golden/peft/hra_*.safetensors: HRA layers of PEFT in float64, with what they compute.

    make_golden_hra.py [OUT]

A file holds x, weight, bias, grad_y and hra_u.NAME of each adapter; y, merged_weight, and the gradients of x, bias and
every hra_u. Its metadata has the layer's and the configuration's numbers.
"""

import sys
from pathlib import Path

import torch
from peft import HRAConfig, get_peft_model
from safetensors.torch import save_file

LINEAR, CONV2D = "hra_linear", "hra_conv2d"


class One(torch.nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)


def write(out, kind, layer, x, ranks, apply_gs):
    torch.manual_seed(18)
    base = One(layer).double()
    for parameter in base.parameters():
        parameter.data = 0.5 * torch.randn_like(parameter)
    x = torch.randn(x, dtype=torch.float64, requires_grad=True)
    names = ["first", "second"][:len(ranks)]
    model = None
    for name, r in zip(names, ranks):
        config = HRAConfig(r=r, apply_GS=apply_gs, target_modules=["layer"], init_weights=False)
        if model is None:
            model = get_peft_model(base, config, adapter_name=name)
        else:
            model.add_adapter(name, config)
    model.base_model.set_adapter(names)
    model = model.double()
    adapted = model.base_model.model.layer
    plain = adapted.get_base_layer()
    plain.bias.requires_grad_(True)
    weight = plain.weight.detach().clone()
    y = model(x)
    grad_y = torch.randn_like(y)
    y.backward(grad_y)
    tensors = {"x": x, "weight": weight, "bias": plain.bias, "grad_y": grad_y, "y": y, "grad_x": x.grad,
               "grad_bias": plain.bias.grad}
    for name in names:
        tensors["hra_u." + name] = adapted.hra_u[name]
        tensors["grad_hra_u." + name] = adapted.hra_u[name].grad
    tensors = {key: value.detach().clone().contiguous() for key, value in tensors.items()}
    adapted.merge(safe_merge=True)
    tensors["merged_weight"] = plain.weight.detach().clone().contiguous()
    metadata = {"kind": kind, "dtype": "torch.float64", "adapters": " ".join(names), "ranks": " ".join(map(str, ranks)),
                "apply_GS": str(apply_gs).lower()}
    if kind == CONV2D:
        metadata |= {"kernel_size": str(layer.kernel_size[0]), "stride": str(layer.stride[0]),
                     "padding": str(layer.padding[0])}
    label = "_".join(f"r{r}" for r in ranks) + ("_gs" if apply_gs else "")
    shape = "x".join(map(str, reversed(weight.shape[:2])))
    save_file(tensors, out / f"{kind}_{shape}_{label}_f64.safetensors", metadata)


def main():
    out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "golden" / "peft")
    linear, conv = torch.nn.Linear, torch.nn.Conv2d
    write(out, LINEAR, linear(12, 8), (5, 12), [4], False)
    write(out, LINEAR, linear(10, 6), (2, 3, 10), [3], False)
    write(out, LINEAR, linear(12, 8), (5, 12), [4], True)
    write(out, LINEAR, linear(16, 8), (5, 16), [2, 5], False)
    write(out, CONV2D, conv(3, 5, 3, stride=2, padding=1), (2, 3, 7, 7), [4], False)
    write(out, CONV2D, conv(4, 6, 2), (2, 4, 5, 5), [3], True)


if __name__ == "__main__":
    main()
