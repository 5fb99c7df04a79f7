"""Pictures that Pillow reads, and those that it refuses, beside Papilio: some hundred JPEG and PNG files, right and odd,
made here; and resizing by every filter. Prints one table and fails if something differs.

    python tests/peers/compare_pictures.py build/release/tests/peers/papilio_pictures"""
import collections
import io
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save_file
from safetensors import safe_open

from picture_files import (EXIF, XMP, chunk, jpeg, markers, orientation, packed_rows, png, raw_profile, read, rows,
                           segment, tiff, without, xmp)

program = sys.argv[1]
rng = np.random.default_rng(0)
cases = {}  # name: (group, bytes, what is right: Pillow's pixels, "refused", or other bytes with the same pixels)


def add(group, data, right="pillow"):
    cases[f"{len(cases):04}"] = (group, data, right)


def picture(height, width, channels=3):
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([127 + 90 * np.sin(x / 3 + c) * np.cos(y / (2 + c)) for c in range(channels)], -1)
    return np.clip(waves + rng.normal(0, 20, waves.shape), 0, 255).astype(np.uint8)


def image(height, width, mode="RGB"):
    channels = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    pixels = picture(height, width, channels)
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode)


sizes = [(1, 1), (5, 7), (9, 13), (16, 16), (17, 33)]

# JPEG: every kind of compression.
for height, width in sizes:
    for mode in ["L", "RGB", "CMYK"]:
        for options in [{}, {"progressive": True}, {"optimize": True, "quality": 30}, {"restart_marker_blocks": 1}]:
            add("jpeg " + mode, jpeg(image(height, width, mode), **{"quality": 90, **options}))
    for subsampling in ["4:4:4", "4:2:2", "4:2:0", "4:1:1"]:
        add("jpeg subsampling", jpeg(image(height, width), quality=85, subsampling=subsampling))
    add("jpeg rgb", jpeg(image(height, width), keep_rgb=True))

# Colours as Adobe's marker says, says wrongly, or does not say.
for mode in ["RGB", "CMYK"]:
    for height, width in sizes[1:]:
        data = without(without(jpeg(image(height, width, mode), quality=95), 0xEE), 0xE0)
        add("jpeg without Adobe " + mode, data)
        for transform in range(4):
            adobe = segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform))
            add("jpeg Adobe " + mode, data[:2] + adobe + data[2:])

# Bytes where none belong; versions; what is cut off.
clean = jpeg(image(9, 13), quality=90)
for place, _ in markers(clean)[1:]:
    for junk in [b"x", b"\0\0\0", b"abc" * 10]:
        add("jpeg bytes between markers", clean[:place] + junk + clean[place:], clean)
for junk in [b"x", b"\0" * 7]:
    add("jpeg bytes before EOI", clean[:-2] + junk + clean[-2:], clean)
    add("jpeg bytes behind EOI", clean + junk, clean)
for major in [0, 1, 2, 9]:
    add("jpeg JFIF version", clean.replace(b"JFIF\0\1", b"JFIF\0" + bytes([major])), clean)
for cut in [2, 3, 10, 50]:
    add("jpeg cut", clean[:-cut], "refused")
mpo = io.BytesIO()
image(9, 13).save(mpo, "MPO", save_all=True, append_images=[image(9, 13)])
add("jpeg MPO", mpo.getvalue())

# Orientation.
small = Image.fromarray(picture(5, 8))
for value in range(0, 10):
    for endian in "<>":
        for kind in [3, 4, 5, 8, 9, 10, 11, 12, 13, 16]:
            add("exif types", jpeg(small, [segment(0xE1, EXIF + orientation(value, endian, kind))]))
    add("xmp", jpeg(small, [segment(0xE1, XMP + xmp(value))]))
    element = f"<tiff:Orientation>{value}</tiff:Orientation>".encode()
    add("xmp", jpeg(small, [segment(0xE1, XMP + element)]))
    for first in [1, 6]:
        add("exif and xmp", jpeg(small, [segment(0xE1, XMP + xmp(value)), segment(0xE1, EXIF + orientation(first))]))
    add("xmp and other exif", jpeg(small, [segment(0xE1, EXIF + tiff([(0x0131, 2, 2, b"a\0")])),
                                           segment(0xE1, XMP + xmp(value))]))
