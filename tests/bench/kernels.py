#!/usr/bin/env python3
"""What compilers know of the CUDA kernels without a GPU: registers, spills, shared memory, occupancy.

    tests/bench/kernels.py [--out FILE] [--check] [--architectures 7.5,9.0] [--jobs N]

Compiles kernels/cuda/*.cu once for each architecture (results are kept in build/kernels until a source changes) and
writes one table, with what the kernels of a training step move and compute at three sizes and the time that a named
card cannot go below. Exits with 1 if a kernel of a training step spills registers. --check: only that, and only those
files, for the first architecture given (9.0).
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build/kernels"

# Limits of one multiprocessor: registers, threads, bytes of shared memory, blocks (CUDA C++ Programming Guide, table
# "Technical Specifications per Compute Capability"). A block takes 1 KiB of shared memory for itself from 8.0 on.
LIMITS = {"7.5": (65536, 1024, 65536, 16, 0), "8.0": (65536, 2048, 167936, 32, 1024), "8.9": (65536, 1536, 102400, 24, 1024),
          "9.0": (65536, 2048, 233472, 32, 1024), "10.0": (65536, 2048, 233472, 32, 1024),
          "12.0": (65536, 1536, 102400, 24, 1024)}
THREADS = 256  # of a block, for the occupancy

# Files whose kernels run in every training step; a spill there is an error.
HOT = ["adamw_8bit", "attention", "bias_gelu", "boft_linear", "butterfly_mma", "butterfly_rotation", "cayley", "copy",
       "cross_entropy", "dropout", "layer_norm", "mse_loss", "optim", "segment_outer", "softmax"]

# The card of the bounds: bytes and float32 operations a second (NVIDIA H200 SXM, data sheet).
CARD, BANDWIDTH, OPERATIONS = "H200 SXM", 4.8e12, 67e12
# rows, d, hidden, heads, tokens, images: digits, ViT-S/16 and ViT-B/16 at 224 pixels.
SIZES = {"digits, batch 128": (2176, 64, 256, 4, 17, 128), "ViT-S/16, batch 128": (25216, 384, 1536, 6, 197, 128),
         "ViT-B/16, batch 128": (25216, 768, 3072, 12, 197, 128)}
# Bytes and operations of one call in float32, from (rows R, d, hidden I, heads H, tokens T, images B).
B, M = 4, 2  # of BOFT
WORK = {
    "butterfly_rotation": lambda R, d, I, H, T, N: (8 * R * d, 2 * B * M * R * d),
    "butterfly_rotation_backward": lambda R, d, I, H, T, N: (12 * R * d, 3 * 2 * B * M * R * d),
    "segment_outer": lambda R, d, I, H, T, N: (8 * R * d, 2 * (B << (M - 1)) * R * d),
    "scale_gradient_sums": lambda R, d, I, H, T, N: (8 * R * d, 5 * R * d),
    "cayley": lambda R, d, I, H, T, N: (8 * M * d * B, M * (d // B) * 8 * B**3 // 3),
    "layer_norm": lambda R, d, I, H, T, N: (8 * R * d, 8 * R * d),
    "layer_norm_backward": lambda R, d, I, H, T, N: (12 * R * d, 14 * R * d),
    "bias_gelu": lambda R, d, I, H, T, N: (8 * R * I, 20 * R * I),
    "bias_gelu_backward": lambda R, d, I, H, T, N: (12 * R * I, 30 * R * I),
    "attention": lambda R, d, I, H, T, N: (16 * R * d, 4 * R * T * d),
    "attention_backward": lambda R, d, I, H, T, N: (32 * R * d, 10 * R * T * d),
    "adamw (all weights)": lambda R, d, I, H, T, N: (28 * 12 * (4 * d * d + 2 * d * I), 15 * 12 * (4 * d * d + 2 * d * I)),
}


def nvcc():
    found = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    if not Path(found).exists():
        sys.exit("kernels: nvcc is not here")
    return found


def sources_of(file, seen=None):
    """A file and all of ours that it includes."""
    seen = {} if seen is None else seen
    if file in seen:
        return seen
    seen[file] = file.read_bytes()
    for name in re.findall(rb'#include "([^"]+)"', seen[file]):
        if (ROOT / name.decode()).exists():
            sources_of(ROOT / name.decode(), seen)
    return seen


def compile_one(compiler, file, architecture):
    """[{kernel, registers, stores, loads, shared}] of one file, from ptxas."""
    command = [compiler, "-std=c++20", "-O3", "--expt-relaxed-constexpr", "-diag-suppress=554", f"-I{ROOT}", "-cubin",
               "-arch=sm_" + architecture.replace(".", ""), "-Xptxas", "-v", "-o", "/dev/null", str(file)]
    text = " ".join(command[1:]).replace(str(ROOT), "").encode()
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(text + version + b"".join(sources_of(file).values())).hexdigest()[:16]
    kept = CACHE / f"{file.stem}-{architecture}-{digest}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"kernels: {' '.join(command)}\n{done.stderr}")
    found, kernel = [], None
    for line in done.stderr.splitlines():
        if entry := re.search(r"Compiling entry function '(\w+)'", line):
            kernel = {"kernel": entry[1], "stores": 0, "loads": 0, "stack": 0, "registers": 0, "shared": 0}
            found.append(kernel)
        elif kernel and (spill := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads",
                                            line)):
            kernel["stack"], kernel["stores"], kernel["loads"] = map(int, spill.groups())
        elif kernel and (used := re.search(r"Used (\d+) registers", line)):
            kernel["registers"] = int(used[1])
            shared = re.search(r"(\d+) bytes smem", line)
            kernel["shared"] = int(shared[1]) if shared else 0
    names = subprocess.run(["c++filt"], input="\n".join(k["kernel"] for k in found), capture_output=True, text=True,
                           check=True).stdout.splitlines()
    for kernel, name in zip(found, names):
        kernel["kernel"] = readable(name)
    CACHE.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(found))
    return found


def readable(name):
    """The function's own name and template arguments: of "void papilio::cuda::(anonymous ...)::f<X>(Y)", "f<X>"."""
    name = re.sub(r"\(anonymous namespace\)|_GLOBAL__N__\w+", "", name)
    name = name.removeprefix("void ")
    depth = 0
    for at, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            name = name[:at]
            break
    return re.sub(r"(\w*::)+", "", name)


