"""Writes tests/golden/names: adapters of PEFT under Transformers 5's names of modules, with the logits that they give on
tests/golden/transformers' tiny models. Run once: python tests/peers/make_golden_names.py (torch, transformers, peft)."""
import pathlib, shutil

import torch
from peft import BOFTConfig, LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import Dinov2ForImageClassification, ViTForImageClassification

ROOT = pathlib.Path(__file__).resolve().parents[1] / "golden"
FROM, TO = ROOT / "transformers", ROOT / "names"


def images(name, model):
    size, channels = model.config.image_size, model.config.num_channels
    generator = torch.Generator().manual_seed(7)
    return torch.randn(2, channels, size, size, generator=generator)


def shake(model):
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if any(part in name for part in ("lora_", "boft_R")):
                p.copy_(0.3 * torch.randn(p.shape, generator=generator))
            if "boft_s" in name:
                p.copy_(1 + 0.2 * torch.randn(p.shape, generator=generator))
        for name, p in model.named_parameters():
            if "up_proj.boft_R" in name:  # the rotation of gate_proj: one layer of checkpoints has one
                p.copy_(model.get_parameter(name.replace("up_proj", "gate_proj")))


def write(name, base, kind, config, lone_backbone=False):
    model = kind.from_pretrained(FROM / base).eval()
    x = images(name, model)
    adapted = get_peft_model(model, config).eval()
    shake(adapted)
    with torch.no_grad():
        logits = adapted(x).logits
    out = TO / name
    shutil.rmtree(out, ignore_errors=True)
    adapted.save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)
    file = out / "adapter_model.safetensors"
    if lone_backbone:  # as from the model without its head
        save_file({k.replace("model.vit.", "model."): v for k, v in load_file(file).items()}, file,
                  {"format": "pt"})
    save_file({"x": x, "logits": logits}, out / "expected.safetensors")


write("swiglu_boft", "dinov2_swiglu", Dinov2ForImageClassification,
      BOFTConfig(boft_block_size=2, boft_n_butterfly_factor=1, target_modules=["gate_proj", "up_proj", "down_proj"]))
write("lora_patterns", "vit", ViTForImageClassification,
      LoraConfig(r=2, lora_alpha=3, lora_dropout=0.2, target_modules=["q_proj", "v_proj", "fc1"],
                 rank_pattern={"fc1": 3, r"layers\.0\.attention\.v_proj": 1}, alpha_pattern={"q_proj": 5}))
write("lora_rslora", "vit", ViTForImageClassification,
      LoraConfig(r=4, lora_alpha=3, use_rslora=True, target_modules=["q_proj", "fc2"]))
write("backbone_lora", "vit", ViTForImageClassification, LoraConfig(r=2, target_modules=["q_proj", "fc2"]), True)
