#!/usr/bin/env python3
"""Times a training step of PEFT on PyTorch beside the same after papilio.peft.accelerate. See README.md.

One process, one model: PEFT's step, then three of ours, again and again; the shortest of each counts.
"""

import argparse
import os
import time
import warnings

import peft
import peft.tuners.boft.layer as boft_layer
import torch
import transformers

import papilio

METHODS = {
    "BOFT b 4 m 1": lambda **k: peft.BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=1, **k),
    "BOFT b 4 m 2": lambda **k: peft.BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=2, **k),
    "OFT b 32": lambda **k: peft.OFTConfig(oft_block_size=32, r=0, **k),
    "LoRA r 8": lambda **k: peft.LoraConfig(r=8, **k),
}


def vit_small(method):
    """ViT-S/16 for 224 pixels, all linear layers of the backbone adapted, the classifier trained as it is."""
    torch.manual_seed(0)
    base = transformers.ViTForImageClassification(transformers.ViTConfig(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1536, num_labels=10))
    names = {name.split(".")[-1] for name, m in base.named_modules() if isinstance(m, torch.nn.Linear)}
    if "m 2" in method:
        papilio.peft.enable_butterfly_factors()
    else:
        boft_layer.get_fbd_cuda = lambda: None  # PEFT as it is on a machine without a GPU, and no search for ninja
    return peft.get_peft_model(base, METHODS[method](
        target_modules=sorted(names - {"classifier"}), modules_to_save=["classifier"])).train()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*", default=list(METHODS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    papilio.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    images, labels = torch.randn(8, 3, 224, 224), torch.arange(8)
    for method in options.methods:
        model = vit_small(method)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)

        def step():
            begin = time.perf_counter()
            torch.nn.functional.cross_entropy(model(pixel_values=images).logits, labels).backward()
            optimizer.step()
            optimizer.zero_grad()
            return time.perf_counter() - begin

        theirs, ours = step(), float("inf")
        for _ in range(options.rounds):
            theirs = min(theirs, step())
            papilio.peft.accelerate(model)
            ours = min(ours, *(step() for _ in range(3)))
            papilio.peft.restore(model)
        print(f"| {method} | {theirs * 1e3:.0f} ms | {ours * 1e3:.0f} ms | {theirs / ours:.1f} |", flush=True)


if __name__ == "__main__":
    main()
