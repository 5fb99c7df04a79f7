#!/usr/bin/env python3
"""Writes tests/golden/quantized: matrices quantised by bitsandbytes' CPU build with what it makes of their codes again
(matrices.safetensors), means of many scales (means.safetensors), and small models whose layers Transformers has
quantised and saved, with what these answer once their layers are the dequantised ones.

    make_quantized.py [OUT]        (written with torch 2.15, transformers 5.24, bitsandbytes 0.50.2, accelerate)
"""

import shutil
import sys
from pathlib import Path

import bitsandbytes as bnb
import torch
from bitsandbytes import functional as F
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForImageClassification, BitsAndBytesConfig

GOLDEN = Path(__file__).parents[1] / "golden"
OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN / "quantized"


def matrix(shape, dtype, seed):
    return (0.3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))).to(dtype)


# Rows that end inside a block, and a last block that is not whole; 16-bit numbers; double quantisation.
def matrices():
    tensors = {}
    for kind, double, dtype, shape, block in (("nf4", False, torch.float32, (24, 40), 64),
                                              ("nf4", True, torch.bfloat16, (130, 128), 64),
                                              ("fp4", False, torch.float16, (7, 30), 32),
                                              ("fp4", True, torch.float32, (66, 130), 32)):
        w = matrix(shape, dtype, len(tensors))
        codes, state = F.quantize_4bit(w, blocksize=block, compress_statistics=double, quant_type=kind)
        name = kind + ("_double" if double else "")
        tensors[name + ".numbers"] = w
        tensors[name + ".weight"] = codes
        for key, value in state.as_dict(packed=True).items():
            tensors[f"{name}.weight.{key}"] = value
        tensors[name + ".values"] = F.dequantize_4bit(codes, state).float()
    w = matrix((24, 40), torch.float32, 99)
    w[3] = 0
    codes, scale, _ = F.int8_vectorwise_quant(w[w.abs().sum(1) > 0])
    tensors["int8.numbers"] = w[w.abs().sum(1) > 0]
    tensors["int8.weight"] = codes
    tensors["int8.SCB"] = scale
    tensors["int8.weight_format"] = torch.tensor(0, dtype=torch.uint8)
    tensors["int8.values"] = F.int8_vectorwise_dequant(codes, scale)
    save_file({k: v.contiguous().clone() for k, v in tensors.items()}, OUT / "matrices.safetensors")


# torch.mean of so many scales, on one thread: with more of them its bits may differ above 32,768.
def means():
    torch.set_num_threads(1)
    counts = [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 96, 260, 263, 4096, 9216, 27648, 36864, 65537]
    scales = [(torch.arange(n) * 40503 % 65536).float() / 262144 + 0.05 for n in counts]
    save_file({"counts": torch.tensor(counts), "means": torch.stack([s.mean() for s in scales])},
              OUT / "means.safetensors")


# table[code] absmax, by the formula: if a row's length is a multiple of 16 and not of the block's size, bitsandbytes
# 0.50.2's CPU kernel (with AVX-512) takes the scales of other blocks.
def values(codes, state):
    absmax = state.absmax
    if state.nested:
        absmax = F.dequantize_blockwise(absmax, state.state2) + state.offset
    nibbles = torch.stack([codes.flatten() >> 4, codes.flatten() & 15], 1).flatten()[:state.shape.numel()].long()
    scales = absmax.repeat_interleave(state.blocksize)[:nibbles.numel()]
    return (state.code[nibbles] * scales).reshape(state.shape)


# The same layer, computed with numbers.
def dequantised(model):
    for name, module in list(model.named_modules()):
        if isinstance(module, bnb.nn.Linear4bit):
            w = values(module.weight.data, module.weight.quant_state)
        elif isinstance(module, bnb.nn.Linear8bitLt):
            w = F.int8_vectorwise_dequant(module.weight.data, module.weight.SCB)
        else:
            continue
        linear = torch.nn.Linear(w.shape[1], w.shape[0], bias=module.bias is not None)
        linear.weight.data = w.float()
        if module.bias is not None:
            linear.bias.data = module.bias.data.float()
        model.set_submodule(name, linear)
    return model.eval()


def model(name, auto, source, config):
    quantised = auto.from_pretrained(source, quantization_config=config, device_map="cpu", dtype=torch.float32)
    folder = OUT / name
    quantised.save_pretrained(folder)
    if (source / "tokenizer.json").exists():
        shutil.copy(source / "tokenizer.json", folder)
    plain = dequantised(quantised)
    with torch.no_grad():
        if auto is AutoModelForCausalLM:
            ids = torch.randint(1, plain.config.vocab_size, (2, 12), generator=torch.Generator().manual_seed(1))
            answers = {"ids": ids, "logits": plain(ids).logits}
        else:
            c = plain.config
            images = torch.randn((2, c.num_channels, c.image_size, c.image_size),
                                 generator=torch.Generator().manual_seed(1))
            answers = {"images": images, "logits": plain(images).logits}
    save_file(answers, folder / "answers.safetensors")
    (folder / "generation_config.json").unlink(missing_ok=True)


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    matrices()
    means()
    model("gpt2_nf4_double", AutoModelForCausalLM, GOLDEN / "gpt2" / "gpt2",
          BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True))
    model("vit_int8", AutoModelForImageClassification, GOLDEN / "transformers" / "vit",
          BitsAndBytesConfig(load_in_8bit=True))
    model("dinov2_fp4", AutoModelForImageClassification, GOLDEN / "transformers" / "dinov2",
          BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="fp4"))