def occupancy(kernel, architecture):
    """Warps that a multiprocessor holds, of the most it could, in blocks of THREADS without dynamic shared memory."""
    registers, threads, shared, blocks, own = LIMITS[architecture]
    per_warp = -(-kernel["registers"] * 32 // 256) * 256  # allocated in units of 256
    by_registers = registers // per_warp // (THREADS // 32) if per_warp else blocks
    by_shared = shared // (kernel["shared"] + own) if kernel["shared"] + own else blocks
    return min(blocks, threads // THREADS, by_registers, by_shared) * THREADS / threads


def resources(found, architectures):
    """One row a kernel: its instances' most registers and shared memory, least occupancy; spills are said."""
    lines = ["| file | kernel | instances | " + " | ".join(architectures) + " |",
             "|---|---|---:|" + "---:|" * len(architectures)]
    for file in sorted({f for f, _ in found}):
        rows = {}
        for architecture in architectures:
            for kernel in found[file, architecture]:
                base = kernel["kernel"].split("<")[0]
                rows.setdefault(base, {}).setdefault(architecture, []).append(kernel)
        for base, by in sorted(rows.items()):
            cells = []
            for architecture in architectures:
                kernels = by.get(architecture, [])
                if not kernels:
                    cells.append("")
                    continue
                spilt = max(k["stores"] + k["loads"] for k in kernels)
                cells.append(f"{max(k['registers'] for k in kernels)} r, {max(k['shared'] for k in kernels)} B, "
                             f"{100 * min(occupancy(k, architecture) for k in kernels):.0f} %"
                             + (f", **spills {spilt} B**" if spilt else ""))
            count = max(len(kernels) for kernels in by.values())
            lines.append(f"| {file} | {base} | {count} | " + " | ".join(cells) + " |")
    return lines


def bounds():
    lines = ["| kernel | " + " | ".join(SIZES) + " |", "|---|" + "---:|" * len(SIZES)]
    for kernel, work in WORK.items():
        cells = []
        for size in SIZES.values():
            moved, computed = work(*size)
            by_memory, by_operations = moved / BANDWIDTH, computed / OPERATIONS
            which = "memory" if by_memory >= by_operations else "operations"
            cells.append(f"{moved / 1e6:.2f} MB, {computed / 1e6:.0f} Mop: {1e6 * max(by_memory, by_operations):.1f} us ({which})")
        lines.append(f"| {kernel} | " + " | ".join(cells) + " |")
    return lines


def spills(found):
    return [f"{file}.cu for {architecture}: {k['kernel']} spills {k['stores']} bytes of stores, {k['loads']} of loads"
            for (file, architecture), kernels in sorted(found.items()) if file in HOT
            for k in kernels if k["stores"] or k["loads"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "tests/bench/results/kernels.md")
    parser.add_argument("--check", action="store_true", help="only look for spills, in the files of a training step")
    parser.add_argument("--architectures", default="", help="of " + ",".join(LIMITS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    architectures = arguments.architectures.split(",") if arguments.architectures else ["9.0"] if arguments.check else list(LIMITS)
    if unknown := [a for a in architectures if a not in LIMITS]:
        sys.exit(f"kernels: --architectures: expected some of {', '.join(LIMITS)}, got {unknown[0]}")
    compiler = nvcc()
    files = sorted((ROOT / "kernels/cuda").glob("*.cu"))
    if arguments.check:
        files = [f for f in files if f.stem in HOT]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        tasks = {(f.stem, a): pool.submit(compile_one, compiler, f, a) for f in files for a in architectures}
        found = {key: task.result() for key, task in tasks.items()}
    if not arguments.check:
        version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
        release = re.search(r"release ([\d.]+)", version)[1]
        lines = ["# The CUDA kernels as they are compiled", "",
                 f"By `./dev kernels`, nvcc {release}. No GPU was asked: these are predictions, to compare the first run with.", "",
                 f"Registers of a thread, static shared memory of a block, and the share of a multiprocessor's warps that "
                 f"blocks of {THREADS} threads leave running (dynamic shared memory, which some launches add, left out); of "
                 "a kernel's instances (dtypes, sizes) the worst.", "",
                 *resources(found, architectures), "",
                 f"## What a call moves and computes, and the least time on an {CARD}", "",
                 f"In float32; each array counted once. {BANDWIDTH / 1e12:.1f} TB/s and {OPERATIONS / 1e12:.0f} TFLOP/s (data "
                 f"sheet). BOFT with b = {B}, m = {M}.", "", *bounds()]
        arguments.out.write_text("\n".join(lines) + "\n")
        print(arguments.out)
    bad = spills(found)
    print(*bad, sep="\n", end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
