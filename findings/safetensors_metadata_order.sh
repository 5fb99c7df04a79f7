#!/bin/bash
# safetensors 0.8.0: the same tensors and metadata give other bytes each time, if there are two entries of metadata or more.
#
# Tensors are put into order (dtype, then name), so a file without metadata is the same file whenever it is saved. Metadata
# keep the order of Rust's HashMap, which is drawn anew for every map. So the checksum of a model that was saved twice, or
# rebuilt from its sources, says nothing, and a store that keeps files by their content keeps both. PEFT and Transformers
# write one entry ("format": "pt"), with which nobody sees it.
# Seen: 20 saves give 1 file without metadata or with one entry, and more than one with four.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install safetensors==0.8.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy
from safetensors.numpy import load, save

tensors = {name: numpy.arange(4, dtype=numpy.float32) for name in "abcdef"}
files = {}
for entries in ([], ["format"], ["author", "format", "license", "step"]):
    saved = [save(tensors, {name: name for name in entries} or None) for _ in range(20)]
    assert all(sorted(load(one)) == list("abcdef") for one in saved)
    files[len(entries)] = len(set(saved))
print("entries of metadata: different files of 20 saves", files)
assert files[0] == files[1] == 1, "files without metadata differ now"
assert files[4] > 1, "the order of metadata is fixed now"
PYTHON
