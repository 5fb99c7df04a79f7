"""Image processors of Transformers beside Papilio: each class that feeds a vision transformer, with its defaults and with
settings drawn at random, on random pictures, all by way of preprocessor_config.json. Prints one table and fails where
something differs.

    python tests/peers/compare_processors.py build/release/tests/peers/papilio_pictures

Transformers has two backends. That of Pillow gives these numbers (to 1e-5); that of torchvision, which Transformers 5
prefers if it is installed, resizes otherwise: its column is the largest difference with the defaults, in 1/255 of a channel.
Classes that have no other backend (DINOv3, TIPSv2) are compared with it. Every other class of Transformers whose name ends in
ImageProcessor has to be refused by its name. At the end timm's transforms for evaluation, by way of pretrained_cfg."""
import collections
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import transformers
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from transformers import AutoImageProcessor

transformers.logging.set_verbosity_error()
program = sys.argv[1]
rng = np.random.default_rng(0)
kinds = ["ViT", "DeiT", "Beit", "Bit", "CLIP", "ChineseCLIP", "Siglip", "Blip", "Flava", "OwlViT", "Pvt", "Segformer",
         "MobileNetV1", "MobileNetV2", "Levit", "ConvNext", "PoolFormer"]
torch_only = ["DINOv3ViT", "Tipsv2", "Tipsv2Dpt"]
pictures = {f"{h}x{w}": rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in [(60, 41), (33, 80), (50, 50)]}
models = Path(transformers.__file__).parent / "models"
classes = sorted({name for file in models.glob("*/image_processing*.py")
                  for name in re.findall(r"^class (\w+)ImageProcessor(?:Fast|Pil)?\(", file.read_text(), re.M)})


def settings(kind):
    """A file's fields: some left out, some in one of their forms."""
    side, other = (int(n) for n in rng.integers(16, 48, 2))
    fields = {}
    sizes = [side, [side, other], {"height": side, "width": other}, {"shortest_edge": side}]
    if rng.random() < 0.8:
        fields["size"] = sizes[rng.integers(len(sizes))]
    if rng.random() < 0.6:
        fields["crop_size"] = [other, [other, side], {"height": other, "width": side}][rng.integers(3)]
    choices = {"do_center_crop": [True, False], "do_rescale": [True, False], "do_normalize": [True, False, None],
               "resample": list(range(6)), "image_mean": [0.5, [0.4, 0.5, 0.6], None],
               "image_std": [0.25, [0.2, 0.3, 0.4]], "rescale_factor": [1 / 127.5], "do_resize": [True],
               "default_to_square": [True, False]}
    if kind in ("ConvNext", "PoolFormer"):
        choices["crop_pct"] = [0.9, 0.75, None]
    for key, values in choices.items():
        if rng.random() < 0.3:
            fields[key] = values[rng.integers(len(values))]
    return fields


def name_of(kind):
    forms = [kind + "ImageProcessor", kind + "ImageProcessorFast"]
    if kind in ("ViT", "DeiT", "Beit", "CLIP", "ConvNext", "Levit", "Flava"):
        forms.append(kind + "FeatureExtractor")
    name = forms[rng.integers(len(forms))]
    return {"feature_extractor_type" if name.endswith("FeatureExtractor") else "image_processor_type": name}


