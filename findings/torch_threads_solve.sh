#!/bin/bash
# PyTorch 2.15.0 (oneMKL 2024.2), CPU: after torch.set_num_threads, torch.linalg.solve of a batch of identities fails.
#
# torch.linalg.solve shares the matrices of a batch among OpenMP's threads, and each calls oneMKL's sgetrf. set_num_threads also
# turns off oneMKL's "dynamic" (mkl_set_dynamic(0)), so sgetrf believes, inside a thread of that loop, that it has two threads as
# well (MKL_VERBOSE=1 says Dyn:0 and NThr:2; without the call Dyn:1 and NThr:1). Its first pivots are
# then never written: the memory's old contents are read as row numbers. OMP_NUM_THREADS in the environment, without the call,
# gives as many threads and right results. A known fault: https://github.com/pytorch/pytorch/issues/142815, open since 2024;
# https://github.com/pytorch/pytorch/pull/181570 explains the loop over the batch. PEFT's BOFT meets it in Stable Diffusion's
# UNet, where 8 blocks of 1280 inputs are matrices of 160 x 160.
# Seen: "right" without the call, and with it "Pivots given to lu_solve must all be greater or equal to 1".
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install torch==2.15.0 numpy
cat >"$folder/solve.py" <<'PYTHON'
import sys

import torch

if sys.argv[1] == "call":
    torch.set_num_threads(2)
identities = torch.eye(160).repeat(8, 1, 1)
try:
    print("right" if torch.equal(torch.linalg.solve(identities, identities), identities) else "wrong numbers")
except RuntimeError as error:
    print(error)
PYTHON
export OMP_NUM_THREADS=2 CUDA_VISIBLE_DEVICES=
plain=$(timeout 60 "$folder/venv/bin/python" "$folder/solve.py" plain 2>/dev/null || true)
called=$(timeout 60 "$folder/venv/bin/python" "$folder/solve.py" call 2>/dev/null | grep -v -e 'oneMKL ERROR' -e '^$' || true)
printf 'OMP_NUM_THREADS=2: %s\nand torch.set_num_threads(2): %s\n' "$plain" "$called"
[ "$plain" = right ] || { echo 'what was right is wrong now'; exit 1; }
[[ $called == *Pivots* ]] || { echo 'what failed is otherwise now'; exit 1; }
