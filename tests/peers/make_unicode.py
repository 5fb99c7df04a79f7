#!/usr/bin/env python3
"""Writes nn/text/canonical_tables.cpp and nn/text/case_tables.cpp from Python's unicodedata, and prints the check number
that tests/nn/text/normalize_test.cpp compares with.

    make_unicode.py        (written with Python 3.11: Unicode 14)
"""

import sys
import unicodedata
from pathlib import Path

TEXT = Path(__file__).parents[2] / "nn" / "text"
CODES = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def rows(values, per_line):
    items = ["{" + ", ".join(f"{v:#x}" for v in value) + "}" for value in values]
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return ",\n    ".join(lines)


def source(file, tables):
    head = f"// Made by tests/peers/make_unicode.py: Unicode {unicodedata.unidata_version}.\n"
    body = "\n\n".join(
        f"const {kind} k{name}[] = {{\n    {rows(values, per_line)}}};\nconst size_t k{name}Count = std::size(k{name});"
        for kind, name, values, per_line in tables
    )
    text = (
        f'{head}#include <cstddef>\n#include <iterator>\n\n#include "nn/text/detail/unicode_tables.h"\n\n'
        f"namespace papilio::nn::unicode {{\n\n// clang-format off\n{body}\n// clang-format on\n\n"
        "}  // namespace papilio::nn::unicode\n"
    )
    (TEXT / file).write_text(text)


def runs(values):
    """(code, value) as [first, last, value]."""
    found = []
    for code, value in values:
        if found and found[-1][1] + 1 == code and found[-1][2] == value:
            found[-1][1] = code
        else:
            found.append([code, code, value])
    return found


def lower_runs():
    """[first, last, step, distance modulo 2^32]."""
    found = []
    for code in CODES:
        lower = chr(code).lower()
        if len(lower) != 1 or ord(lower) == code:
            continue
        distance = (ord(lower) - code) % 2**32
        last = found[-1] if found else None
        if last and last[3] == distance and (step := code - last[1]) in (1, 2) and last[2] in (0, step):
            last[1], last[2] = code, step
        else:
            found.append([code, code, 0, distance])
    return [[a, b, step or 1, d] for a, b, step, d in found]


def decompositions():
    """[code, first, second or 0, whether they compose to it again]."""
    for code in CODES:
        parts = unicodedata.decomposition(chr(code)).split()
        if not parts or parts[0].startswith("<"):
            continue
        first, second = int(parts[0], 16), int(parts[1], 16) if len(parts) > 1 else 0
        composes = second != 0 and unicodedata.normalize("NFC", chr(first) + chr(second)) == chr(code)
        yield [code, first, second, int(composes)]


def check_number():
    """FNV-1a over every character's NFC and lower case."""
    value = 0xCBF29CE484222325
    for code in CODES:
        for byte in unicodedata.normalize("NFC", chr(code)).lower().encode() if code != 0x3A3 else "σ".encode():
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


if __name__ == "__main__":
    canonical = list(decompositions())
    classes = runs((c, unicodedata.combining(chr(c))) for c in CODES if unicodedata.combining(chr(c)))
    source("canonical_tables.cpp", [
        ("Decomposition", "Decompositions", canonical, 7), ("CombiningClass", "CombiningClasses", classes, 6),
    ])
    source("case_tables.cpp", [("LowerRun", "LowerRuns", lower_runs(), 5)])
    print(f"{len(canonical)} decompositions, check number {check_number():#x}", file=sys.stderr)
