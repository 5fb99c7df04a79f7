"""Writes tests/golden/transformers: small models with random weights, saved by Hugging Face Transformers, with the
images they were shown and what they answered; and adapters of PEFT on one of them.

    python tests/peers/transformers_golden.py        (written with torch 2.15, transformers 5.23, peft 0.21)
"""

import pathlib
import shutil

import torch
from peft import BOFTConfig, LoraConfig
from safetensors.torch import save_file
from transformers import (
    Dinov2Config,
    Dinov2ForImageClassification,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)

from drawn import randomise, save_drawn_adapter

OUT = pathlib.Path(__file__).parent.parent / "golden" / "transformers"
SHARED = dict(
    image_size=12, patch_size=4, num_channels=2, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_labels=3
)


def answers(model, images, **options):
    backbone = getattr(model, model.base_model_prefix)
    with torch.no_grad():
        hidden = backbone(pixel_values=images, **options).last_hidden_state
        return {"logits": model(pixel_values=images, **options).logits, "cls": hidden[:, 0].contiguous()}


def write(name, model, seed, sizes, shard=None, interpolate=False):
    folder = OUT / name
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for size in sizes:
        images = torch.randn((2, 2, *size), generator=generator)
        options = {"interpolate_pos_encoding": True} if interpolate and size != (12, 12) else {}
        for key, value in {"images": images, **answers(model, images, **options)}.items():
            tensors[f"{size[0]}x{size[1]}.{key}"] = value
    save_file(tensors, folder / "answers.safetensors")


def write_adapter(name, model, config, seed):
    """An adapter under the module names of this Transformers, and the adapted model's logits."""
    folder = OUT / name
    adapted, generator = save_drawn_adapter(folder, model, config, seed, "dinov2")
    images = torch.randn((2, 2, 12, 12), generator=generator)
    with torch.no_grad():
        save_file({"images": images, "logits": adapted(pixel_values=images).logits}, folder / "answers.safetensors")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    vit = randomise(ViTForImageClassification(ViTConfig(intermediate_size=24, **SHARED)), 1)
    write("vit", vit, 11, [(12, 12), (20, 16), (8, 8)], interpolate=True)
    vit.save_pretrained(OUT / "vit_transformers5", save_original_format=False)  # the same under the names in memory

    plain = ViTConfig(intermediate_size=24, hidden_act="gelu_pytorch_tanh", qkv_bias=False, **SHARED)
    write("vit_tanh_sharded", randomise(ViTForImageClassification(plain), 2), 12, [(12, 12)], shard="6KB")

    dinov2 = Dinov2Config(mlp_ratio=2, layerscale_value=0.5, **SHARED)
    write("dinov2", randomise(Dinov2ForImageClassification(dinov2), 3), 13, [(12, 12), (20, 16), (4, 8)])

    swiglu = Dinov2Config(mlp_ratio=2, use_swiglu_ffn=True, **SHARED)
    model = randomise(Dinov2ForImageClassification(swiglu), 4)
    write("dinov2_swiglu", model, 14, [(12, 12)])
    model.save_pretrained(OUT / "dinov2_swiglu_transformers5", save_original_format=False)

    registers = Dinov2WithRegistersConfig(mlp_ratio=2, num_register_tokens=3, **SHARED)
    write(
        "dinov2_with_registers",
        randomise(Dinov2WithRegistersForImageClassification(registers), 5),
        15,
        [(12, 12), (20, 16), (4, 8)],
    )

    # PEFT without its CUDA extension knows m = 1 only.
    targets = ["q_proj", "v_proj", "k_proj", "o_proj", "mlp.fc1", "mlp.fc2"]
    for seed, config in enumerate((BOFTConfig(boft_block_size=4, bias="boft_only"), LoraConfig(r=2))):
        config.target_modules = targets
        config.modules_to_save = ["classifier"]
        base = Dinov2ForImageClassification.from_pretrained(OUT / "dinov2")
        write_adapter(f"dinov2_{config.peft_type.lower()}", base, config, 16 + seed)


if __name__ == "__main__":
    main()
