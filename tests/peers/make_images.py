"""Writes tests/golden/images: small pictures of every kind that JPEG and PNG know, in expected.safetensors the pixels that
Pillow reads out of them, and in draft.safetensors those of its draft mode. Run once: python tests/peers/make_images.py (Pillow, numpy, safetensors; and cjpeg of
libjpeg-turbo, for what Pillow does not write)."""
import io
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from safetensors.numpy import save_file

import picture_files as files

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

# 16 bits: the high byte, as Pillow has it of RGB; its conversion of grey clips at 255, so numpy says what is right.
deep = rng.integers(0, 65536, (h, w, 3), dtype=np.uint16)
eight = (deep >> 8).astype(np.uint8)
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



# Files with faults that cost Pillow no pixel, other ways to say which way is up, and colours without a marker.
def odd(name, data, mode="RGB"):
    (out / name).write_bytes(data)
    keep(name, files.read(data, mode))


six, three = files.orientation(6), files.orientation(3)
plain = files.jpeg(colour, quality=90)
odd("extra_before_dqt.jpg", plain.replace(b"\xff\xdb", b"\0\0\xff\xdb", 1))
odd("extra_before_eoi.jpg", plain[:-2] + b"\0\0\0" + plain[-2:])
odd("jfif2.jpg", plain.replace(b"JFIF\0\1", b"JFIF\0\2"))
cmyk = files.without(files.jpeg(colour.convert("CMYK"), quality=95), 0xEE)
odd("cmyk_without_adobe.jpg", cmyk)
for transform, name in [(0, "adobe0"), (2, "ycck"), (3, "adobe3")]:
    odd(f"{name}.jpg", cmyk[:2] + files.segment(0xEE, b"Adobe\0d\0\0\0\0" + bytes([transform])) + cmyk[2:])
for name, notes in {"exif_long": [files.EXIF + files.orientation(6, ">", 4)], "xmp": [files.XMP + files.xmp(6)],
                    "exif_before_xmp": [files.XMP + files.xmp(3), files.EXIF + six],
                    "other_exif_xmp": [files.EXIF + files.tiff([(271, 2, 2, b"a\0")]), files.XMP + files.xmp(8)]}.items():
    odd(f"{name}.jpg", files.jpeg(colour, [files.segment(0xE1, note) for note in notes], quality=90))

raw, packed = files.rows(rgb), zlib.compress(files.rows(rgb))
rgba = np.concatenate([rgb, alpha], -1)
zipped = files.chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(files.raw_profile(files.EXIF + six)))
for name, chunks in {"exif_prefix": [files.chunk(b"eXIf", files.EXIF + six)],
                     "two_exif": [files.chunk(b"eXIf", three), files.chunk(b"eXIf", six)],
                     "raw_profile": [zipped], "xmp": [files.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + files.xmp(6))],
                     "palette_in_rgb": [files.chunk(b"PLTE", b"abcd")]}.items():
    odd(f"{name}.png", files.png((w, h), 8, 2, raw, chunks))
odd("rgba_with_trns.png", files.png((w, h), 8, 6, files.rows(rgba), [files.chunk(b"tRNS", b"\0a\0b\0c")]))
odd("bytes_behind_zlib.png", files.png((w, h), 8, 2, None, packed=packed + b"more"))
odd("too_many_rows.png", files.png((w, h), 8, 2, raw + b"\0" * (1 + 3 * w) * 40))
odd("no_iend.png", files.png((w, h), 8, 2, raw, end=False))
sound = files.png((w, h), 8, 2, raw)
odd("idat_crc.png", sound.replace(struct.pack(">I", zlib.crc32(b"IDAT" + packed)), b"abcd"))
odd("iend_crc.png", sound[:-1] + b"x")
odd("text_crc_behind.png", files.png((w, h), 8, 2, raw, behind=[files.chunk(b"tEXt", b"a\0b", 1)]))
odd("no_adler.png", files.png((w, h), 8, 2, None, packed=packed[:-4]))
odd("part_of_adler.png", files.png((w, h), 8, 2, None, packed=packed[:-1]))
odd("cut_in_adler.png", sound[:-12 - 4 - 2])
odd("cut_in_crc.png", sound[:-12 - 2])
odd("palette_too_short.png", files.png((w, h), 8, 3, files.rows(rgb[..., 0] % 4), [files.chunk(b"PLTE", b"abcdef")]))

# Arithmetic coding, a chroma sample for four pixels of a row, several pictures in a file: the first one is read.
ppm = b"P6 %d %d 255\n" % (w, h) + rgb.tobytes()
for name, options in {"arithmetic": ["-arithmetic"], "arithmetic_progressive": ["-arithmetic", "-progressive"],
                      "rgb411": ["-sample", "4x1"], "rgb440": ["-sample", "1x2"]}.items():
    odd(f"{name}.jpg", subprocess.run(["cjpeg", "-quality", "90", *options], input=ppm, stdout=subprocess.PIPE, check=True).stdout)
second = Image.fromarray(255 - rgb)
for name, kind, options in [("mpo.jpg", "MPO", dict(quality=90)), ("apng.png", "PNG", dict(duration=100)),
                            ("apng_hidden.png", "PNG", dict(duration=100, default_image=True))]:
    several = io.BytesIO()
    colour.save(several, kind, save_all=True, append_images=[second, colour], **options)
    odd(name, several.getvalue())

# Refused there too.
(out / "short_trns.png").write_bytes(files.png((w, h), 8, 2, raw, [files.chunk(b"tRNS", b"abc")]))
(out / "text_crc.png").write_bytes(files.png((w, h), 8, 2, raw, [files.chunk(b"tEXt", b"a\0b", 1)]))
(out / "cut_in_data.png").write_bytes(sound[:-12 - 4 - 9])
(out / "bad_adler.png").write_bytes(files.png((w, h), 8, 2, None, packed=packed[:-1] + bytes([packed[-1] ^ 1])))

save_file(expected, out / "expected.safetensors")

# JPEGs at 1/2, 1/4 and 1/8 of their size.
draft = {}
for name in ("rgb.jpg", "rgb444.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "orientation6.jpg"):
    for denominator, side in ((2, 4), (4, 2), (8, 1)):
        read = Image.open(out / name)
        read.draft(read.mode, (side, side))
        read = ImageOps.exif_transpose(read)
        pixels = np.asarray(read.convert("L" if read.mode == "L" else "RGB"))
        draft[f"{name}/{denominator}"] = np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))
save_file(draft, out / "draft.safetensors")
