#!/usr/bin/env python3
"""Times Papilio beside PEFT on PyTorch: the same models, batches, adapters and threads, one after the other. See README.md.

Every measurement is a process of its own (so memory can be compared too), made in turns: ours, theirs, ours, ...
The shortest call of each counts.
"""

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import nullcontext
from pathlib import Path

MODELS = {  # Transformers' ViTConfig, and the batch
    "digits (d 64, 4 layers, batch 128)": (dict(
        image_size=8, patch_size=2, num_channels=1, hidden_size=64, num_hidden_layers=4, num_attention_heads=4,
        intermediate_size=256, num_labels=10), 128),
    "32x32 patch 4 (d 192, 6 layers, batch 64)": (dict(
        image_size=32, patch_size=4, num_channels=3, hidden_size=192, num_hidden_layers=6, num_attention_heads=3,
        intermediate_size=768, num_labels=10), 64),
    "32x32 patch 4 (d 384, 6 layers, batch 32)": (dict(
        image_size=32, patch_size=4, num_channels=3, hidden_size=384, num_hidden_layers=6, num_attention_heads=6,
        intermediate_size=1536, num_labels=10), 32),
}
# Arguments of PEFT's configurations, and how many times faster Papilio wants to be (None: shown only).
METHODS = {
    "full": (None, 2),
    "LoRA r 8": (dict(kind="LoraConfig", r=8), None),
    "BOFT b 4 m 1": (dict(kind="BOFTConfig", boft_block_size=4, boft_n_butterfly_factor=1), 5),
    "BOFT b 4 m 2": (dict(kind="BOFTConfig", boft_block_size=4, boft_n_butterfly_factor=2), 5),
}


def process_bytes(key):
    for line in open("/proc/self/status"):
        if line.startswith(key + ":"):
            return 1024 * int(line.split()[1])


def report(before, seconds, call):
    for _ in range(3):
        call()
    best, spent = float("inf"), 0.0
    while spent < seconds:
        begin = time.perf_counter()
        call()
        one = time.perf_counter() - begin
        best, spent = min(best, one), spent + one
    print(best, process_bytes("VmHWM") - before)


def make_config(kind, **arguments):
    import peft

    from cases import RENAMED

    every = ["q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2"] if RENAMED else [
        "query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
    return getattr(peft, kind)(target_modules=every, modules_to_save=["classifier"], **arguments)


def as_peft_is(m):
    """One factor by PEFT's own code; several, which it refuses without its CUDA extension, by peft_patch.py."""
    import peft_patch

    return peft_patch.no_extension() if m == 1 else nullcontext()


def make_files(folder, name, method):
    """A base, a batch, and the adapter that both sides train."""
    import torch
    import transformers
    from safetensors.torch import save_file

    import side_peft
    from cases import Case

    sizes, batch = MODELS[name]
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model = transformers.ViTForImageClassification(transformers.ViTConfig(**sizes))
    model.save_pretrained(folder / "base")
    save_file({"pixel_values": torch.randn(batch, sizes["num_channels"], sizes["image_size"], sizes["image_size"]),
               "labels": torch.randint(0, sizes["num_labels"], (batch,))}, folder / "batch.safetensors")
    arguments, _ = METHODS[method]
    if arguments:
        case = Case("", {"default": (make_config, arguments)})
        side_peft.make_adapted(model, case).save_pretrained(folder / "adapter")


def time_step(folder, method, seconds):
    import torch
    from peft import get_peft_model
    from safetensors.torch import load_file

    import side_peft
    batch = load_file(folder / "batch.safetensors")
    model = side_peft.load_base(folder / "base", "vit", attention="sdpa").train()
    arguments, _ = METHODS[method]
    before = process_bytes("VmRSS")
    if arguments:
        with as_peft_is(arguments.get("boft_n_butterfly_factor")):
            model = get_peft_model(model, make_config(**arguments))
        side_peft.randomise(model)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])

    def step():
        optimizer.zero_grad()
        logits = model(pixel_values=batch["pixel_values"]).logits
        torch.nn.functional.cross_entropy(logits, batch["labels"]).backward()
        optimizer.step()

    report(before, seconds, step)


