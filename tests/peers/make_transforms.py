"""Writes tests/golden/transforms.safetensors: what Pillow makes of one colour and one grey picture by resizing, by
changes of colour and by moves, and what two image processors of Transformers make of the colour one. Run once:
python tests/peers/make_transforms.py (Pillow, numpy, safetensors, transformers)."""
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from safetensors.numpy import save_file
from transformers import BitImageProcessor, ViTImageProcessor

rng = np.random.default_rng(1)
h, w = 17, 23
y, x = np.mgrid[0:h, 0:w]
waves = np.stack([127 + 90 * np.sin(x / 3 + c) * np.cos(y / (2 + c)) for c in range(3)], -1)
rgb = np.clip(waves + rng.normal(0, 20, (h, w, 3)), 20, 230).astype(np.uint8)
pictures = {"rgb": Image.fromarray(rgb), "grey": Image.fromarray(rgb[..., 1])}
kinds = {"nearest": Image.NEAREST, "lanczos": Image.LANCZOS, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
affine = dict(resample=Image.NEAREST, fillcolor=0)
out = {}


def keep(name, image):
    a = np.asarray(image)
    out[name] = np.ascontiguousarray(a.reshape(a.shape[0], a.shape[1], -1))


for picture, image in pictures.items():
    keep(picture, image)
    for kind, number in kinds.items():
        for height, width in [(8, 8), (17, 9), (24, 30), (5, 40), (1, 1)]:
            keep(f"{picture}.resize.{kind}.{height}x{width}", image.resize((width, height), number))
    for factor in [0.73, 1.27]:
        keep(f"{picture}.brightness.{factor}", ImageEnhance.Brightness(image).enhance(factor))
        keep(f"{picture}.color.{factor}", ImageEnhance.Color(image).enhance(factor))
        keep(f"{picture}.contrast.{factor}", ImageEnhance.Contrast(image).enhance(factor))
        keep(f"{picture}.sharpness.{factor}", ImageEnhance.Sharpness(image).enhance(factor))
    keep(f"{picture}.posterize.5", ImageOps.posterize(image, 5))
    keep(f"{picture}.solarize.178.5", ImageOps.solarize(image, 178.5))
    keep(f"{picture}.autocontrast", ImageOps.autocontrast(image))
    keep(f"{picture}.equalize", ImageOps.equalize(image))
    keep(f"{picture}.shear_x.0.09", image.transform(image.size, Image.AFFINE, (1, 0.09, 0, 0, 1, 0), **affine))
    keep(f"{picture}.shear_y.0.09", image.transform(image.size, Image.AFFINE, (1, 0, 0, 0.09, 1, 0), **affine))
    keep(f"{picture}.translate_x.3", image.transform(image.size, Image.AFFINE, (1, 0, -3, 0, 1, 0), **affine))
    keep(f"{picture}.rotate.9", image.rotate(9, Image.NEAREST, fillcolor=0))
    keep(f"{picture}.rotate.-30", image.rotate(-30, Image.NEAREST, fillcolor=0))

# Whole processors: the margin of the crop is 4.5 columns.
processors = {
    "vit": ViTImageProcessor(size={"height": 10, "width": 14}),
    "bit": BitImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 12, "width": 12}, resample=3,
                             image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]),
}
metadata = {}
for kind, processor in processors.items():
    out[f"processor.{kind}"] = processor(images=pictures["rgb"], return_tensors="np")["pixel_values"][0]
    metadata[f"processor.{kind}"] = processor.to_json_string()

save_file(out, Path(__file__).parent.parent / "golden/transforms.safetensors", metadata)
