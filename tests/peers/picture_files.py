"""Bytes of pictures, right and wrong: TIFF structures, JPEG segments, PNG chunks."""
import io
import struct
import zlib

import numpy as np
from PIL import Image

EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


def tiff(entries, endian="<", magic=None, directory=8):
    """entries: (tag, type, count, bytes of the values)."""
    head = (b"II*\0" if endian == "<" else b"MM\0*") if magic is None else magic
    body = struct.pack(endian + "I", directory) + b"\0" * (directory - 8) + struct.pack(endian + "H", len(entries))
    behind, extra = directory + 2 + 12 * len(entries) + 4, b""
    for tag, kind, count, data in entries:
        if len(data) > 4:
            body += struct.pack(endian + "HHII", tag, kind, count, behind + len(extra))
            extra += data
        else:
            body += struct.pack(endian + "HHI", tag, kind, count) + data.ljust(4, b"\0")
    return head + body + b"\0" * 4 + extra


def orientation(value, endian="<", kind=3):
    forms = {3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I", 16: "Q"}
    values = (value, 1) if kind in (5, 10) else (value,)
    return tiff([(0x0112, kind, 1, struct.pack(endian + forms[kind], *values))], endian)


def xmp(value):
    return f'<x:xmpmeta><rdf:Description tiff:Orientation="{value}"/></x:xmpmeta>'.encode()


def raw_profile(data, name="exif"):
    text = data.hex()
    lines = "\n".join(text[i:i + 72] for i in range(0, len(text), 72))
    return f"\n{name}\n{len(data):8}\n{lines}\n".encode()


def segment(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(image, segments=(), **options):
    """The picture as JPEG, with segments behind its beginning."""
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    data = out.getvalue()
    return data[:2] + b"".join(segments) + data[2:]


def markers(data):
    """(place, marker) of each segment up to the scan."""
    at, found = 2, []
    while data[at + 1] != 0xDA:
        found.append((at, data[at + 1]))
        at += 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
    return found + [(at, 0xDA)]


def without(data, marker):
    """The file without its segments of that kind."""
    places = markers(data)
    ends = [place for place, _ in places[1:]] + [places[-1][0]]
    kept = [data[a:b] for (a, m), b in zip(places, ends) if m not in (marker, 0xDA)]
    return data[:2] + b"".join(kept) + data[places[-1][0]:]


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def rows(array, kind=0):
    return b"".join(bytes([kind]) + row.tobytes() for row in array)


def packed_rows(array, depth):
    bits = np.unpackbits(array.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth:]
    return rows(np.packbits(bits.reshape(len(array), -1), axis=-1))


def png(size, depth, color, raw, before=(), behind=(), packed=None, end=True, interlaced=0):
    """size: width, height. before, behind: chunks around the IDAT; packed: its data as it is."""
    header = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, interlaced)
    data = zlib.compress(raw) if packed is None else packed
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(before) + chunk(b"IDAT", data) +
            b"".join(behind) + (chunk(b"IEND", b"") if end else b""))


def read(data, mode):
    """What Pillow makes of it: (H, W, C), or an exception."""
    from PIL import ImageOps
    image = Image.open(io.BytesIO(data))
    image.load()
    pixels = np.asarray(ImageOps.exif_transpose(image).convert(mode))
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))
