#!/usr/bin/env python3
"""What the Python package promises, measured: beside PEFT on PyTorch, beside `papilio finetune`, and by itself. See README.md.

    bench_accelerate.py [--papilio PROGRAM] [--rounds 5] [--threads N] [METHOD...]

Steps: one process, one model; four steps of PEFT's, then four of ours, then four of PyTorch's with the adapters off but
every gradient that flows through the layers, again and again; the first after a switch is not counted, of the others the
shortest. Memory: a process for each side. `papilio finetune` and papilio.fit train the same model on the same files, in turns.
Products of Papilio's, PyTorch's and NumPy's are timed alone and in turns, which shows pools of threads that fight.
"""

import argparse
import contextlib
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from unittest import mock

import papilio

METHODS = {  # times faster, and growth of memory, that are wanted
    "BOFT b 4 m 1": (4, 0.6),
    "BOFT b 4 m 2": (4, 0.6),
    "OFT b 32, series of 5 terms": (1.3, 0.9),
    "LoRA r 8": (None, None),
}


def config_of(method, **fields):
    import peft

    if method.startswith("BOFT"):
        return peft.BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=int(method[-1]), **fields)
    if method.startswith("OFT"):
        return peft.OFTConfig(oft_block_size=32, r=0, **fields)
    return peft.LoraConfig(r=8, **fields)


def vit_small(method):
    """ViT-S/16 for 224 pixels, all linear layers of the backbone adapted, the classifier trained as it is."""
    import peft
    import peft.tuners.boft.layer as boft_layer
    import torch
    import transformers

    torch.manual_seed(0)
    base = transformers.ViTForImageClassification(transformers.ViTConfig(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1536, num_labels=10))
    names = {name.split(".")[-1] for name, m in base.named_modules() if isinstance(m, torch.nn.Linear)}
    if "m 2" in method:
        papilio.peft.enable_butterfly_factors()
        without = contextlib.nullcontext()
    else:  # PEFT as it is on a machine without a GPU, and no search for ninja
        without = mock.patch.object(boft_layer, "get_fbd_cuda", lambda: None)
    with without:
        return peft.get_peft_model(base, config_of(
            method, target_modules=sorted(names - {"classifier"}), modules_to_save=["classifier"])).train()


def step_of(model):
    """A function that makes a step and returns its seconds."""
    import torch

    images, labels = torch.randn(8, 3, 224, 224), torch.arange(8)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)

    def step():
        begin = time.perf_counter()
        torch.nn.functional.cross_entropy(model(pixel_values=images).logits, labels).backward()
        optimizer.step()
        optimizer.zero_grad()
        return time.perf_counter() - begin

    return step


def shortest(step):
    """Seconds: of four steps in a row the first finds the other side's memory and caches, and does not count."""
    step()
    return min(step() for _ in range(3))


@contextlib.contextmanager
def adapters_off(model):
    """The base model, through which gradients flow to the beginning."""
    first = model.base_model.model.vit.embeddings.cls_token
    first.requires_grad_()
    with model.disable_adapter():
        yield
    first.requires_grad_(False)


def process_bytes(line):
    for text in Path("/proc/self/status").read_text().splitlines():
        if text.startswith(line + ":"):
            return 1024 * int(text.split()[1])
    raise KeyError(line)


def growth(method, side):
    """Bytes that three steps take at most beyond the model as it was loaded."""
    model = vit_small(method)
    if side == "ours":
        papilio.peft.accelerate(model)
    step = step_of(model)
    Path("/proc/self/clear_refs").write_text("5")  # the largest so far becomes what it is now
    before = process_bytes("VmRSS")
    for _ in range(3):
        step()
    return process_bytes("VmHWM") - before


def grown(method, side, threads):
    """growth in a process of its own."""
    answer = subprocess.run([sys.executable, __file__, "--growth", side, "--threads", str(threads), method],
                            check=True, capture_output=True, text=True)
    return int(answer.stdout.split()[-1])


