#!/usr/bin/env python3
"""Writes tests/golden/diffusion/control and control.safetensors: a small embedding of conditioning pictures under the names
of PEFT's example boft_controlnet, what Diffusers' class answers of it, and its gradients.

    make_control.py        (written with torch 2.15, diffusers 0.42.1)
"""

import torch
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding

from make_diffusion import OUT, gradients, noise, randomise, save

if __name__ == "__main__":
    torch.set_num_threads(1)
    model = randomise(ControlNetConditioningEmbedding(conditioning_embedding_channels=8, block_out_channels=(4, 6, 8)), 50)
    folder = OUT / "control"
    folder.mkdir(exist_ok=True)
    save({f"controlnet_cond_embedding.{name}": p for name, p in model.named_parameters()}, folder / "model.safetensors")
    conditioning, gradient = noise(51, 2, 3, 12, 8).sigmoid(), noise(52, 2, 8, 3, 2)
    output = model(conditioning)
    found = gradients(model, (output * gradient).sum(), {})
    save({"conditioning": conditioning, "output": output, "gradient": gradient, **found}, OUT / "control.safetensors")
