#!/usr/bin/env python3
"""Writes tests/golden/models: small models with random weights as timm and Transformers save them, the images they were
shown and what they answered; what PEFT's adapters on them answer; what Transformers' pipeline says of a picture by models
of one output, of several labels, and of numbers; and what timm builds by each name of its vision transformers.

    make_models.py [OUT [NAME...]]        (written with torch 2.15, timm 1.0.31, transformers 5.24, peft 0.21.2)
"""

import json
import shutil
import sys
from pathlib import Path

import timm
import torch
from peft import BOFTConfig, LoraConfig, OFTConfig
from PIL import Image
from safetensors.torch import save_file
from timm.models import save_for_hf
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import Block, VisionTransformer
from transformers import (
    DeiTConfig,
    DeiTForImageClassification,
    DeiTForImageClassificationWithTeacher,
    Dinov2Config,
    Dinov2ForImageClassification,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
    pipeline,
)

from drawn import randomise, save_drawn_adapter

OUT = Path(__file__).parents[1] / "golden" / "models"
TIMM = dict(img_size=12, patch_size=4, in_chans=2, embed_dim=16, depth=2, num_heads=2, num_classes=3)
SHARED = dict(
    image_size=12, patch_size=4, num_channels=2, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=24, num_labels=3,
)
LABELS = ["cat", "dog", "owl"]


def images_of(seed, size):
    return torch.randn((2, 2, *size), generator=torch.Generator().manual_seed(seed))


def write_answers(folder, answer, seed, sizes):
    tensors = {}
    for size in sizes:
        images = images_of(seed, size)
        with torch.no_grad():
            tensors |= {f"{size[0]}x{size[1]}.images": images, f"{size[0]}x{size[1]}.logits": answer(images)}
    save_file(tensors, folder / "answers.safetensors")


def write_adapter(folder, model, config, seed, logits=lambda y: y):
    """PEFT's folder, with what the adapted model and the merged one answer."""
    adapted, _ = save_drawn_adapter(folder, model, config, seed)
    images = images_of(seed + 1, (12, 12))
    with torch.no_grad():
        answers = {"images": images, "logits": logits(adapted(images)).contiguous()}
        answers["merged_logits"] = logits(adapted.merge_and_unload(safe_merge=True)(images)).contiguous()
    save_file(answers, folder / "answers.safetensors")


def adapters(targets, head):
    yield "boft", BOFTConfig(boft_block_size=4, bias="boft_only", target_modules=targets, modules_to_save=head)
    yield "oft", OFTConfig(oft_block_size=4, use_cayley_neumann=False, target_modules=targets, modules_to_save=head)
    yield "lora", LoraConfig(r=2, lora_alpha=3, target_modules=targets, modules_to_save=head)


def timm_models():
    """Name, timm's architecture, its arguments, further sizes of images."""
    yield "timm", "vit_tiny_patch16_224", {}, [(20, 16), (8, 8)]
    yield "timm_scale", "vit_small_patch14_dinov2", dict(init_values=0.5), []
    yield "timm_registers", "vit_small_patch14_reg4_dinov2", dict(reg_tokens=3), [(20, 16)]
    yield "timm_mean", "vit_medium_patch16_reg4_gap_256", dict(reg_tokens=2), [(16, 16)]
    yield "timm_plain_mean", "vit_medium_patch16_gap_256", {}, []
    yield "timm_clip", "vit_base_patch32_clip_quickgelu_224", {}, []
    yield "timm_changed", "vit_tiny_patch16_224", dict(
        global_pool="avg", reg_tokens=2, mlp_ratio=1.5, qkv_bias=False, act_layer="gelu_tanh", pool_include_prefix=True), []
    yield "timm_distilled", "deit_tiny_distilled_patch16_224", {}, [(20, 16)]
    yield "timm_deit3", "deit3_small_patch16_224", dict(init_values=0.5), [(20, 16)]
    yield "timm_siglip", "vit_so400m_patch16_siglip_gap_256", dict(mlp_ratio=1.5), []
    yield "timm_eva", "eva_large_patch14_196", {}, []
    yield "timm_tipsv2", "vit_base_patch14_reg1_tipsv2", {}, []


