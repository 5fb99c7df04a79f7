#!/usr/bin/env python3
"""PEFT's adapters through `papilio convert`, and the results back in PEFT or Transformers: the logits stay. See README.md."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import BOFTConfig, OFTConfig
from safetensors.torch import load_file

import side_peft
from cases import TARGETS, one
from compare import difference

TOLERANCE = 1e-5
CONVERSIONS = [  # what, --to in order, adapter
    ("BOFT m 1, s = 1 to exact OFT", ["oft"], (BOFTConfig, dict(
        boft_block_size=4, modules_to_save=["classifier"], bias="boft_only"))),
    ("exact OFT to BOFT m 1", ["boft"], (OFTConfig, dict(
        oft_block_size=8, use_cayley_neumann=False, bias="oft_only"))),
    ("exact OFT, shared block, to BOFT m 1", ["boft"], (OFTConfig, dict(
        oft_block_size=8, use_cayley_neumann=False, block_share=True))),
    ("BOFT to compact to PEFT's form", ["compact", "peft"], (BOFTConfig, dict(
        boft_block_size=4, boft_n_butterfly_factor=2, modules_to_save=["classifier"]))),
    ("BOFT to merged weights", ["merged"], (BOFTConfig, dict(
        boft_block_size=4, boft_n_butterfly_factor=2, bias="boft_only", modules_to_save=["classifier"]))),
    ("OFT, series, to merged weights", ["merged"], (OFTConfig, dict(oft_block_size=8))),
]


def convert(program, scratch, base, model_type, batch, forms, kind, arguments):
    """max |a - b| / max |b| of the logits after and before."""
    case = one("", kind, target_modules=TARGETS[model_type], **arguments)
    model = side_peft.make_adapted(side_peft.load_base(base, model_type), case)
    if forms == ["oft"]:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "boft_s" in name:
                    parameter.fill_(1)
    here = scratch / "from_peft"
    model.save_pretrained(here)
    for form in forms:
        there = scratch / form
        subprocess.run([program, "convert", here, "--to", form, "--base", base, "--out", there, "--quiet"], check=True,
                       capture_output=True, text=True)
        here = there
    after = (side_peft.load_base(here, model_type) if forms[-1] == "merged" else
             side_peft.load(side_peft.load_base(base, model_type), case, here))
    return difference(side_peft.logits(after, batch), side_peft.logits(model, batch))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path, help="papilio")
    arguments = parser.parse_args()
    print(side_peft.heading())
    print(f"| {'conversion':<48} | {'logits':>9} |\n|---|---:|")
    worst = 0.0
    for model_type in ("vit", "dinov2"):
        with tempfile.TemporaryDirectory() as folder:
            base, batch = Path(folder) / "base", Path(folder) / "batch.safetensors"
            side_peft.make_base(base, model_type)
            side_peft.make_batch(batch)
            for i, (what, forms, (kind, settings)) in enumerate(CONVERSIONS):
                scratch = Path(folder) / str(i)
                scratch.mkdir()
                found = convert(arguments.program, scratch, base, model_type, load_file(batch), forms, kind, settings)
                print(f"| {model_type + ': ' + what:<48} | {found:>9.1e} |")
                worst = max(worst, found)
    print(f"\n{'nothing differs' if worst <= TOLERANCE else 'differs'}")
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
