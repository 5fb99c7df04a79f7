"""Writes adamw_8bit.safetensors: four steps of bitsandbytes' AdamW8bit on the CPU, for tests/nn/optim/adamw_8bit_test.cpp.

    python make_adamw_8bit.py FOLDER

Its CPU library rounds a moment to one of 65,536 levels of equal distance before it looks for the map's nearest value, so
that a second moment is never below 1.5e-5 of its block's largest, not even 0; its PyTorch and Triton forms take the nearest
value. Here that stands in the library's place, and how far the library is from it is printed.
"""

import pathlib
import sys

import bitsandbytes as bnb
import bitsandbytes.backends.cpu.ops as cpu
import torch
from safetensors.torch import save_file

COUNT, STEPS = 4096 + 60, 4


def nearest(x, code, absmax_out, out, blocksize):
    """What the default backend's quantize_blockwise computes, but for a division in place of a product."""
    for block in range(absmax_out.numel()):
        part = x.view(-1)[block * blocksize:(block + 1) * blocksize]
        absmax_out[block] = part.abs().max()
        scaled = part / absmax_out[block] if absmax_out[block] > 0 else part
        out.view(-1)[block * blocksize:(block + 1) * blocksize] = torch.argmin((scaled[:, None] - code).abs(), -1)


def gradients():
    n = torch.arange(COUNT, dtype=torch.float32)
    for step in range(STEPS):
        size = 10 ** (-3 * torch.cos(n * 0.37) ** 2)  # three decades in a block
        yield torch.cos(n * 1.7 + step) * size * (1 + n / COUNT)


def train():
    p = torch.nn.Parameter(torch.sin(torch.arange(COUNT, dtype=torch.float32) * 0.61))
    start = p.detach().clone()
    optimizer = bnb.optim.AdamW8bit([p], lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)
    for g in gradients():
        p.grad = g.clone()
        optimizer.step()
    return start, p.detach(), optimizer.state[p]


def main():
    _, of_library, _ = train()
    cpu._quant_blockwise_fp32_direct = nearest
    start, p, state = train()
    print(f"bitsandbytes {bnb.__version__}: parameters by the CPU library's codes differ by up to",
          (of_library - p).abs().max().item(), "of steps up to", (p - start).abs().max().item())
    save_file({"start": start, "gradients": torch.stack(list(gradients())), "parameter": p.clone(),
               "exp_avg": state["state1"], "exp_avg_sq": state["state2"],
               "exp_avg_absmax": state["absmax1"], "exp_avg_sq_absmax": state["absmax2"],
               "signed_map": state["qmap1"], "unsigned_map": state["qmap2"]},
              pathlib.Path(sys.argv[1]) / "adamw_8bit.safetensors")


if __name__ == "__main__":
    main()