six, three = orientation(6), orientation(3)
short = lambda v: struct.pack("<H", v)  # noqa: E731
for entries in [[(274, 3, 0, short(6))], [(274, 3, 2, short(6) + short(3))], [(274, 3, 3, short(6) * 3)],
                [(274, 3, 1, short(6)), (274, 3, 1, short(1))], [(274, 3, 1, short(1)), (274, 3, 1, short(6))],
                [(274, 99, 1, short(1)), (274, 3, 1, short(6))], [(274, 1, 1, b"\6")], [(274, 2, 2, b"6\0")],
                [(274, 7, 1, b"\6")], [(271, 2, 20, b"c" * 20), (274, 3, 1, short(8)), (282, 5, 1, b"\1" * 8)]]:
    add("exif entries", jpeg(small, [segment(0xE1, EXIF + tiff(entries))]))
for data in [EXIF + six, six[:20], six[:22], tiff([(274, 3, 1, short(6))], directory=20), b"II*\0", b"",
             tiff([(274, 3, 1, struct.pack(">H", 6))], ">", b"MM*\0"), tiff([(274, 3, 1, short(6))], "<", b"II\0*")]:
    add("exif forms", jpeg(small, [segment(0xE1, EXIF + data)]))
add("exif segments", jpeg(small, [segment(0xE1, EXIF + six), segment(0xE1, EXIF + three)]))
add("exif segments", jpeg(small, [segment(0xE1, EXIF + six[:12]), segment(0xE1, EXIF + six[12:])]))
for text in [xmp(6) + b" ", xmp("66"), b"<x tiff:Orientation='6'/>", b"<x tiff:Orientation=\"a\" tiff:Orientation=\"6\"/>"]:
    add("xmp", jpeg(small, [segment(0xE1, XMP + xmp(3)), segment(0xE1, XMP + text)]))
