#!/bin/bash
# Pillow 13.0.0: a PNG of 16-bit grey becomes white where it is converted to "L" or "RGB", the modes that models are fed.
#
# Its 16 bits are kept (mode I;16), and convert() clips them at 255; a PNG of 16-bit RGB, or of 16-bit grey with alpha,
# loses its low bytes while it is read instead. So one picture has two answers by the way it is stored.
# Seen: grey 0 128 256 32768 65535 becomes 0 128 255 255 255; the same as RGB 0 0 1 128 255.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install pillow==13.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct
import zlib

from PIL import Image


def png(color, pixels):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", 5, 1, 16, color, 0, 0, 0)
    rows = b"\0" + struct.pack(f">{len(pixels)}H", *pixels)
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
                      chunk(b"IEND", b""))


values = [0, 128, 256, 32768, 65535]
grey = Image.open(png(0, values))
colour = Image.open(png(2, [v for v in values for _ in range(3)]))
as_l, as_rgb = list(grey.convert("L").tobytes()), list(grey.convert("RGB").tobytes()[::3])
high = list(colour.convert("RGB").tobytes()[::3])
print(grey.mode, as_l, as_rgb, colour.mode, high)
assert grey.mode == "I;16" and as_l == as_rgb == [0, 128, 255, 255, 255], "16-bit grey is no longer clipped"
assert colour.mode == "RGB" and high == [0, 0, 1, 128, 255], "16-bit RGB is no longer its high bytes"
PYTHON
