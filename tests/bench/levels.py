#!/usr/bin/env python3
"""Kernels chosen by level beside those for this machine alone, by the Python packages of two builds.

    tests/bench/levels.py NATIVE LEVELS [--rounds N]

NATIVE, LEVELS: the folders above papilio/, such as build/release/samples/python and build/wheel-3.11/samples/python, whose
Python this is. In turns, N processes of each: one thread's processor time, of which the shortest counts. Prints a table, and
fails if a row takes more than 5 % longer by level.
"""

import argparse
import json
import os
import subprocess
import sys
import time

ALLOWED = 0.05


def shortest(f, seconds=0.4):
    """Milliseconds."""
    f()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.process_time()
        f()
        best = min(best, time.process_time() - begin)
    return 1e3 * best


def measured():
    """Of the shapes of ViT-S/16, 224 pixels, batch 8."""
    import papilio as pp

    pp.set_num_threads(1)
    rows, d, hidden = 1576, 384, 1536
    x, h, w, dy = pp.randn((rows, d)), pp.randn((rows, hidden)), pp.randn((hidden, d)), pp.ones((rows, d))
    gain, bias, heads = pp.ones((d,)), pp.zeros((d,)), pp.randn((8, 6, 197, 64))
    images, filters = pp.randn((8, 3, 224, 224)), pp.randn((d, 3, 16, 16))
    times = {}
    for b, m in ((4, 2), (8, 1), (32, 1)):
        r = pp.randn((m, d // b, b, b))
        q = pp.cayley(r)

        def both():
            a, k = x.detach().requires_grad_(), q.detach().requires_grad_()
            pp.butterfly_rotation(a, k).backward(dy)

        times[f"cayley, b = {b}"] = shortest(lambda: pp.cayley(r))
        times[f"rotation, b = {b}, m = {m}"] = shortest(lambda: pp.butterfly_rotation(x, q))
        times[f"rotation, b = {b}, m = {m}, and back"] = shortest(both)
    others = {
        "layer_norm": lambda: pp.layer_norm(x, gain, bias),
        "softmax": lambda: pp.softmax(h),
        "gelu": lambda: pp.gelu(h),
        "attention": lambda: pp.scaled_dot_product_attention(heads, heads, heads),
        "add": lambda: h + h,
        "sum": lambda: h.sum(-1),
        "to bfloat16": lambda: h.to(pp.bfloat16),
        "randn": lambda: pp.randn((rows, d)),
        "linear": lambda: pp.linear(x, w),
        "conv2d": lambda: pp.conv2d(images, filters, stride=16),
    }
    return {**times, **{name: shortest(f) for name, f in others.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", nargs=2, metavar="NATIVE LEVELS")
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    best = [{}, {}]
    for _ in range(options.rounds):
        for folder, side in zip(options.builds, best):
            environment = {**os.environ, "PYTHONPATH": folder, "OMP_WAIT_POLICY": "passive", "LEVELS_CHILD": "1"}
            answer = subprocess.run([sys.executable, __file__], env=environment, check=True, capture_output=True, text=True)
            for name, value in json.loads(answer.stdout).items():
                side[name] = min(value, side.get(name, value))
    native, levels = best
    print("| | native | by level | |\n|---|--:|--:|--:|")
    for name in native:
        print(f"| {name} | {native[name]:.3f} ms | {levels[name]:.3f} ms | {100 * (levels[name] / native[name] - 1):+.1f} % |")
    slower = [name for name in native if levels[name] > (1 + ALLOWED) * native[name]]
    if slower:
        sys.exit(f"levels: more than {100 * ALLOWED:.0f} % slower by level: {', '.join(slower)}")


if __name__ == "__main__":
    if "LEVELS_CHILD" in os.environ:
        json.dump(measured(), sys.stdout)
    else:
        main()