def write_timm(root, wanted):
    for seed, (name, architecture, args, sizes) in enumerate(timm_models(), 100):
        if wanted and name not in wanted:
            continue
        folder = root / name
        arguments = TIMM | args
        fixed = timm.create_model(architecture, **arguments)
        randomise(fixed, seed)
        save_for_hf(fixed, folder, {"label_names": LABELS}, safe_serialization=True)
        # The same weights, for images of any size.
        model = timm.create_model(architecture, dynamic_img_size=True, **arguments).eval()
        model.load_state_dict(fixed.state_dict())
        write_answers(folder, model, seed, [(12, 12), *sizes])
        if name == "timm":
            for kind, config in adapters(["qkv", "attn.proj", "fc1", "fc2"], ["head"]):
                base = timm.create_model(architecture, **arguments)
                base.load_state_dict(fixed.state_dict())
                write_adapter(root / f"timm_{kind}", base.eval(), config, seed + 40)


def deit_answer(model):
    return lambda images: model(pixel_values=images, interpolate_pos_encoding=True).logits


def write_deit(root, wanted):
    for seed, (name, kind) in enumerate(
        (("deit", DeiTForImageClassification), ("deit_teacher", DeiTForImageClassificationWithTeacher)), 200
    ):
        if wanted and name not in wanted:
            continue
        model = randomise(kind(DeiTConfig(**SHARED)), seed)
        model.save_pretrained(root / name)
        write_answers(root / name, deit_answer(model), seed, [(12, 12), (20, 16), (11, 9)])
        heads = ["classifier"] if name == "deit" else ["cls_classifier", "distillation_classifier"]
        for method, config in adapters(["q_proj", "v_proj", "fc1", "fc2"], heads):
            if method == "boft" or name == "deit":
                write_adapter(root / f"{name}_{method}", kind.from_pretrained(root / name), config, seed + 40,
                              lambda y: y.logits)


def write_remainder(root, wanted):
    """A DINOv2 whose images are no multiple of its patches."""
    if wanted and "dinov2_remainder" not in wanted:
        return
    sizes = {key: value for key, value in SHARED.items() if key != "intermediate_size"} | dict(image_size=14)
    model = randomise(Dinov2ForImageClassification(Dinov2Config(mlp_ratio=2, **sizes)), 400)
    model.save_pretrained(root / "dinov2_remainder")
    write_answers(root / "dinov2_remainder", lambda images: model(pixel_values=images).logits, 400,
                  [(14, 14), (15, 12), (21, 19)])


class Classified(torch.nn.Module):
    """What DINOv3ViTModel lacks in Transformers: a classifier on its pooler_output."""

    def __init__(self, model, seed):
        super().__init__()
        self.model, self.classifier = model, torch.nn.Linear(16, 3)
        randomise(self.classifier, seed)

    def forward(self, images):
        return self.classifier(self.model(pixel_values=images).pooler_output)


def write_dinov3(root, wanted):
    # A head is 8 wide: two frequencies a dimension.
    gated = dict(use_gated_mlp=True, hidden_act="silu", key_bias=True, num_register_tokens=0, rope_theta=50.0)
    for seed, (name, more) in enumerate(
        (("dinov3", dict(num_register_tokens=3, layerscale_value=0.5)), ("dinov3_gated", gated)), 300
    ):
        if wanted and name not in wanted:
            continue
        model = randomise(DINOv3ViTModel(DINOv3ViTConfig(**(SHARED | more))), seed)
        classified = Classified(model, seed + 10)
        model.save_pretrained(root / name)
        head = {f"classifier.{key}": value for key, value in classified.classifier.state_dict().items()}
        save_file(head, root / name / "classifier.safetensors")
        write_answers(root / name, classified, seed, [(12, 12), (20, 16), (11, 9)])
        if name == "dinov3":
            for method, config in adapters(["q_proj", "v_proj", "up_proj", "down_proj"], None):
                write_adapter(root / f"dinov3_{method}", DINOv3ViTModel.from_pretrained(root / name), config, seed + 40,
                              lambda y: y.pooler_output)


