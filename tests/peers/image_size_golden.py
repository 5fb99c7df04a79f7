#!/usr/bin/env python3
"""Writes tests/golden/image_size.safetensors: what the models of tests/golden answer to images of other sizes than they
were made for, in Transformers by interpolate_pos_encoding, in timm by the positions that its checkpoint filter resamples
for a model of that size. Keys: <model>.<side>.images and .logits.

    image_size_golden.py [OUT]        (written with torch 2.15, timm 1.0.31, transformers 5.24)
"""

import json
import sys
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import checkpoint_filter_fn
from transformers import (
    DeiTForImageClassification,
    DeiTForImageClassificationWithTeacher,
    Dinov2ForImageClassification,
    Dinov2WithRegistersForImageClassification,
    DINOv3ViTModel,
    ViTForImageClassification,
)

GOLDEN = Path(__file__).parents[1] / "golden"
TRANSFORMERS = {
    "transformers/vit": ViTForImageClassification,
    "transformers/dinov2": Dinov2ForImageClassification,
    "transformers/dinov2_with_registers": Dinov2WithRegistersForImageClassification,
    "models/deit": DeiTForImageClassification,
    "models/deit_teacher": DeiTForImageClassificationWithTeacher,
}
TIMM = ["models/timm", "models/timm_registers", "models/timm_mean"]
SIDES = [8, 20]


def timm_model(folder, side):
    config = json.loads((folder / "config.json").read_text())
    model = timm.create_model(config["architecture"], **(config["model_args"] | {"img_size": side})).eval()
    model.load_state_dict(checkpoint_filter_fn(load_file(folder / "model.safetensors"), model))
    return model


def dinov3(folder):
    model, head = DINOv3ViTModel.from_pretrained(folder).eval(), load_file(folder / "classifier.safetensors")
    return lambda x: torch.nn.functional.linear(
        model(pixel_values=x).pooler_output, head["classifier.weight"], head["classifier.bias"])


def transformers_model(folder, kind):
    model = kind.from_pretrained(folder).eval()
    options = {"interpolate_pos_encoding": True} if "Dinov2" not in kind.__name__ else {}
    return lambda x: model(pixel_values=x, **options).logits


def main():
    tensors = {}
    for seed, name in enumerate([*TRANSFORMERS, *TIMM, "models/dinov3"]):
        folder, label = GOLDEN / name, Path(name).name
        for side in SIDES:
            x = torch.randn((1, 2, side, side), generator=torch.Generator().manual_seed(1000 * seed + side))
            if name in TRANSFORMERS:
                answer = transformers_model(folder, TRANSFORMERS[name])
            else:
                answer = dinov3(folder) if label == "dinov3" else timm_model(folder, side)
            with torch.no_grad():
                tensors |= {f"{label}.{side}.images": x, f"{label}.{side}.logits": answer(x).contiguous()}
    save_file(tensors, sys.argv[1] if len(sys.argv) > 1 else GOLDEN / "image_size.safetensors")


if __name__ == "__main__":
    main()
