#!/usr/bin/env python3
"""Writes the adapters in tests/golden/diffusion: PEFT's, of every method, on the tiny UNet and text encoder of sd15 that
make_diffusion.py wrote, and what the adapted models answer.

    make_diffusion_adapters.py        (written with torch 2.15, diffusers 0.42.1, transformers 5.24, peft 0.21.2)
"""

import shutil
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from peft import BOFTConfig, HRAConfig, LoraConfig, OFTConfig
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from drawn import save_drawn_adapter

GOLDEN = Path(__file__).parents[1] / "golden" / "diffusion"
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
UNET = {
    "boft": BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=1, bias="boft_only", target_modules=ATTENTION),
    "oft": OFTConfig(oft_block_size=4, use_cayley_neumann=False, target_modules=ATTENTION),
    "lora": LoraConfig(r=2, target_modules=[*ATTENTION, "ff.net.0.proj", "conv1"]),
    "hra": HRAConfig(r=2, target_modules=ATTENTION),
}
TEXT = {"boft": BOFTConfig(boft_block_size=4, target_modules=["q_proj", "v_proj"])}


def write(model, config, folder, seed, answer):
    adapted, _ = save_drawn_adapter(folder, model, config, seed)
    with torch.no_grad():
        save_file({"output": answer(adapted).contiguous()}, folder / "answers.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    inputs = load_file(GOLDEN / "sd15.unet.safetensors")
    for i, (name, config) in enumerate(UNET.items()):
        folder = GOLDEN / f"unet_{name}"
        shutil.rmtree(folder, ignore_errors=True)
        unet = UNet2DConditionModel.from_pretrained(GOLDEN / "sd15" / "unet")
        write(unet, config, folder, 30 + i, lambda m: m(
            inputs["even.sample"], inputs["timesteps"], encoder_hidden_states=inputs["even.context"]).sample)
    tokens = load_file(GOLDEN / "sd15.text.safetensors")["tokens"]
    for name, config in TEXT.items():
        folder = GOLDEN / f"text_{name}"
        shutil.rmtree(folder, ignore_errors=True)
        text = CLIPTextModel.from_pretrained(GOLDEN / "sd15" / "text_encoder")
        write(text, config, folder, 40, lambda m: m(input_ids=tokens).last_hidden_state)
