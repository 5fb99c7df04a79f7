#!/bin/bash
# bitsandbytes 0.50.2 on a CPU: an 8-bit optimiser's second moment of 0 is not 0: it comes back as 1.6e-5 of its block's largest.
#
# The moments are codes of a "dynamic" map of 256 values, finest near 0, and each is to get the nearest value times the block's
# largest (arXiv 2110.02861). The PyTorch form of quantize_blockwise, for devices without a kernel, takes the nearest by argmin.
# The CPU library first rounds x / largest to one of 65,536 levels of equal distance, farther apart than the map's lowest
# values, and then looks up. Under the unsigned map, that of second moments, 0 and all values below 2e-5 become one
# another, and higher ones are off by a tenth; Adam divides by the root of what comes back.
# Seen: of the unsigned map's first 16 values, as they are and beside a 1, 11 get another value's code; 0 gets that of 1.5625e-05.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install torch==2.15.0 bitsandbytes==0.50.2 numpy
cat >"$folder/levels.py" <<'PYTHON'
import sys

import torch
from bitsandbytes.functional import create_dynamic_map, quantize_blockwise

code = create_dynamic_map(signed=False)
block = torch.zeros(256)
block[:16], block[-1] = code[:16], 1
codes, state = quantize_blockwise(block, code=code, blocksize=256)
nearest = (block[:16, None] - code).abs().argmin(1)
got = code[codes[:16].long()] * state.absmax
for i in range(16):
    print(f"{block[i]:.4e}: nearest is code {nearest[i]}, given {codes[i]}, which is {got[i]:.4e}")
others = (codes[:16].long() != nearest).sum().item()
worst = ((got[1:] - block[1:16]).abs() / block[1:16]).max().item()
print(f"{others} of 16 have another's code; the worst is {100 * worst:.0f} % away")
if not torch.equal(nearest, torch.arange(16)):
    sys.exit("the map is another one now")
if others != 11 or got[0].item() != code[7].item():
    sys.exit("codes are others now")
PYTHON
CUDA_VISIBLE_DEVICES='' "$folder/venv/bin/python" "$folder/levels.py" 2>"$folder/errors" || { cat "$folder/errors"; exit 1; }
