#!/usr/bin/env python3
"""Times Papilio beside PEFT on PyTorch: the same models, batches, adapters and threads, one after the other. See README.md.

    bench_peft.py PAPILIO_TIMES [--set real,growth,recompute] [--minutes 25] [--out FILE]

Every measurement is a process of its own (so memory can be compared too), made in turns: ours, theirs, ours, ... Rounds
over all rows go on until the minutes are over; the shortest call of each counts, whichever round it was in.
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



def vit(size, patch, d, heads, layers=12, channels=3, labels=1000):
    return dict(image_size=size, patch_size=patch, num_channels=channels, hidden_size=d, num_hidden_layers=layers,
                num_attention_heads=heads, intermediate_size=4 * d, num_labels=labels)


MODELS = {  # Transformers' ViTConfig, and the batch
    "digits (d 64, 4 layers, batch 128)": (vit(8, 2, 64, 4, 4, 1, 10), 128),
    "32x32 patch 4 (d 192, 6 layers, batch 64)": (vit(32, 4, 192, 3, 6, 3, 10), 64),
    "32x32 patch 4 (d 384, 6 layers, batch 32)": (vit(32, 4, 384, 6, 6, 3, 10), 32),
    "ViT-S/16 224, batch 8": (vit(224, 16, 384, 6), 8),
    "ViT-S/14 518, batch 2": (vit(518, 14, 384, 6), 2),
    "ViT-B/16 224, batch 8": (vit(224, 16, 768, 12), 8),
    "ViT-S/14 98 (50 tokens), batch 8": (vit(98, 14, 384, 6), 8),
    "ViT-S/14 224 (257 tokens), batch 8": (vit(224, 14, 384, 6), 8),
    "ViT-S/14 392 (785 tokens), batch 8": (vit(392, 14, 384, 6), 8),
    "ViT-S/14 518 (1,370 tokens), batch 8": (vit(518, 14, 384, 6), 8),
    "ViT-S/16 224, batch 1": (vit(224, 16, 384, 6), 1),
    "ViT-S/16 224, batch 32": (vit(224, 16, 384, 6), 32),
    "ViT-Ti/16 224, batch 8": (vit(224, 16, 192, 3), 8),
}
# Arguments of PEFT's configurations.
METHODS = {
    "full": None,
    "LoRA r 8": dict(kind="LoraConfig", r=8),
    "BOFT b 4 m 1": dict(kind="BOFTConfig", boft_block_size=4, boft_n_butterfly_factor=1),
    "BOFT b 4 m 2": dict(kind="BOFTConfig", boft_block_size=4, boft_n_butterfly_factor=2),
    "OFT b 32, series of 5 terms": dict(kind="OFTConfig", oft_block_size=32),
}
SMALL = list(MODELS)[:3]
S16, S14, B16 = list(MODELS)[3:6]


def step(model, method, dtype="float32", how="eager", goal=None):
    return ("step", model, method, dtype, how, goal)


def forward(model, dtype="float32", how="eager", goal=None):
    return ("forward", model, "full", dtype, how, goal)


# Rows: what, model, method, dtype, how the peer runs it, and how many times faster Papilio wants to be.
SETS = {
    "real": [
        step(S16, "full", goal=2.6), step(S16, "full", how="compiled", goal=2.6), step(S16, "full", "bfloat16", goal=1.9),
        step(S16, "LoRA r 8", goal=2.6), step(S16, "LoRA r 8", "bfloat16", goal=1.8),
        step(S16, "OFT b 32, series of 5 terms", goal=2.7), step(S16, "OFT b 32, series of 5 terms", "bfloat16"),
        step(S16, "BOFT b 4 m 2", goal=25), step(S16, "BOFT b 4 m 2", "bfloat16"),
        forward(S16, goal=2.4), forward(S16, how="compiled"), forward(S16, how="onnx", goal=1.5),
        forward(S16, "bfloat16", goal=1.6),
        step(S14, "full"), step(S14, "LoRA r 8"), step(S14, "LoRA r 8", "bfloat16"),
        step(S14, "BOFT b 4 m 2"), forward(S14), forward(S14, how="onnx"),
        step(B16, "full"), step(B16, "full", "bfloat16"), step(B16, "LoRA r 8"), forward(B16, how="onnx"),
    ],
    # With tokens (50 to 1,370), batch and width.
    "growth": [step(name, "LoRA r 8") for name in list(MODELS)[6:]],
    # Blocks computed again in the backward pass, there by gradient checkpointing.
    "recompute": [step(model, method, how="recomputed") for model in (S16, S14)
                  for method in ("full", "LoRA r 8", "BOFT b 4 m 2")],
    "small": [step(name, method, goal=goal) for name in SMALL for method, goal in
              [("full", 2), ("LoRA r 8", None), ("BOFT b 4 m 1", 5), ("BOFT b 4 m 2", 5)]],
}
SETS["small"] += [("layer", "1536", "384", "4", str(m), "2080", 10) for m in (1, 2)]
SETS["small"] += [("cayley", str(b), "1024", 20 if b <= 16 else 5) for b in (2, 4, 8, 16, 32, 64)]


def name_of(row):
    if row[0] == "layer":
        return f"layer 1536 -> 384, b 4, m {row[4]}, 2080 rows, forward and backward"
    if row[0] == "cayley":
        return f"Cayley of 1024 matrices {row[1]}x{row[1]}, forward and backward"
    what, model, method, dtype, how, _ = row
    peer = {"eager": "", "compiled": ", compiled there", "onnx": ", ONNX Runtime there", "recomputed": ", recomputed"}[how]
    work = f"training step, {model}, {method}" if what == "step" else f"forward, {model}"
    return work + (", bfloat16" if dtype == "bfloat16" else "") + peer


def process_bytes(key):
    for line in open("/proc/self/status"):
        if line.startswith(key + ":"):
            return 1024 * int(line.split()[1])


def shortest(seconds, call):
    """Seconds of the shortest call, of as many as begin within so many seconds."""
    best, spent = float("inf"), 0.0
    while spent < seconds:
        begin = time.perf_counter()
        call()
        one = time.perf_counter() - begin
        best, spent = min(best, one), spent + one
    return best


def report(before, seconds, call):
    for _ in range(3):
        call()
    print(shortest(seconds, call), process_bytes("VmHWM") - before)


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


def folder_name(name):
    return "".join(c if c.isalnum() else "-" for c in name)


def make_files(folder, wanted):
    """Of each model a base and a batch, and the adapters that both sides train: FOLDER/MODEL/{base,METHOD}."""
    import torch
    import transformers
    from safetensors.torch import save_file

    import side_peft
    from cases import Case

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for name, method in wanted:
        sizes, batch = MODELS[name]
        at = folder / folder_name(name)
        if not (at / "base").exists():
            transformers.ViTForImageClassification(transformers.ViTConfig(**sizes)).save_pretrained(at / "base")
            side = sizes["image_size"]
            save_file({"pixel_values": torch.randn(batch, sizes["num_channels"], side, side),
                       "labels": torch.randint(0, sizes["num_labels"], (batch,))}, at / "batch.safetensors")
        if METHODS[method]:
            model = side_peft.load_base(at / "base", "vit")
            case = Case("", {"default": (make_config, METHODS[method])})
            side_peft.make_adapted(model, case).save_pretrained(at / folder_name(method))


def mixed(dtype):
    import torch

    return torch.autocast("cpu", torch.bfloat16) if dtype == "bfloat16" else nullcontext()


def time_step(folder, method, dtype, how, seconds):
    import torch
    from peft import get_peft_model
    from safetensors.torch import load_file

    import side_peft
    batch = load_file(folder / "batch.safetensors")
    model = side_peft.load_base(folder / "base", "vit", attention="sdpa").train()
    if how == "recomputed":
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    arguments = METHODS[method]
    before = process_bytes("VmRSS")
    if arguments:
        with as_peft_is(arguments.get("boft_n_butterfly_factor")):
            model = get_peft_model(model, make_config(**arguments))
        side_peft.randomise(model)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    run = torch.compile(model) if how == "compiled" else model

    def call():
        optimizer.zero_grad()
        with mixed(dtype):
            loss = torch.nn.functional.cross_entropy(run(pixel_values=batch["pixel_values"]).logits, batch["labels"])
        loss.backward()
        optimizer.step()

    report(before, seconds, call)


def time_forward(folder, dtype, how, seconds):
    import torch
    from safetensors.torch import load_file

    import side_peft
    pixels = load_file(folder / "batch.safetensors")["pixel_values"]
    model = side_peft.load_base(folder / "base", "vit", attention="eager" if how == "onnx" else "sdpa")
    before = process_bytes("VmRSS")
    if how == "onnx":
        call = onnx_session(folder, model, pixels)
    else:
        run = torch.compile(model) if how == "compiled" else model

        def call():
            with torch.inference_mode(), mixed(dtype):
                run(pixel_values=pixels)

    report(before, seconds, call)


def onnx_session(folder, model, pixels):
    import onnxruntime
    import torch

    file = folder / "model.onnx"
    if not file.exists():
        class Logits(torch.nn.Module):
            def forward(self, pixel_values):
                return model(pixel_values=pixel_values).logits

        program = torch.onnx.export(Logits().eval(), (pixels,), dynamo=True, verbose=False)
        program.save(str(file))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: pixels.numpy()}
    return lambda: session.run(None, feed)


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
    if words[0] == "files":
        return make_files(Path(words[1]), [word.split("|") for word in words[2:]])
    seconds = float(words[-1])
    if words[0] == "step":
        time_step(Path(words[1]), *words[2:-1], seconds)
    elif words[0] == "forward":
        time_forward(Path(words[1]), *words[2:-1], seconds)
    elif words[0] == "layer":
        time_layer(*map(int, words[1:-1]), seconds)
    else:
        time_cayley(*map(int, words[1:-1]), seconds)


def commands(row, folder, program):
    """Ours and theirs, without the seconds."""
    theirs = [sys.executable, __file__, "--child", row[0]]
    if row[0] in ("layer", "cayley"):
        return [program, *row[:-1]], [*theirs, *row[1:-1]]
    what, model, method, dtype, how, _ = row
    at = folder / folder_name(model)
    ours = [program, what, at / "base", at / "batch.safetensors"]
    if what == "forward":
        return [*ours, dtype], [*theirs, at, dtype, how]
    adapter = "full" if method == "full" else at / folder_name(method)
    return [*ours, adapter, dtype, "blocks" if how == "recomputed" else "off"], [*theirs, at, method, dtype, how]


class Turns:
    """Two commands of each row in turns, round after round; what was least."""

    def __init__(self, arguments, folder):
        self.seconds, self.end = str(arguments.seconds), time.monotonic() + 60 * arguments.minutes
        self.environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads), "CUDA_VISIBLE_DEVICES": "",
                                         "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"), "TOKENIZERS_PARALLELISM": "false"}
        self.best = {}  # (row, side) -> seconds, bytes

    def run(self, command):
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=self.environment)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
        return done.stdout.split()[-2:]

    def round(self, rows, folder, program):
        """False when the time is over."""
        for row in rows:
            if time.monotonic() > self.end:
                return False
            for side, command in enumerate(commands(row, folder, program)):
                seconds, size = self.run([*command, self.seconds])
                least = self.best.get((row, side), (float("inf"), float("inf")))
                self.best[row, side] = min(least[0], float(seconds)), min(least[1], int(size))
            print(line(row, self.best), file=sys.stderr, flush=True)
        return True


def line(row, best):
    if (row, 1) not in best:
        return f"| {name_of(row)} | | | not measured: the time was over | | | |"
    (a, ours), (b, theirs), goal = best[row, 0], best[row, 1], row[-1]
    verdict = "" if goal is None else f"{goal}" + ("" if b / a >= goal else " (missed)")
    return (f"| {name_of(row)} | {1e3 * a:.2f} | {1e3 * b:.2f} | {b / a:.2f} | {verdict} | {ours / 2**20:.0f} | "
            f"{theirs / 2**20:.0f} |")


def machine(program):
    """Processor and, of the papilio program beside papilio_times, the libraries of its products."""
    papilio = Path(program).resolve().parents[2] / "samples/papilio/papilio"
    done = subprocess.run([papilio, "inspect", "--machine"], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else f"{papilio}: not built\n"


def main():
    if sys.argv[1:2] == ["--child"]:
        return child(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, help="papilio_times")
    parser.add_argument("--set", default="real,growth,recompute", help="of " + ", ".join(SETS))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=25, help="after which no measurement begins")
    parser.add_argument("--rounds", type=int, default=5, help="at most")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--out", type=Path, help="the table; without: standard output")
    arguments = parser.parse_args()
    chosen = [row for name in arguments.set.split(",") for row in SETS[name] if arguments.only in name_of(row)]

    import peft
    import torch
    import transformers

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        turns = Turns(arguments, folder)
        wanted = dict.fromkeys(f"{row[1]}|{row[2]}" for row in chosen if row[0] in ("step", "forward"))
        if wanted:
            done = subprocess.run([sys.executable, __file__, "--child", "files", name, *wanted], env=turns.environment)
            if done.returncode:
                return done.returncode
        rounds = 0
        while rounds < arguments.rounds and turns.round(chosen, folder, str(arguments.program)):
            rounds += 1
    text = (f"{datetime.date.today()}; PEFT {peft.__version__}, Transformers {transformers.__version__}, PyTorch "
            f"{torch.__version__}; {arguments.threads} threads; {rounds} whole rounds in turns, minima\n\n"
            f"```\n{machine(arguments.program)}```\n\n"
            "| what | Papilio, ms | peer, ms | times | wanted | Papilio, growth MiB | peer, growth MiB |\n"
            "|---|---:|---:|---:|---|---:|---:|\n" + "\n".join(line(row, turns.best) for row in chosen) + "\n")
    if arguments.out:
        arguments.out.write_text(text)
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