def write_answers_of_kinds(root, wanted):
    """One output, several labels, numbers: what the pipeline says of a picture, in the outputs' order."""
    picture = Image.open(OUT.parent / "images/rgb.png")
    for seed, (name, more) in enumerate(
        (("one_output", dict(num_labels=1)), ("several_labels", dict(problem_type="multi_label_classification")),
         ("numbers", dict(problem_type="regression"))), 500
    ):
        if wanted and name not in wanted:
            continue
        folder = root / name
        model = randomise(ViTForImageClassification(ViTConfig(**(SHARED | dict(num_channels=3) | more))), seed)
        model.save_pretrained(folder)
        processor = ViTImageProcessorPil(size={"height": 12, "width": 12})
        processor.save_pretrained(folder)
        images = processor(picture, return_tensors="pt")["pixel_values"]
        said = pipeline("image-classification", model=model, image_processor=processor)(picture)
        scores = {model.config.label2id[answer["label"]]: answer["score"] for answer in said}
        with torch.no_grad():
            answers = {"12x12.images": images, "12x12.logits": model(images).logits}
        answers["scores"] = torch.tensor([[scores[i] for i in range(len(scores))]])
        save_file(answers, folder / "answers.safetensors")


def plain_vit(model):
    """What the model is made of, or None if it has what is not known here."""
    block = model.blocks[0] if type(model) in (VisionTransformer, VisionTransformerDistilled) else None
    attention = getattr(block, "attn", None)
    known = (
        type(block) is Block and type(attention).__name__ == "Attention" and type(block.mlp).__name__ == "Mlp"
        and type(model.patch_embed).__name__ == "PatchEmbed" and model.attn_pool is None
        and isinstance(block.norm1, torch.nn.LayerNorm)
        and isinstance(attention.q_norm, torch.nn.Identity) and isinstance(attention.norm, torch.nn.Identity)
        and not (isinstance(model.norm, torch.nn.Identity) and isinstance(model.fc_norm, torch.nn.Identity))
    )
    if not known:
        return None
    return {
        "img_size": model.patch_embed.img_size[0], "patch_size": model.patch_embed.patch_size[0],
        "embed_dim": model.embed_dim, "depth": len(model.blocks), "num_heads": attention.num_heads,
        "hidden": block.mlp.fc1.out_features, "qkv_bias": attention.qkv.bias is not None,
        "scale": hasattr(block.ls1, "gamma"), "class_token": model.cls_token is not None,
        "reg_tokens": model.num_reg_tokens, "no_embed_class": model.no_embed_class,
        "pre_norm": not isinstance(model.norm_pre, torch.nn.Identity), "global_pool": model.global_pool,
        "fc_norm": not isinstance(model.fc_norm, torch.nn.Identity), "act": type(block.mlp.act).__name__,
        "pool_include_prefix": model.pool_include_prefix, "eps": block.norm1.eps,
        "distilled": type(model) is VisionTransformerDistilled,
    }


def write_architectures(root):
    rows = {}
    modules = (timm.list_models(module=module) for module in ("vision_transformer", "deit"))
    for name in sorted(set(timm.list_models("vit_*")).union(*modules)):
        with torch.device("meta"):
            rows[name] = plain_vit(timm.create_model(name))
    root.mkdir(parents=True, exist_ok=True)
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    (root / "timm_architectures.json").write_text("{\n" + text + "\n}\n")


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    wanted = sys.argv[2:]
    if not wanted:
        shutil.rmtree(root, ignore_errors=True)
    write_timm(root, wanted)
    write_deit(root, wanted)
    write_dinov3(root, wanted)
    write_remainder(root, wanted)
    write_answers_of_kinds(root, wanted)
    if not wanted or "architectures" in wanted:
        write_architectures(root)


if __name__ == "__main__":
    main()
