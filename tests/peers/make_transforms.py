"""Writes tests/golden/transforms.safetensors: what Pillow makes of one colour and one grey picture by resizing, by
changes of colour and by moves, and what image processors of Transformers make of the colour one. Run once:
python tests/peers/make_transforms.py (Pillow, numpy, safetensors, timm, torchvision, transformers)."""
import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from safetensors.numpy import save_file
from timm.data import create_transform, resolve_data_config
from transformers import AutoImageProcessor

rng = np.random.default_rng(1)
h, w = 17, 23
y, x = np.mgrid[0:h, 0:w]
waves = np.stack([127 + 90 * np.sin(x / 3 + c) * np.cos(y / (2 + c)) for c in range(3)], -1)
rgb = np.clip(waves + rng.normal(0, 20, (h, w, 3)), 20, 230).astype(np.uint8)
pictures = {"rgb": Image.fromarray(rgb), "grey": Image.fromarray(rgb[..., 1])}
kinds = {"nearest": Image.NEAREST, "lanczos": Image.LANCZOS, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC,
         "box": Image.BOX, "hamming": Image.HAMMING}
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

# Whole processors, each from its file. The margin of the crop is 4.5 columns in "bit".
def processor(name, backend="pil", **fields):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "preprocessor_config.json").write_text(json.dumps(fields))
        (Path(folder) / "config.json").write_text('{"model_type": "vit"}')
        made = AutoImageProcessor.from_pretrained(folder, backend=backend)(images=pictures["rgb"], return_tensors="np")
    out[f"processor.{name}"] = np.asarray(made["pixel_values"][0], np.float32)
    metadata[f"processor.{name}"] = json.dumps(fields)


metadata = {}
imagenet = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
processor("vit", image_processor_type="ViTImageProcessor", size={"height": 10, "width": 14})
processor("vit_list", image_processor_type="ViTImageProcessorFast", size=[10, 14], image_mean=0.4, image_std=[0.2, 0.3, 0.4])
processor("vit_box", feature_extractor_type="ViTFeatureExtractor", size=11, resample=4, do_normalize=None)
processor("untyped", size=11, resample=5, image_mean=0.5, image_std=0.25)
processor("bit", image_processor_type="BitImageProcessor", size={"shortest_edge": 16},
          crop_size={"height": 12, "width": 12}, resample=3, **imagenet)
processor("bit_number", image_processor_type="BitImageProcessor", size=14, crop_size=11, **imagenet)
processor("clip_number", feature_extractor_type="CLIPFeatureExtractor", size=14, crop_size=11)
processor("deit_number", feature_extractor_type="DeiTFeatureExtractor", size=14, crop_size=11, resample=3, **imagenet)
processor("beit", image_processor_type="BeitImageProcessor", size=12, do_rescale=False)
processor("siglip", image_processor_type="SiglipImageProcessor", size={"height": 9, "width": 9})
processor("levit", image_processor_type="LevitImageProcessor", size=10, crop_size=9)
processor("convnext", image_processor_type="ConvNextImageProcessor", size=11)
processor("convnext_pct", image_processor_type="ConvNextImageProcessor", size={"shortest_edge": 10}, crop_pct=0.95, **imagenet)
processor("convnext_crop", image_processor_type="ConvNextImageProcessor", size={"shortest_edge": 10}, crop_pct=0.9,
          do_center_crop=True, crop_size={"height": 7, "width": 12})
processor("poolformer", image_processor_type="PoolFormerImageProcessor", size=11, crop_size=10)
processor("poolformer_sides", image_processor_type="PoolFormerImageProcessor", size=[11, 9], crop_size=8, crop_pct=0.8)
processor("segformer", image_processor_type="SegformerImageProcessor", size=9, do_center_crop=True, crop_size=5)
processor("mobilenet", image_processor_type="MobileNetV2ImageProcessor", size=12, crop_size=11)
processor("blip", image_processor_type="BlipImageProcessor", size={"height": 10, "width": 12})
processor("chinese_clip", image_processor_type="ChineseCLIPImageProcessor", size={"shortest_edge": 13}, crop_size=11)
processor("flava", feature_extractor_type="FlavaFeatureExtractor", size=13, crop_size=9)
processor("pvt", image_processor_type="PvtImageProcessor", size=[9, 12])
processor("mobilenet_v1", image_processor_type="MobileNetV1ImageProcessor", size={"shortest_edge": 13}, crop_size=[9, 11])
processor("owlvit", image_processor_type="OwlViTImageProcessor", size=[10, 9])
for name, resample in [("bilinear", 2), ("bicubic", 3), ("nearest", 0), ("lanczos", 1)]:
    processor(f"dinov3_{name}", "torchvision", image_processor_type="DINOv3ViTImageProcessorFast", size=[12, 9], resample=resample)
    processor(f"tipsv2_{name}", "torchvision", image_processor_type="Tipsv2ImageProcessor", size=[9, 30], resample=resample)
processor("dinov3_crop", "torchvision", image_processor_type="DINOv3ViTImageProcessor", size={"shortest_edge": 12},
          do_center_crop=True, crop_size={"height": 9, "width": 21})
processor("tipsv2_dpt", "torchvision", image_processor_type="Tipsv2DptImageProcessor", size=[9, 14])
processor("tipsv2_crop", "torchvision", image_processor_type="Tipsv2ImageProcessor", size={"shortest_edge": 12},
          do_center_crop=True, crop_size={"height": 21, "width": 9})


# timm's for evaluation, by pretrained_cfg. Margins are 1.5 rows and 3.5 columns in "timm.odd".
def timm(name, **cfg):
    cfg = {"interpolation": "bicubic", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], **cfg}
    config = resolve_data_config(pretrained_cfg=cfg, verbose=False)
    out[f"timm.{name}"] = create_transform(**config, is_training=False)(pictures["rgb"]).numpy()
    metadata[f"timm.{name}"] = json.dumps(cfg)


timm("odd", input_size=[3, 10, 10], crop_pct=0.75)
timm("even", input_size=[3, 11, 11], crop_pct=0.8, interpolation="bilinear")
timm("squash", input_size=[3, 10, 10], crop_pct=0.75, crop_mode="squash")

save_file(out, Path(__file__).parent.parent / "golden/transforms.safetensors", metadata)