for faulty in [b"garbage123", b"II", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff" + b"\1" * 30]:
    upright = jpeg(small)
    add("faulty exif", jpeg(small, [segment(0xE1, EXIF + faulty)]), upright)

# PNG: every kind of pixel.
for height, width in sizes:
    for depth in [1, 2, 4]:
        values = rng.integers(0, 2**depth, (height, width), dtype=np.uint8)
        packed = packed_rows(values, depth)
        add(f"png grey {depth}", png((width, height), depth, 0, packed))
        palette = chunk(b"PLTE", rng.bytes(3 * 2**depth))
        add(f"png palette {depth}", png((width, height), depth, 3, packed, [palette]))
        add(f"png palette {depth}", png((width, height), depth, 3, packed, [palette, chunk(b"tRNS", b"\0\x80")]))
        add("png palette too short", png((width, height), depth, 3, packed, [chunk(b"PLTE", rng.bytes(3))]))
    for color, channels in [(0, 1), (2, 3), (4, 2), (6, 4)]:
        for depth, kind in [(8, np.uint8), (16, ">u2")]:
            if (color, depth) == (0, 16):
                continue  # Pillow clips these; see image.h
            values = rng.integers(0, 2**depth, (height, width, channels)).astype(kind)
            add(f"png {channels} channels of {depth} bits", png((width, height), depth, color, rows(values)))
            passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
            parts = [np.ascontiguousarray(values[y::dy, x::dx]) for x, y, dx, dy in passes]
            woven = b"".join(rows(part) for part in parts if part.size)
            add("png interlaced", png((width, height), depth, color, woven, interlaced=1))
for kind in range(5):  # filters: what their differences come to is up to the reader
    add("png filters", png((13, 9), 8, 2, rows(picture(9, 13), kind)))
apng = io.BytesIO()
image(9, 13).save(apng, "PNG", save_all=True, append_images=[image(9, 13)])
add("png animated", apng.getvalue())

# PNG: chunks that say nothing about pixels, or say it wrongly.
colours = picture(9, 13)
raw, size = rows(colours), (13, 9)
data, plain = zlib.compress(raw), png(size, 8, 2, raw)
rgba = np.concatenate([colours, picture(9, 13, 1)], -1)
for before in [b"\0a\0b\0c", b"a"]:
    add("png RGBA with tRNS", png(size, 8, 6, rows(rgba), [chunk(b"tRNS", before)]), plain)
    add("png grey and alpha with tRNS", png(size, 8, 4, rows(rgba[..., 2:]), [chunk(b"tRNS", before)]))
for color, length in [(0, 1), (0, 0), (2, 5), (2, 0)]:
    add("png short tRNS", png(size, 8, color, rows(colours if color else colours[..., :1]),
                              [chunk(b"tRNS", b"a" * length)]), "refused")
for length in [6, 9]:
    add("png tRNS", png(size, 8, 2, raw, [chunk(b"tRNS", b"\0" * length)]), plain)
for palette in [b"", b"abcd", b"abc", b"abc" * 300]:
    add("png PLTE in RGB", png(size, 8, 2, raw, [chunk(b"PLTE", palette)]), plain)
    add("png PLTE in grey", png(size, 8, 0, rows(colours[..., :1]), [chunk(b"PLTE", palette)]))
for tail in [b"x", b"xyz" * 50]:
    add("png bytes behind zlib's end", png(size, 8, 2, None, packed=data + tail), plain)
for more in [1, 3, 300]:
    for kind in [b"\0", b"\7"]:
        add("png too many rows", png(size, 8, 2, raw + (kind + b"\1" * 39) * more), plain)
add("png no IEND", png(size, 8, 2, raw, end=False), plain)
add("png no IEND", plain[:-5], plain)
add("png no IEND", png(size, 8, 2, raw, end=False) + b"garbage, garbage", plain)
add("png other chunks", png(size, 8, 2, raw, [chunk(b"ABCD", b"x"), chunk(b"abCd", b"")], [chunk(b"tEXt", b"a\0b")]), plain)
add("png empty IDAT", png(size, 8, 2, None, packed=data[:9], behind=[chunk(b"IDAT", b""), chunk(b"IDAT", data[9:])]), plain)
add("png bad Adler", png(size, 8, 2, None, packed=data[:-1] + bytes([data[-1] ^ 1])), "refused")
add("png bad CRC", png(size, 8, 2, raw, [chunk(b"tEXt", b"a\0b", 1)]), "refused")
add("png bad CRC of IDAT", plain.replace(struct.pack(">I", zlib.crc32(b"IDAT" + data)), b"abcd"), plain)
add("png bad CRC behind IDAT", plain[:-1] + b"x", plain)
add("png bad CRC behind IDAT", png(size, 8, 2, raw, behind=[chunk(b"tEXt", b"a\0b", 1)]), plain)
for cut in range(1, 5):
    add("png part of Adler", png(size, 8, 2, None, packed=data[:-cut]), plain)
    add("png part of Adler", png(size, 8, 2, None, packed=data[:-cut], end=False)[:-4], plain)
    add("png part of CRC", png(size, 8, 2, raw, end=False)[:-cut], plain)
add("png Adler alone", png(size, 8, 2, None, packed=data[:-4], behind=[chunk(b"IDAT", data[-4:], 1)]), plain)
add("png cut", png(size, 8, 2, None, packed=data[:-20]), "refused")
add("png cut", plain[:-40], "refused")
add("png divided IDAT", png(size, 8, 2, None, packed=data[:9], behind=[chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", data[9:])]),
    "refused")
add("png unknown filter", png(size, 8, 2, rows(colours, 9)), "refused")
for note in [six, EXIF + six]:
    add("png eXIf", png(size, 8, 2, raw, [chunk(b"eXIf", note)]))
    add("png eXIf behind", png(size, 8, 2, raw, [], [chunk(b"eXIf", note)]))
    add("png two eXIf", png(size, 8, 2, raw, [chunk(b"eXIf", note), chunk(b"eXIf", three)]))
    add("png two eXIf", png(size, 8, 2, raw, [chunk(b"eXIf", three), chunk(b"eXIf", note)]))
    profile = raw_profile(note)
    for name in [b"Raw profile type exif", b"Raw profile type APP1"]:
        texts = [chunk(b"zTXt", name + b"\0\0" + zlib.compress(profile)), chunk(b"tEXt", name + b"\0" + profile),
                 chunk(b"iTXt", name + b"\0\0\0\0\0" + profile),
                 chunk(b"iTXt", name + b"\0\1\0en\0x\0" + zlib.compress(profile))]
        for text in texts:
            add("png raw profile", png(size, 8, 2, raw, [text]))
            add("png raw profile", png(size, 8, 2, raw, [], [text]))
            add("png raw profile and eXIf", png(size, 8, 2, raw, [text, chunk(b"eXIf", three)]))
    add("png text exif", png(size, 8, 2, raw, [chunk(b"tEXt", b"exif\0" + note)]))
for value in range(10):
    key = b"XML:com.adobe.xmp"
    for text in [chunk(b"iTXt", key + b"\0\0\0\0\0" + xmp(value)), chunk(b"tEXt", key + b"\0" + xmp(value)),
                 chunk(b"zTXt", key + b"\0\0" + zlib.compress(xmp(value)))]:
        add("png xmp", png(size, 8, 2, raw, [text]))
    add("png xmp and eXIf", png(size, 8, 2, raw, [text, chunk(b"eXIf", six)]))
for profile in [b"\nexif\n3\nxyz\n", b"no lines", raw_profile(six)[:-2]]:
    add("png faulty raw profile",
        png(size, 8, 2, raw, [chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile))]), plain)


def compare_files(folder):
    (folder / "in").mkdir()
    for name, (_, data, _) in cases.items():
        (folder / "in" / name).write_bytes(data)
    subprocess.run([program, "decode", folder / "in", folder / "out"], check=True)
    got = load_file(folder / "out")
    with safe_open(folder / "out", "np") as file:
        refused = file.metadata() or {}
    counts, wrong = collections.Counter(), []
    for name, (group, data, right) in cases.items():
        counts[group] += 1
        if right == "refused":
            good = name in refused
        elif name in refused:
            good = False
        else:
            mode = "L" if got[name].shape[2] == 1 else "RGB"
            want = read(data if right == "pillow" else right, mode)
            good = want.shape == got[name].shape and (want == got[name]).all()
        if not good:
            wrong.append(f"{name} {group}: {refused.get(name, 'other pixels')}")
    return counts, wrong


def compare_sizes(folder):
    kinds = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
    pictures = {f"{h}x{w}": picture(h, w) for h, w in [(17, 23), (48, 48), (7, 64), (61, 50)]}
    save_file(pictures, folder / "pictures")
    lines = []
    for name in pictures:
        for kind in kinds:
            for _ in range(40 if kind == "nearest" else 12):
                height, width = rng.integers(1, 100, 2)
                lines.append(f"{name} {kind} {height} {width}")
    (folder / "cases").write_text("\n".join(lines))
    subprocess.run([program, "resize", folder / "pictures", folder / "cases", folder / "sizes"], check=True)
    got, counts, wrong = load_file(folder / "sizes"), collections.Counter(), []
    for line in lines:
        name, kind, height, width = line.split()
        want = np.asarray(Image.fromarray(pictures[name]).resize((int(width), int(height)), kinds[kind]))
        counts["resize " + kind] += 1
        if not (want == got[line]).all():
            wrong.append(line)
    return counts, wrong


with tempfile.TemporaryDirectory() as folder:
    counts, wrong = compare_files(Path(folder))
    more, also = compare_sizes(Path(folder))
for group, count in (counts + more).items():
    print(f"{count:5}  {group}")
print(f"{sum(counts.values())} files and {sum(more.values())} sizes compared with Pillow, {len(wrong + also)} differ")
print("\n".join(wrong + also))
sys.exit(bool(wrong + also))
