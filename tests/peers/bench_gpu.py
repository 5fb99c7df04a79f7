#!/usr/bin/env python3
"""Times PyTorch, eager and compiled, and PEFT on a GPU: the models, batches and adapters of papilio_bench --device=cuda.

Prints tables; ./dev gpu puts them below Papilio's own. Where no PEFT is installed, its rows are left out and said so.
"""

import argparse
import statistics
import sys
import time
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

MODELS = {  # Transformers' ViTConfig and the batch: tests/bench/vit_bench.cpp's
    "digits": (dict(image_size=8, patch_size=2, num_channels=1, hidden_size=64, num_hidden_layers=4,
                    num_attention_heads=4, intermediate_size=256, num_labels=10), 128),
    "32x32 patch 4": (dict(image_size=32, patch_size=4, num_channels=3, hidden_size=192, num_hidden_layers=6,
                           num_attention_heads=3, intermediate_size=768, num_labels=10), 64),
    "ViT-S/16": (dict(image_size=224, patch_size=16, num_channels=3, hidden_size=384, num_hidden_layers=12,
                      num_attention_heads=6, intermediate_size=1536, num_labels=1000), 128),
}
METHODS = {
    "frozen": None,
    "full": None,
    "lora": dict(kind="LoraConfig", r=8),
    "boft": dict(kind="BOFTConfig", boft_block_size=4, boft_n_butterfly_factor=2),
}


class Timer:
    def __init__(self, device, repeats):
        self.device, self.repeats = device, repeats

    def seconds(self, call):
        """The median of `repeats` calls; on a GPU by its own clock."""
        for _ in range(3):
            call()
        return statistics.median(self.once(call) for _ in range(self.repeats))

    def once(self, call):
        if self.device == "cpu":
            begin = time.perf_counter()
            call()
            return time.perf_counter() - begin
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        return 1e-3 * begin.elapsed_time(end)


def make_step(name, method, bf16, device, compiled):
    import transformers

    sizes, batch = MODELS[name]
    model = transformers.ViTForImageClassification(transformers.ViTConfig(**sizes, attn_implementation="sdpa"))
    model = model.to(device).train()
    arguments = METHODS[method]
    if arguments:
        from peft import get_peft_model

        from bench_peft import as_peft_is, make_config
        with as_peft_is(arguments.get("boft_n_butterfly_factor")):
            model = get_peft_model(model, make_config(**arguments)).to(device)
    elif method == "frozen":
        for parameter in model.vit.parameters():
            parameter.requires_grad_(False)
        # Gradients of all activations, though nothing below the head trains: what any adapter has to pay.
        model.vit.embeddings.register_forward_hook(lambda _, __, y: y.detach().requires_grad_())
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], weight_decay=0.05,
                                  fused=device == "cuda")
    images = torch.randn(batch, sizes["num_channels"], sizes["image_size"], sizes["image_size"], device=device)
    labels = torch.randint(0, sizes["num_labels"], (batch,), device=device)
    forward = torch.compile(model) if compiled else model

    def step():
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            logits = forward(pixel_values=images).logits
        torch.nn.functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()

    return step, batch


def steps(timer, chosen, compiles):
    print("| step | dtype | eager ms | images/s | compiled ms | images/s |\n|---|---|---:|---:|---:|---:|")
    for name in chosen:
        for method in METHODS:
            for bf16 in (False, True):
                cells = []
                for compiled in (False, True):
                    if compiled and not compiles:
                        cells += ["", ""]
                        continue
                    try:
                        step, batch = make_step(name, method, bf16, timer.device, compiled)
                        seconds = timer.seconds(step)
                        cells += [f"{1e3 * seconds:.3f}", f"{batch / seconds:.0f}"]
                    except ImportError as error:
                        cells += [f"no {error.name}", ""]
                    except Exception as error:  # a compiler that gives up is a result too
                        cells += [type(error).__name__, ""]
                    torch.compiler.reset()
                print(f"| {name}, {method} | {'bfloat16' if bf16 else 'float32'} | {' | '.join(cells)} |", flush=True)


def layer(timer, rows):
    """PEFT's BOFT layer, forward and backward."""
    try:
        from peft import BOFTConfig
        from peft.tuners.boft.layer import Linear

        from bench_peft import as_peft_is
    except ImportError as error:
        print(f"\nno {error.name}: PEFT's layer was not timed")
        return
    print("\n| BOFT layer 1536 -> 384, b 4, forward and backward | ms |\n|---|---:|")
    for m in (1, 2):
        base = torch.nn.Linear(1536, 384).requires_grad_(False)
        with as_peft_is(m):
            one = Linear(base, "default", BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=m, init_weights=False))
        one = one.to(timer.device)
        x = torch.randn(rows, 1536, device=timer.device, requires_grad=True)
        dy = torch.randn(rows, 384, device=timer.device)

        def call():
            one.zero_grad()
            x.grad = None
            one(x).backward(dy)

        print(f"| m {m}, {rows} rows | {1e3 * timer.seconds(call):.3f} |", flush=True)


def cayley(timer, elements):
    print("\n| Cayley by torch.linalg.solve, forward and backward | matrices | ms |\n|---|---:|---:|")
    for b in (4, 8, 16, 32, 64):
        count = max(elements // (b * b), 1)
        r = (0.1 * torch.randn(count, b, b, device=timer.device)).requires_grad_()
        dq, eye = torch.randn(count, b, b, device=timer.device), torch.eye(b, device=timer.device)

        def call():
            r.grad = None
            s = 0.5 * (r - r.transpose(1, 2))
            torch.linalg.solve(eye + s, eye - s, left=False).backward(dq)

        print(f"| b = {b} | {count} | {1e3 * timer.seconds(call):.3f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cpu only to try this script")
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--no-compile", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.backends.cuda.matmul.allow_tf32 = False  # as Papilio by default
    torch.backends.cudnn.allow_tf32 = False
    timer = Timer(arguments.device, arguments.repeats)
    small = arguments.device == "cpu"

    versions = [f"PyTorch {torch.__version__}"]
    for name in ("peft", "transformers"):
        try:
            versions.append(f"{name} {__import__(name).__version__}")
        except ImportError:
            versions.append(f"no {name}")
    print(", ".join(versions) + "\n")
    if not versions[2].startswith("no"):
        steps(timer, arguments.models, not arguments.no_compile)
    layer(timer, 64 if small else 32768)
    cayley(timer, 1 << 12 if small else 1 << 25)


if __name__ == "__main__":
    main()
