#!/usr/bin/env python3
"""Times pictures on their way into batches, read from JPEG and augmented, beside torchvision.

    bench_pictures.py PAPILIO_TIMES [--workers 2] [--rounds 3] [--seconds 15]

RandomResizedCrop to 224 pixels (bilinear), a flip, RandAugment (2 operations, magnitude 9), normalised; batches of 32.
torchvision twice: its transforms of Pillow's pictures in a DataLoader, and transforms.v2 of tensors that its own decoder
reads. In turns, a process each; the shortest mean of the rounds counts.
"""

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def make_pictures(folder, count, height, width):
    """Smooth colours and some noise: JPEGs of about the size that photographs have."""
    import numpy
    from PIL import Image

    random = numpy.random.default_rng(0)
    size = 0
    for i in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (height // 16, width // 16, 3), dtype=numpy.uint8))
        smooth = numpy.asarray(coarse.resize((width, height), Image.BICUBIC), dtype=numpy.float32)
        pixels = (smooth + random.normal(0, 6, smooth.shape)).clip(0, 255).astype(numpy.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=90)
        at = folder / f"class{i % 4}"
        at.mkdir(exist_ok=True)
        (at / f"{i}.jpg").write_bytes(file.getvalue())
        size += file.tell()
    return size / count


def time_torchvision(folder, how, workers, seconds):
    import torch
    from torchvision import datasets, io, transforms
    from torchvision.transforms import InterpolationMode, v2

    torch.set_num_threads(1)
    if how == "pillow":
        change = transforms.Compose([transforms.RandomResizedCrop(224, interpolation=InterpolationMode.BILINEAR),
                                     transforms.RandomHorizontalFlip(), transforms.RandAugment(), transforms.ToTensor(),
                                     transforms.Normalize(MEAN, STD)])
        data = datasets.ImageFolder(folder, change)
    else:
        change = v2.Compose([v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip(), v2.RandAugment(),
                             v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
        data = datasets.ImageFolder(folder, change, loader=lambda path: io.decode_image(path, mode=io.ImageReadMode.RGB))
    loader = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True, num_workers=workers, persistent_workers=True)

    def batches():
        while True:
            yield from loader

    ahead = batches()
    for _ in range(8):
        next(ahead)
    pictures, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        pictures += len(next(ahead)[1])
    print((time.perf_counter() - begin) / pictures, 0)


def main():
    if sys.argv[1:2] == ["--child"]:
        return time_torchvision(sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, help="papilio_times")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15, help="of one measurement")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = make_pictures(folder, 512, 400, 533)
        end = [str(arguments.workers), str(arguments.seconds)]
        sides = {"Papilio": [arguments.program, "pictures", folder, *end]}
        for how in ("pillow", "tensors"):
            sides[f"torchvision, {how}"] = [sys.executable, __file__, "--child", folder, how, *end]
        best = dict.fromkeys(sides, float("inf"))
        for _ in range(arguments.rounds):
            for side, command in sides.items():
                done = subprocess.run([*map(str, command)], capture_output=True, text=True,
                                      env=os.environ | {"OMP_NUM_THREADS": "1"})
                if done.returncode:
                    return f"{side}: {done.stderr}"
                best[side] = min(best[side], float(done.stdout.split()[0]))
    print(f"JPEGs of 400x533 pixels, {size / 1024:.0f} KB each, {arguments.workers} workers\n")
    print("| | ms a picture | pictures/s | Papilio, times |\n|---|--:|--:|--:|")
    for side, seconds in best.items():
        print(f"| {side} | {1e3 * seconds:.2f} | {1 / seconds:.0f} | {seconds / best['Papilio']:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
