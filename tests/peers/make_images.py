"""Writes tests/golden/images: small pictures of every kind that JPEG and PNG know, and in expected.safetensors the
pixels that Pillow reads out of them. Run once: python tests/peers/make_images.py (Pillow, numpy, safetensors)."""
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from safetensors.numpy import save_file

out = Path(__file__).parent.parent / "golden/images"
w, h = 13, 9
y, x = np.mgrid[0:h, 0:w]
rgb = np.stack([x * 19, y * 28, (x * y * 5) % 256], -1).astype(np.uint8)
rng = np.random.default_rng(0)
expected = {}


def keep(name, pixels):
    expected[name] = np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))


def save(name, image, mode, **options):
    image.save(out / name, **options)
    read = ImageOps.exif_transpose(Image.open(out / name))
    keep(name, np.asarray(read.convert(mode)))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(name, depth, colour, rows, interlaced=0, size=(w, h)):
    """rows: filter byte and bytes of every row, joined."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (out / name).write_bytes(data)


def plain_rows(array):
    return b"".join(b"\0" + row.tobytes() for row in array)


out.mkdir(parents=True, exist_ok=True)
colour, grey = Image.fromarray(rgb), Image.fromarray(rgb[..., 0])
save("rgb.jpg", colour, "RGB", quality=90)
save("rgb444.jpg", colour, "RGB", quality=90, subsampling=0)
save("grey.jpg", grey, "L", quality=90)
save("progressive.jpg", colour, "RGB", quality=90, progressive=True)
save("cmyk.jpg", colour.convert("CMYK"), "RGB", quality=95)
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(f"orientation{orientation}.jpg", colour, "RGB", quality=90, exif=exif)
exif = Image.Exif()
exif[0x0112] = 6
save("orientation6.png", colour, "RGB", exif=exif)

save("rgb.png", colour, "RGB")
save("grey.png", grey, "L")
save("palette.png", colour.quantize(16), "RGB")
transparent = colour.quantize(16)
save("palette_transparent.png", transparent, "RGB", transparency=3)
save("one_bit.png", grey.convert("1"), "L")
alpha = rng.integers(0, 256, (h, w, 1), dtype=np.uint8)
save("rgba.png", Image.fromarray(np.concatenate([rgb, alpha], -1)), "RGB")
save("grey_alpha.png", Image.fromarray(np.concatenate([rgb[..., :1], alpha], -1), "LA"), "L")

# 16 bits, rounded to 8: Pillow drops the low byte instead, so numpy says what is right.
deep = rng.integers(0, 65536, (h, w, 3), dtype=np.uint16)
eight = np.floor(deep / 257 + 0.5).astype(np.uint8)
png("rgb16.png", 16, 2, plain_rows(deep.astype(">u2")))
keep("rgb16.png", eight)
png("grey16.png", 16, 0, plain_rows(deep[..., 0].astype(">u2")))
keep("grey16.png", eight[..., 0])

# Adam7's seven passes.
passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
rows = b"".join(plain_rows(np.ascontiguousarray(rgb[y0::dy, x0::dx])) for x0, y0, dx, dy in passes
                if rgb[y0::dy, x0::dx].size)
png("interlaced.png", 8, 2, rows, interlaced=1)
keep("interlaced.png", np.asarray(Image.open(out / "interlaced.png").convert("RGB")))
assert (expected["interlaced.png"] == rgb).all()

# Claims that are refused.
png("huge.png", 8, 2, b"", size=(60000, 60000))
data = bytearray((out / "rgb.jpg").read_bytes())
at = data.index(b"\xff\xc0") + 5
data[at:at + 4] = struct.pack(">HH", 65500, 65500)
(out / "huge.jpg").write_bytes(data)
gif = io.BytesIO()
colour.save(gif, "GIF")
(out / "gif.png").write_bytes(gif.getvalue())

save_file(expected, out / "expected.safetensors")
