#!/usr/bin/env python3
"""Times the UNet of Stable Diffusion 1.5 beside Diffusers and PEFT on PyTorch (eager): the same random weights (3.4 GB, written
once into a temporary folder), one image of 32 x 32 latents, 77 tokens, the same threads; one training step of each method
(noise prediction, AdamW) and one denoising step.

Every measurement is a process of its own, made in turns: ours, theirs, ours, ... The shortest call of each counts, and the
growth of the process over the loaded weights. OMP_NUM_THREADS alone says how many threads PyTorch takes: after
torch.set_num_threads its solve, and so PEFT's BOFT with blocks of 160, fails (findings/torch_threads_solve.sh). See README.md.
"""

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from bench_peft import process_bytes, shortest

LEARNING_RATE = 3e-5  # the guide's, as in papilio_diffusion.cpp
TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]
# PEFT's configurations, how many times faster Papilio wants to be, and at most what share of the memory's growth.
METHODS = {
    "BOFT, 8 blocks": (dict(kind="BOFTConfig", boft_block_num=8, boft_block_size=0, bias="boft_only"), 3, 0.5),
    "OFT, blocks of 32": (dict(kind="OFTConfig", oft_block_size=32, use_cayley_neumann=False), None, None),
    "LoRA, rank 8": (dict(kind="LoraConfig", r=8), None, None),
    "full": (None, None, None),
}


def make_config(kind, **arguments):
    import peft

    return getattr(peft, kind)(target_modules=TARGETS, **arguments)


def make_files(folder, small):
    """The UNet, and every method's adapter on it."""
    import torch
    from diffusers import UNet2DConditionModel
    from peft import get_peft_model

    torch.manual_seed(0)
    sizes = dict(block_out_channels=(64, 128), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                 up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")) if small else {}
    unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8, **sizes)
    unet.save_pretrained(folder / "unet")
    for i, (arguments, _, _) in enumerate(METHODS.values()):
        if arguments:
            adapted = get_peft_model(unet, make_config(**arguments))
            adapted.save_pretrained(folder / f"adapter{i}")
            unet = adapted.unload()


def report(seconds, call):
    Path("/proc/self/clear_refs").write_text("5")  # the largest so far becomes what it is now
    before = process_bytes("VmRSS")
    call()
    print(shortest(seconds, call), process_bytes("VmHWM") - before)


def child(words):
    import torch
    from diffusers import DDPMScheduler, UNet2DConditionModel
    from peft import get_peft_model

    warnings.simplefilter("ignore")
    if words[0] == "files":
        return make_files(Path(words[1]), words[2] == "small")
    unet, seconds = UNet2DConditionModel.from_pretrained(words[1]), float(words[-1])
    latents, context = torch.randn(1, 4, 32, 32), torch.randn(1, 77, 768)
    if words[0] == "denoise":
        with torch.no_grad():
            return report(seconds, lambda: unet(latents, torch.tensor([500]), encoder_hidden_states=context))
    unet.train()
    if words[2] != "full":
        unet = get_peft_model(unet, make_config(**METHODS[words[2]][0]))
    optimizer = torch.optim.AdamW([p for p in unet.parameters() if p.requires_grad], lr=LEARNING_RATE)
    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")

    def step():
        optimizer.zero_grad()
        noise, t = torch.randn_like(latents), torch.randint(0, 1000, (1,))
        said = unet(scheduler.add_noise(latents, noise, t), t, encoder_hidden_states=context).sample
        torch.nn.functional.mse_loss(said, noise).backward()
        optimizer.step()

    report(seconds, step)


def measured(command, environment):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
    return [float(v) for v in done.stdout.split()[-2:]]


def row(what, ours, theirs, goal, share, arguments):
    """Two commands in turns; a row of the table."""
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads), "CUDA_VISIBLE_DEVICES": ""}
    found = ([], [])
    for _ in range(arguments.rounds):
        found[0].append(measured([arguments.program, *ours, arguments.seconds], environment))
        found[1].append(measured([sys.executable, __file__, "--child", *theirs, arguments.seconds], environment))
    (a, size), (b, other) = (map(min, zip(*side)) for side in found)
    faster = "" if goal is None else f"{goal}" + ("" if b / a >= goal else " (missed)")
    least = "" if share is None else f"{share}" + ("" if size / other <= share else " (missed)")
    print(f"| {what:<34} | {a:>8.3f} s | {b:>8.3f} s | {b / a:>5.2f} | {faster:<12} | {size / 2**30:>6.2f} GiB |"
          f" {other / 2**30:>6.2f} GiB | {size / other:>5.2f} | {least:<12} |", flush=True)


def main():
    if sys.argv[1:2] == ["--child"]:
        return child(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, help="papilio_diffusion")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0, help="of one measurement, at least one call")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--small", action="store_true", help="a UNet of two blocks, to try the script")
    arguments = parser.parse_args()

    import diffusers
    import peft
    import torch

    print(f"{datetime.date.today()}; Diffusers {diffusers.__version__}, PEFT {peft.__version__}, PyTorch {torch.__version__}; "
          f"{arguments.threads} threads\n")
    print("| what | Papilio | PyTorch | times | target | growth | PyTorch's | share | target |\n"
          "|---|--:|--:|--:|---|--:|--:|--:|---|")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, "--child", "files", folder, "small" if arguments.small else "1.5"],
                       check=True, env=os.environ | {"OMP_NUM_THREADS": str(arguments.threads)})
        unet = f"{folder}/unet"
        for i, (method, (options, goal, share)) in enumerate(METHODS.items()):
            what = f"training step, {method}"
            if arguments.only in what:
                adapter = f"{folder}/adapter{i}" if options else "full"
                row(what, ["step", unet, adapter], ["step", unet, method], goal, share, arguments)
        if arguments.only in "denoising step":
            row("denoising step", ["denoise", unet], ["denoise", unet], 1.3, None, arguments)


if __name__ == "__main__":
    main()
