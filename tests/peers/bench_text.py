#!/usr/bin/env python3
"""Times `papilio` beside Transformers and PEFT on a GPT-2 of random weights: training steps by BOFT, LoRA and in full,
generation with a cache, and, where the program can convert to it, the same on a base of nf4.

    bench_text.py PAPILIO [--quick] [--threads 2] [--steps 6] [--markdown FILE]

GPT-2 small's shape, 4 sequences of 256 tokens a step; --quick: a tiny one, which measures nothing. The sides take turns,
each measurement is a process of its own, and of its steps the shortest counts, but of PEFT's BOFT, which takes a minute a
step, the third. It refuses Conv1D, so it adapts the equal Linear layers. Compiled: torch.compile of the whole model; of each block for BOFT, whose 48 rotations make a
graph too large for one compilation; of generation's forward pass, over a static cache. What has not finished after
--minutes is said. Takes about ten minutes on two quiet cores, and the compiled column ten more.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LENGTH, BATCH, WARM = 256, 4, 2


def make_model(folder, quick):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    size = dict(n_embd=32, n_layer=2, n_head=2, vocab_size=643) if quick else {}
    torch.manual_seed(0)
    config = GPT2Config(n_positions=512, bos_token_id=0, eos_token_id=0, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, **size)
    model = GPT2LMHeadModel(config)
    model.save_pretrained(folder / "base")
    (folder / "base" / "generation_config.json").unlink(missing_ok=True)
    tokenizer = Path(__file__).parents[1] / "golden" / "gpt2" / "gpt2" / "tokenizer.json"
    (folder / "base" / "tokenizer.json").write_text(tokenizer.read_text())


def make_tokens(folder, steps):
    import torch
    from safetensors.torch import save_file

    (folder / "data").mkdir()
    for part, pieces in (("train", BATCH * steps), ("validation", 1), ("test", 1)):
        ids = torch.randint(1, 600, (pieces * LENGTH + 1,), generator=torch.Generator().manual_seed(1), dtype=torch.int32)
        save_file({"tokens": ids}, folder / "data" / (part + ".safetensors"))


class Ours:
    def __init__(self, program, folder, threads):
        self.program, self.folder, self.threads = program, folder, str(threads)

    def start(self, *words):
        return subprocess.Popen([self.program, *words, "--json", "--quiet", "--threads", self.threads], cwd=self.folder,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *words):
        process = self.start(*words)
        out, err = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(err.decode().strip())
        return json.loads(out)

    # Bytes of memory of its own that the process has while it generates: the median of what is seen, without files.
    def resident(self, base, tokens):
        process = self.start("generate", base, "-p", "The", "--max-new-tokens", str(tokens), "--temperature", "0")
        seen = []
        while process.poll() is None:
            text = Path(f"/proc/{process.pid}/status").read_text()
            seen += [1024 * int(line.split()[1]) for line in text.splitlines() if line.startswith("RssAnon")]
            time.sleep(0.01)
        process.communicate()
        return statistics.median(seen)

    def step(self, base, *method):
        out = f"run-{base}-{method[1]}"
        self.run("finetune", base, "--data", "data", "--sequence-length", str(LENGTH), "--batch-size", str(BATCH),
                 "--epochs", "1", "--workers", "0", "--out", out, *method)
        rows = [line.split(",") for line in (self.folder / out / "steps.csv").read_text().splitlines()[1:]]
        return min(float(row[-1]) for row in rows[WARM:])

    def token(self, base, tokens):
        return 1 / self.run("generate", base, "-p", "The", "--max-new-tokens", str(tokens), "--temperature",
                            "0")["tokens_per_second"]


THEIRS = '''
import json, sys, time, torch
from torch import nn
from transformers import GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D
sys.path.insert(0, HERE)
torch.set_num_threads(THREADS)
model = GPT2LMHeadModel.from_pretrained(BASE)
if WHAT == "generate":
    model.eval()
    ids = torch.ones((1, 1), dtype=torch.long)
    how = dict(max_new_tokens=TOKENS, min_new_tokens=TOKENS, do_sample=False, pad_token_id=0, eos_token_id=None)
    if COMPILE:
        model.forward = torch.compile(model.forward)
        how["cache_implementation"] = "static"
    model.generate(ids, **how)
    begin = time.perf_counter()
    model.generate(ids, **how)
    print((time.perf_counter() - begin) / TOKENS)
    sys.exit()
if WHAT == "boft":
    import peft_patch
    from peft import BOFTConfig, get_peft_model
    for name, module in list(model.named_modules()):
        if isinstance(module, Conv1D):
            linear = nn.Linear(*module.weight.shape)
            linear.weight.data, linear.bias.data = module.weight.data.T.contiguous(), module.bias.data
            model.set_submodule(name, linear)
    model = get_peft_model(model, BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=2,
                                             target_modules=["c_attn", "c_proj", "c_fc"]))
elif WHAT == "lora":
    from peft import LoraConfig, get_peft_model
    model = get_peft_model(model, LoraConfig(r=8, fan_in_fan_out=True, target_modules=["c_attn", "c_proj", "c_fc"]))
model.train()
run = model
if COMPILE and WHAT == "boft":
    for block in model.base_model.model.transformer.h:
        block.compile()
elif COMPILE:
    run = torch.compile(model)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
ids = torch.randint(1, 600, (BATCH, LENGTH), generator=torch.Generator().manual_seed(1))
times = []
for _ in range(STEPS):
    begin = time.perf_counter()
    optimizer.zero_grad()
    run(ids, labels=ids).loss.backward()
    nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
    optimizer.step()
    times.append(time.perf_counter() - begin)
print(min(times[WARM:]))
'''


def theirs(what, base, args, compiled=False, tokens=0):
    values = dict(HERE=str(Path(__file__).parent), THREADS=args.threads, BASE=str(base), WHAT=what, COMPILE=compiled,
                  BATCH=BATCH, LENGTH=LENGTH, STEPS=min(args.steps, WARM + 1) if what == "boft" else args.steps, WARM=WARM,
                  TOKENS=tokens)
    code = "\n".join(f"{key} = {value!r}" for key, value in values.items()) + THEIRS
    try:
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60 * args.minutes,
                                env={**os.environ, "OMP_NUM_THREADS": str(args.threads)})
    except subprocess.TimeoutExpired:
        return None, f"{what}{', compiled' if compiled else ''}: not done after {args.minutes} minutes"
    if result.returncode != 0:
        return None, result.stderr.strip().splitlines()[-1][:120]
    return float(result.stdout.split()[-1]), ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("papilio", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--minutes", type=int, default=15, help="for each of the peer's measurements")
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    tokens = 16 if args.quick else 100
    lines = []

    def say(*cells):
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)

    def shown(seconds):
        return "-" if seconds is None else f"{1000 * seconds:.1f} ms"

    def ratio(theirs, ours):
        return "-" if theirs is None or ours is None else f"{theirs / ours:.2f}"

    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_model(folder, args.quick)
        make_tokens(folder, args.steps)
        ours = Ours(args.papilio.resolve(), folder, args.threads)
        say("what", "Papilio", "peer, eager", "times", "peer, compiled", "times")
        say("---", "--:", "--:", "--:", "--:", "--:")
        steps = {}
        for what, words in (("boft", ("--method", "boft", "-b", "4", "-m", "2")), ("lora", ("--method", "lora", "-r", "8")),
                            ("full", ("--method", "full"))):
            steps[what] = ours.step("base", *words)
            eager, why = theirs(what, folder / "base", args)
            compiled, why_not = (None, "") if args.no_compile else theirs(what, folder / "base", args, compiled=True)
            say(f"step, {what}", shown(steps[what]), shown(eager), ratio(eager, steps[what]), shown(compiled),
                ratio(compiled, steps[what]))
            for text in filter(None, (why, why_not)):
                print("  peer:", text)
        token = ours.token("base", tokens)
        peer, why = theirs("generate", folder / "base", args, tokens=tokens)
        compiled, why_not = (None, "") if args.no_compile else theirs("generate", folder / "base", args, True, tokens)
        say("a token, cache", shown(token), shown(peer), ratio(peer, token), shown(compiled), ratio(compiled, token))
        for text in filter(None, (why, why_not)):
            print("  peer:", text)
        try:
            result = ours.run("convert", "base", "--to", "nf4", "--out", "nf4")
            step = ours.step("nf4", "--method", "boft", "-b", "4", "-m", "2")
            say("step, boft on nf4", shown(step), f"{step / steps['boft']:.2f} of float32's", "-", "-", "-")
            again = ours.token("nf4", tokens)
            say("a token, nf4", shown(again), f"{again / token:.2f} of float32's", "-", "-", "-")
            say("nf4's layers", f"{result['bytes'] / 4 / result['numbers']:.3f} of float32's memory", "-", "-", "-", "-")
            resident = {base: ours.resident(base, 2 * tokens) for base in ("nf4", "base")}
            say("resident, nf4", f"{resident['nf4'] / 2**20:.0f} MiB", "-", "-", "-", "-")
            say("resident, float32", f"{resident['base'] / 2**20:.0f} MiB",
                f"nf4 has {resident['nf4'] / resident['base']:.3f} of it", "-", "-", "-")
        except RuntimeError as error:
            print("nf4:", error)
    print(f"{time.perf_counter() - begin:.0f} s, {args.threads} threads, {args.steps} steps of {BATCH} x {LENGTH} tokens")
    if args.markdown:
        args.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
