#!/usr/bin/env python3
"""What `papilio convert --to nf4 | fp4 | int8` writes, with double quantisation and without, beside what Transformers
with bitsandbytes' CPU build makes of the same model: a small GPT-2, ViT and DINOv2 with random weights, and one GPT-2
whose layers are wide.

    compare_quantized.py BUILD        (the build folder; needs torch, transformers, bitsandbytes, accelerate)

A row each: whether every tensor of the files is the same in name, dtype and bytes, and every field of
quantization_config; the layers that from_pretrained reads as bitsandbytes' own, with no tensor missing or left over; the
logits of Papilio and of Transformers on Papilio's folder, as max |a - b| / max |b|: with the layers as the numbers that
their codes stand for, and as bitsandbytes multiplies them (by bfloat16 where the processor has that; int8: its inputs are
rounded to 8 bits, too). Fails if a file differs, or numbers by more than 1e-5.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import bitsandbytes as bnb
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForCausalLM, AutoModelForImageClassification, BitsAndBytesConfig, Dinov2Config,
                          Dinov2ForImageClassification, GPT2Config, GPT2LMHeadModel, ViTConfig, ViTForImageClassification)

from make_quantized import GOLDEN, dequantised

CONFIGS = {"nf4": dict(load_in_4bit=True, bnb_4bit_quant_type="nf4"), "fp4": dict(load_in_4bit=True, bnb_4bit_quant_type="fp4"),
           "int8": dict(load_in_8bit=True)}
CASES = [("nf4", False), ("nf4", True), ("fp4", False), ("fp4", True), ("int8", False)]


# Rows of whole blocks: see make_quantized.py's values.
def models():
    gpt2 = dict(vocab_size=643, n_positions=32, n_head=4, initializer_range=0.2)
    vision = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=16, patch_size=4, num_channels=3,
                  num_labels=5, initializer_range=0.2)
    yield "gpt2", GPT2LMHeadModel(GPT2Config(n_embd=64, n_layer=2, **gpt2))
    yield "vit", ViTForImageClassification(ViTConfig(intermediate_size=128, **vision))
    yield "dinov2", Dinov2ForImageClassification(Dinov2Config(mlp_ratio=2, **vision))
    yield "gpt2, wide", GPT2LMHeadModel(GPT2Config(n_embd=1024, n_layer=1, **gpt2))


def inputs_of(config):
    generator = torch.Generator().manual_seed(1)
    if config.model_type == "gpt2":
        return {"ids": torch.randint(1, config.vocab_size, (2, 12), generator=generator)}
    return {"images": torch.randn((2, config.num_channels, config.image_size, config.image_size), generator=generator)}


# Name -> type and bytes.
def tensors(folder):
    with safe_open(folder / "model.safetensors", "pt") as file:
        return {name: (t.dtype, t.shape, t.contiguous().flatten().view(torch.uint8).numpy().tobytes() if t.numel() else b"")
                for name in file.keys() for t in [file.get_tensor(name)]}


def config_of(folder):
    return json.loads((folder / "config.json").read_text())["quantization_config"]


def differing(ours, theirs):
    return [key for key in sorted(ours.keys() | theirs.keys())
            if key not in ours or key not in theirs or ours[key] != theirs[key]]


def far(a, b):
    return ((a.double() - b.double()).abs().max() / b.double().abs().max()).item()


class Comparison:
    def __init__(self, build, folder):
        self.program = build / "samples/papilio/papilio"
        self.logits = build / "tests/peers/papilio_logits"
        self.folder = folder
        self.failed = False

    def answers(self, model, inputs):
        save_file(inputs, self.folder / "inputs.safetensors")
        out = self.folder / "answers.safetensors"
        subprocess.run([self.logits, model, self.folder / "inputs.safetensors", out], check=True)
        return load_file(out)["logits"]

    def case(self, name, source, kind, double):
        ours, theirs = self.folder / "ours", self.folder / "theirs"
        words = ["--double-quant"] if double else []
        subprocess.run([self.program, "convert", source, "--to", kind, "--out", ours, "--overwrite", "--quiet", *words],
                       check=True, capture_output=True)
        auto = AutoModelForCausalLM if name.startswith("gpt2") else AutoModelForImageClassification
        kept = {} if name.startswith("gpt2") else {"llm_int8_skip_modules": ["classifier"]}  # heads stay numbers here
        wanted = BitsAndBytesConfig(**CONFIGS[kind], bnb_4bit_use_double_quant=double, **kept)
        quantised = auto.from_pretrained(source, quantization_config=wanted, device_map="cpu", dtype=torch.float32)
        shutil.rmtree(theirs, ignore_errors=True)
        quantised.save_pretrained(theirs)
        wrong_tensors = differing(tensors(ours), tensors(theirs))
        wrong_fields = differing(config_of(ours), config_of(theirs))

        def read():  # a pass by bitsandbytes changes int8 layers
            return auto.from_pretrained(ours, device_map="cpu", dtype=torch.float32, output_loading_info=True)

        model, info = read()
        problems = {key: value for key, value in info.items() if value}
        kinds = (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)
        layers, wanted_layers = (sum(isinstance(m, kinds) for m in x.modules()) for x in (model, quantised))
        inputs = inputs_of(model.config)
        said = self.answers(ours, inputs)
        with torch.no_grad():
            argument = inputs.get("ids", inputs.get("images"))
            by_bitsandbytes = model.eval()(argument).logits
            by_numbers = dequantised(read()[0])(argument).logits
        numbers, product = far(said, by_numbers), far(said, by_bitsandbytes)
        same = torch.equal(said, self.answers(theirs, inputs))
        good = not (wrong_tensors or wrong_fields or problems) and layers == wanted_layers and numbers < 1e-5 and same
        self.failed |= not good
        print(f"| {name} | {kind}{' double' if double else ''} | {'same' if not wrong_tensors else wrong_tensors[:4]} "
              f"| {'same' if not wrong_fields else wrong_fields} | {layers} {problems or ''}| {numbers:.1e} | {product:.1e} |")


def main():
    build = Path(sys.argv[1]).resolve()
    torch.set_num_threads(1)  # bitsandbytes' offset is a mean, whose bits depend on the threads
    torch.manual_seed(0)
    transformers.utils.logging.disable_progress_bar()
    print("| model | form | tensors | quantization_config | layers | as numbers | by bitsandbytes |")
    print("|---|---|---|---|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(build, Path(folder))
        for name, model in models():
            source = Path(folder, "source")
            shutil.rmtree(source, ignore_errors=True)
            model.half().float().save_pretrained(source)  # for int8 bitsandbytes makes its weights float16 first
            if name.startswith("gpt2"):
                shutil.copy(GOLDEN / "gpt2" / "gpt2" / "tokenizer.json", source)
            for kind, double in CASES:
                comparison.case(name, source, kind, double)
    sys.exit(comparison.failed)


if __name__ == "__main__":
    main()