def time_layer(d, out, b, m, rows, seconds):
    import torch
    from peft import BOFTConfig
    from peft.tuners.boft.layer import Linear

    base = torch.nn.Linear(d, out).requires_grad_(False)
    x, dy = torch.randn(rows, d, requires_grad=True), torch.randn(rows, out)
    before = process_bytes("VmRSS")
    with as_peft_is(m):
        layer = Linear(base, "default", BOFTConfig(boft_block_size=b, boft_n_butterfly_factor=m, init_weights=False))

    def call():
        layer.zero_grad()
        x.grad = None
        layer(x).backward(dy)

    report(before, seconds, call)


def time_cayley(b, count, seconds):
    import torch

    r = (0.1 * torch.randn(count, b, b)).requires_grad_()
    dq, eye = torch.randn(count, b, b), torch.eye(b)

    def call():
        r.grad = None
        s = 0.5 * (r - r.transpose(1, 2))
        torch.linalg.solve(eye + s, eye - s, left=False).backward(dq)

    report(process_bytes("VmRSS"), seconds, call)


def child(words):
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    warnings.simplefilter("ignore")
    seconds = float(words[-1])
    if words[0] == "files":
        make_files(Path(words[1]), words[2], words[3])
    elif words[0] == "step":
        time_step(Path(words[1]), words[2], seconds)
    elif words[0] == "layer":
        time_layer(*map(int, words[1:-1]), seconds)
    else:
        time_cayley(*map(int, words[1:-1]), seconds)


class Turns:
    def __init__(self, arguments):
        self.program, self.rounds, self.seconds = str(arguments.program), arguments.rounds, str(arguments.seconds)
        self.environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads), "CUDA_VISIBLE_DEVICES": ""}

    def run(self, command):
        done = subprocess.run([*map(str, command), self.seconds], capture_output=True, text=True, env=self.environment)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
        return done.stdout.split()[-2:]

    def theirs(self, *words):
        return self.run([sys.executable, __file__, "--child", *words])

    def compare(self, what, ours, theirs, goal, memory=False):
        """Two commands in turns; one row of the table, two with memory."""
        found = ([], [])
        for _ in range(self.rounds):
            found[0].append(self.run([self.program, *ours]))
            found[1].append(self.theirs(*theirs))
        a, b = (min(float(seconds) for seconds, _ in side) for side in found)
        verdict = "" if goal is None else f"{goal}" + ("" if b / a >= goal else " (missed)")
        print(f"| {what:<64} | {1e3 * a:>10.3f} ms | {1e3 * b:>10.3f} ms | {b / a:>6.1f} | {verdict:<11} |", flush=True)
        if memory:
            a, b = (min(int(size) for _, size in side) / 2**20 for side in found)
            print(f"| {'    memory: growth of the process':<64} | {a:>9.1f} MiB | {b:>9.1f} MiB | {b / a:>6.1f} |"
                  f" {'':<11} |", flush=True)


def main():
    if sys.argv[1:2] == ["--child"]:
        return child(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, help="papilio_times")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one measurement")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    arguments = parser.parse_args()
    turns = Turns(arguments)

    import peft
    import torch
    import transformers

    print(f"{datetime.date.today()}; PEFT {peft.__version__}, Transformers {transformers.__version__}, PyTorch "
          f"{torch.__version__}; {arguments.threads} threads\n")
    print("| what | Papilio | PEFT, PyTorch | times | target |\n|---|---:|---:|---:|---:|")
    for name in MODELS:
        for method, (_, goal) in METHODS.items():
            what = f"training step, {name}, {method}"
            if arguments.only not in what:
                continue
            with tempfile.TemporaryDirectory() as folder:
                turns.theirs("files", folder, name, method)
                ours = "full" if method == "full" else f"{folder}/adapter"
                turns.compare(what, ["step", f"{folder}/base", f"{folder}/batch.safetensors", ours],
                              ["step", folder, method], goal, memory=True)
    for m in (1, 2):
        what = f"layer 1536 -> 384, b 4, m {m}, 2080 rows, forward and backward"
        if arguments.only in what:
            words = ["layer", "1536", "384", "4", str(m), "2080"]
            turns.compare(what, words, words, 10, memory=True)
    for b in (2, 4, 8, 16, 32, 64):
        what = f"Cayley of 1024 matrices {b}x{b}, forward and backward"
        if arguments.only in what:
            words = ["cayley", str(b), "1024"]
            turns.compare(what, words, words, 20 if b <= 16 else 5)


if __name__ == "__main__":
    main()
