#!/bin/bash
# bitsandbytes 0.50.2, CPU: a second moment of an 8-bit optimiser is never small: below 1.5e-5 of its block's largest it is one
# of two values, 0 or the one next to 1.5e-5, though the map has forty values there.
#
# quantize_blockwise is to give each number the code of the map's nearest value (bitsandbytes.functional; the paper,
# arXiv 2110.02861, section 1.3). The PyTorch form that the same operator takes for float64 does so. The library's form for
# float32, bfloat16 and float16 first rounds x / absmax to one of 65,536 levels of equal distance. The dynamic map's steps are
# finest near 0, so codes there are never given. Adam divides by the square root of that moment: parameters with
# small gradients beside large ones in their block take steps of another size than on a GPU.
# Seen: of 1e-6, 3e-6, 6e-6 and 1e-5 beside a 1, float64 gives each its own value within 5 %, float32 errs by 50 % or more.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install torch==2.15.0 bitsandbytes==0.50.2 numpy
cat >"$folder/levels.py" <<'PYTHON'
import sys

import torch
from bitsandbytes.functional import create_dynamic_map, dequantize_blockwise, quantize_blockwise

code = create_dynamic_map(signed=False)
values = [1e-6, 3e-6, 6e-6, 1e-5]
worst = {}
for dtype in (torch.float64, torch.float32):
    block = torch.zeros(256, dtype=dtype)
    block[0] = 1
    block[1:5] = torch.tensor(values, dtype=dtype)
    codes, state = quantize_blockwise(block, code=code, blocksize=256)
    got = code[codes[1:5].long()] * state.absmax
    print(dtype, *(f"{x:.0e} -> {y:.2e}" for x, y in zip(values, got.tolist())), sep="  ")
    worst[dtype] = max(abs(y / x - 1) for x, y in zip(values, got.tolist()))
if worst[torch.float64] > 0.05:
    sys.exit("what was nearest is not now")
if worst[torch.float32] < 0.5:
    sys.exit("what was far is near now")
PYTHON
"$folder/venv/bin/python" "$folder/levels.py"
