#!/bin/bash
# Pillow 13.0.0: nearest-neighbour resizing picks a pixel that is not the nearest one, by a rounding error that adds up.
#
# The source coordinate of an output is (i + 1/2) * scale. Pillow begins at scale / 2 and adds scale for each output, so
# that after some steps a coordinate that is exactly 3 is a little less, and the pixel before is taken. From 6 pixels to 9
# the scale is 2/3 and output 4 has its centre at 4.5 * 2/3 = 3; it is pixel 2. The mirrored picture has another answer.
# Seen: 0 1 1 2 2 3 4 5 5, where the coordinates say 0 1 1 2 3 3 4 5 5.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install pillow==13.0.0
"$folder/venv/bin/python" - <<'PYTHON'
from fractions import Fraction

from PIL import Image

before, after = 6, 9
row = Image.frombytes("L", (before, 1), bytes(range(before)))
got = list(row.resize((after, 1), Image.NEAREST).tobytes())
exact = [int((i + Fraction(1, 2)) * Fraction(before, after)) for i in range(after)]
mirrored = list(row.transpose(Image.FLIP_LEFT_RIGHT).resize((after, 1), Image.NEAREST)
                .transpose(Image.FLIP_LEFT_RIGHT).tobytes())
print(got, exact, mirrored)
assert exact == [0, 1, 1, 2, 3, 3, 4, 5, 5]
assert got == [0, 1, 1, 2, 2, 3, 4, 5, 5], "the pixels picked are others now"
assert mirrored != got, "mirroring commutes with resizing now"
PYTHON