def reference(fields, backend):
    """Each picture as Transformers makes it, or nothing if it refuses or pictures keep shapes of their own."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "preprocessor_config.json").write_text(json.dumps(fields))
        (Path(folder) / "config.json").write_text(json.dumps({"model_type": "vit"}))
        try:
            processor = AutoImageProcessor.from_pretrained(folder, backend=backend)
            made = {name: np.asarray(processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"][0], np.float32)
                    for name, pixels in pictures.items()}
        except Exception as error:  # whatever it says, it refuses
            return str(error).split("\n")[0][:80]
    return made if len({x.shape for x in made.values()}) == 1 else "shapes differ"


cases = {}
for kind in kinds + torch_only:
    cases[f"{kind}.defaults"] = {"image_processor_type": kind + "ImageProcessor"}
    for i in range(40):
        cases[f"{kind}.{i}"] = {**name_of(kind), **settings(kind)}
for i in range(20):  # no type: the model's
    cases[f"untyped.{i}"] = settings("ViT")
others = [name for name in classes if name not in kinds + torch_only]
for name in others:
    cases[f"{name}.other"] = {"image_processor_type": name + "ImageProcessor", "size": 32}
for i in range(60):
    side = int(rng.integers(16, 48))
    cases[f"timm.{i}"] = {"input_size": [3, side, side], "crop_pct": float(rng.choice([0.8, 0.875, 0.9, 0.95, 1.0])),
                          "interpolation": str(rng.choice(["bilinear", "bicubic"])), "mean": [0.4, 0.5, 0.6],
                          "std": [0.2, 0.3, 0.4], "crop_mode": str(rng.choice(["center", "squash"]))}


def by_timm(fields):
    from timm.data import create_transform, resolve_data_config
    transform = create_transform(**resolve_data_config(pretrained_cfg=fields, verbose=False), is_training=False)
    return {name: transform(Image.fromarray(pixels)).numpy() for name, pixels in pictures.items()}


reasons = collections.Counter()
counts, wrong, steps = collections.defaultdict(collections.Counter), [], collections.defaultdict(float)
with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    (folder / "in").mkdir()
    for name, fields in cases.items():
        (folder / "in" / (name + ".json")).write_text(json.dumps(fields))
    save_file(pictures, folder / "pictures")
    subprocess.run([program, "process", folder / "pictures", folder / "in", folder / "out"], check=True)
    got = load_file(folder / "out")
    with safe_open(folder / "out", "np") as file:
        refused = file.metadata() or {}
for name, fields in cases.items():
    kind = name.split(".")[0]
    if name.endswith(".other"):
        if f'got "{kind}ImageProcessor"' not in refused.get(name, ""):
            wrong.append(f"{name}: {refused.get(name, 'is read as another')}")
        continue
    want = by_timm(fields) if kind == "timm" else reference(fields, "torchvision" if kind in torch_only else "pil")
    if isinstance(want, str) or name in refused:
        both = isinstance(want, str) and name in refused
        reasons[want if isinstance(want, str) else "-"] += not both
        counts[kind]["refused by both" if both else "refused here" if name in refused else "refused there"] += 1
        if name in refused and not both:
            wrong.append(f"{name} {json.dumps(fields)}: refused: {refused[name]}")
        continue
    counts[kind]["compared"] += 1
    worst = max(np.abs(want[p] - got[f"{name}/{p}"]).max() / max(np.abs(want[p]).max(), 1e-9)
                if want[p].shape == got[f"{name}/{p}"].shape else np.inf for p in pictures)
    if name.endswith("defaults"):
        torch = reference(fields, "torchvision")
        largest = max(np.abs(torch[p] - got[f"{name}/{p}"]).max(axis=(1, 2)).max() for p in pictures)
        steps[kind] = largest * 255 * (1.0 if kind.startswith("Tipsv2") else 0.225)
    if worst > 1e-5:
        wrong.append(f"{name} {json.dumps(fields)}: differs by {worst:.3g}")
print(f"{'class':12} {'compared':>9} {'refused by both':>16} {'refused here':>13} {'refused there':>14} {'torchvision':>12}")
for kind, count in counts.items():
    print(f"{kind:12} {count['compared']:9} {count['refused by both']:16} {count['refused here']:13} "
          f"{count['refused there']:14} {steps[kind]:12.2f}")
print(f"{len(others)} other classes of Transformers {transformers.__version__}, each refused by its name")
print(f"{sum(c['compared'] for c in counts.values()) * len(pictures)} pictures compared, {len(wrong)} cases differ")
for reason, count in reasons.most_common():
    print(f"{count:4} read here, there: {reason}")
print("\n".join(wrong))
sys.exit(bool(wrong))