def beside_peft(options):
    print("| method | PEFT | accelerated | times faster | wanted | PyTorch, adapters off | PEFT, memory | accelerated | share | "
          "wanted |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for method in options.methods:
        model = vit_small(method)
        step = step_of(model)
        theirs = ours = base = float("inf")
        for _ in range(options.rounds):
            theirs = min(theirs, shortest(step))
            papilio.peft.accelerate(model)
            ours = min(ours, shortest(step))
            papilio.peft.restore(model)
            with adapters_off(model):
                base = min(base, shortest(step))
        del model, step
        faster, smaller = (goal or "" for goal in METHODS[method])
        memory = [min(grown(method, side, options.threads) for _ in range(2)) / 2**20 for side in ("theirs", "ours")]
        print(f"| {method} | {theirs * 1e3:.0f} ms | {ours * 1e3:.0f} ms | {theirs / ours:.2f} | {faster} | "
              f"{base * 1e3:.0f} ms | {memory[0]:.0f} MB | {memory[1]:.0f} MB | {memory[1] / memory[0]:.2f} | {smaller} |", flush=True)


def import_time():
    """Milliseconds of `import papilio` in a fresh interpreter, the shortest of ten."""
    code = "import time; t = time.perf_counter(); import papilio; print(1e3 * (time.perf_counter() - t))"
    return min(float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
               for _ in range(10))


def call_time():
    """Microseconds of an operation on tensors of one element, the shortest of many runs."""
    x, y = papilio.ones((1,)), papilio.ones((1,))
    best, add = float("inf"), papilio.add
    for _ in range(200):
        begin = time.perf_counter()
        for _ in range(1000):
            add(x, y)
        best = min(best, time.perf_counter() - begin)
    return 1e3 * best


def in_turns(functions, count=60):
    """Milliseconds of each, the median of many turns."""
    times = [[] for _ in functions]
    for _ in range(count):
        for function, own in zip(functions, times):
            begin = time.perf_counter()
            function()
            own.append(time.perf_counter() - begin)
    return [1e3 * statistics.median(own) for own in times]


def beside_others():
    """Of products of 1024 x 1024 matrices: a table of each alone, and after one of each other library's."""
    import numpy as np
    import torch

    n = np.random.default_rng(0).random((1024, 1024), dtype=np.float32)
    t, x = torch.from_numpy(n.copy()), papilio.tensor(n)
    products = {"Papilio": lambda: x @ x, "PyTorch": lambda: t @ t, "NumPy": lambda: n @ n}
    print("| a product of | alone | " + " | ".join(f"after {name}'s" for name in products) + " |\n|---" + "|--:" * 4 + "|")
    for name, product in products.items():
        cells = ["" if other is product else f"{in_turns([other, product])[1]:.1f} ms" for other in products.values()]
        print(f"| {name}'s | {in_turns([product])[0]:.1f} ms | {' | '.join(cells)} |")
    print(flush=True)


BATCH = 8


def shortest_of(seconds, samples):
    """Of steps that are all of whole batches: the last of an epoch may be a part of one, and is no measure."""
    sizes = {int(n) for n in samples}
    if sizes != {BATCH}:
        raise ValueError(f"expected steps of {BATCH} pictures, got {sorted(sizes)}")
    return min(float(s) for s in seconds)


def write_pictures(folder, count, size=224):
    """Grey noise as PNG files of two classes, so many of each."""
    import numpy as np

    random = np.random.default_rng(0)
    from PIL import Image

    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(random.integers(0, 255, (size, size, 3), dtype=np.uint8)).save(folder / name / f"{i}.png")


def beside_the_program(options):
    """Seconds of the shortest step of `papilio finetune` and of papilio.fit: ViT-S/16, BOFT b 4 m 2."""
    times = {"program": float("inf"), "python": float("inf")}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for part, batches in (("train", 9), ("validation", 1), ("test", 1)):
            write_pictures(work / "pictures" / part, batches * BATCH // 2)
        model = papilio.vit(image_size=224, patch_size=16, hidden_size=384, num_hidden_layers=12, num_attention_heads=6,
                            intermediate_size=1536, class_names=["one", "two"])
        model.save_pretrained(str(work / "model"))
        data = papilio.images_from_folder(str(work / "pictures"), model)
        adapters = papilio.AdapterModel(model)
        adapters.add_adapter("default", papilio.BoftConfig(
            boft_n_butterfly_factor=2, target_modules="all-linear", exclude_modules=["classifier"],
            modules_to_save=["classifier"]))
        for _ in range(options.rounds):
            subprocess.run([options.papilio, "finetune", work / "model", "--data", work / "pictures", "--out", work / "run",
                            "--overwrite", "--method", "boft", "-b", "4", "-m", "2", "--target-modules", "all-linear",
                            "--exclude-modules", "classifier", "--modules-to-save", "classifier", "--dropout", "0",
                            "--epochs", "1", "--batch-size", str(BATCH), "--kept=false", "--threads", str(options.threads)],
                           check=True, stdout=subprocess.DEVNULL)
            with open(work / "run/steps.csv", newline="") as file:
                rows = list(csv.DictReader(file))
            program = shortest_of([row["seconds"] for row in rows], [row["images"] for row in rows])
            history = papilio.fit(adapters, data["train"], epochs=1, batch_size=BATCH)
            python = shortest_of(history["seconds"], history["samples"])
            times = {"program": min(times["program"], program), "python": min(times["python"], python)}
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", default=list(METHODS), metavar="METHOD", help=", ".join(METHODS))
    parser.add_argument("--papilio", help="the program, to train beside")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--growth", choices=["theirs", "ours"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    papilio.set_num_threads(options.threads)
    if options.growth:
        return print(growth(options.methods[0], options.growth))
    print(f"import papilio: {import_time():.0f} ms (wanted: under 100); an operation: {call_time():.2f} microseconds (under 3)")
    if options.papilio:
        times = beside_the_program(options)
        print(f"a step of papilio finetune {times['program'] * 1e3:.0f} ms, of papilio.fit {times['python'] * 1e3:.0f} ms: "
              f"{100 * (times['python'] / times['program'] - 1):+.1f} % (wanted: at most 2)\n", flush=True)
    beside_others()
    beside_peft(options)


if __name__ == "__main__":
    main()
