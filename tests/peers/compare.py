#!/usr/bin/env python3
"""Compares Papilio with PEFT on whole models, in both directions, and prints one table. See README.md."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

import side_peft
from cases import cases

COLUMNS = ("logits", "gradients", "merged", "back")
TOLERANCE = {"logits": 1e-5, "gradients": 1e-4, "merged": 1e-5, "back": 1e-5}


def difference(ours, theirs, at_least=0.0):
    """max |a - b| / max |b|."""
    if ours.shape != theirs.shape:
        raise RuntimeError(f"shapes {tuple(ours.shape)} and {tuple(theirs.shape)}")
    if theirs.numel() == 0:
        return 0.0
    return ((ours.double() - theirs.double()).abs().max() / max(theirs.abs().max().item(), at_least, 1e-30)).item()


def difference_of_gradients(folder, theirs):
    """The worst tensor of every adapter; tiny ones are measured against a hundredth of the largest."""
    worst = 0.0
    for name, tensors in theirs.items():
        ours = load_file(side_peft.folder_of(folder, name) / side_peft.WEIGHTS)
        if set(ours) != set(tensors):
            raise RuntimeError(f"keys differ: {sorted(set(ours) ^ set(tensors))}")
        floor = 1e-2 * max(v.abs().max().item() for v in tensors.values())
        worst = max([worst, *(difference(ours[k], v, floor) for k, v in tensors.items())])
    return worst


def rounding(case, base, model_type, batch):
    """How far PEFT in float32 is from itself in float64: what no float32 program can be asked to keep."""
    model = side_peft.make_adapted(side_peft.load_base(base, model_type), case)
    tensors = {d: side_peft.gradients(model, batch, case, d) for d in (torch.float32, torch.float64)}
    values = {d: side_peft.logits(model, batch, d) for d in (torch.float32, torch.float64)}
    gradients = 0.0
    for name, exact in tensors[torch.float64].items():
        floor = 1e-2 * max(v.abs().max().item() for v in exact.values())
        gradients = max([gradients, *(difference(tensors[torch.float32][name][k], v, floor) for k, v in exact.items())])
    own = difference(values[torch.float32], values[torch.float64])
    return {"logits": own, "merged": own, "gradients": gradients, "back": own}


def compare(case, program, base, model_type, batch_path, scratch, steps):
    """Differences by column, and how far the adapters move the base's logits."""
    batch = load_file(batch_path)
    before = side_peft.logits(side_peft.load_base(base, model_type), batch)
    model = side_peft.make_adapted(side_peft.load_base(base, model_type), case)
    folder, out = scratch / "from_peft", scratch / "from_papilio"
    model.save_pretrained(folder)
    words = [f"{name}={side_peft.folder_of(folder, name)}" for name in case.adapters]
    done = subprocess.run([program, base, batch_path, out, str(steps), *words], capture_output=True, text=True)
    # Nearest divisors; a number of factors that PEFT itself changed; OFT at a convolution, whose row is merged only.
    expected = ("adjusted to", "loaded with one", *(["until it is merged"] if case.merged_only else []))
    complaints = [text for text in done.stdout.splitlines() if not any(word in text for word in expected)]
    if done.returncode or complaints:
        raise RuntimeError(done.stderr.strip() or complaints)
    ours = load_file(out / "result.safetensors")
    theirs = side_peft.merged_logits(model, batch)
    row = {"merged": difference(ours["merged_logits"], theirs), "effect": difference(theirs, before)}
    if case.merged_only:
        row["logits"] = difference(ours["logits"], theirs)
    else:
        row["logits"] = difference(ours["logits"], side_peft.logits(model, batch))
        row["gradients"] = difference_of_gradients(out / "gradients", side_peft.gradients(model, batch, case))
    fresh = side_peft.load(side_peft.load_base(base, model_type), case, out / "trained")
    answer = side_peft.merged_logits if case.merged_only else side_peft.logits
    row["back"] = difference(ours["trained_logits"], answer(fresh, batch))
    row["trained"] = difference(ours["trained_logits"], ours["logits"])
    return row


def line(cells):
    return f"| {cells[0]:<44} | {cells[1]:>5} | " + " | ".join(f"{c:>9}" for c in cells[2:]) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path, help="papilio_peer")
    parser.add_argument("--models", nargs="+", default=["vit", "dinov2", "deit", "dinov3", "timm"],
                        choices=["vit", "dinov2", "deit", "dinov3", "timm"])
    parser.add_argument("--methods", nargs="+", default=["boft", "oft", "lora", "hra"],
                        choices=["boft", "oft", "lora", "hra"])
    parser.add_argument("--steps", type=int, default=3, help="of training here, before the way back")
    parser.add_argument("--only", default="", help="groups whose name contains this")
    arguments = parser.parse_args()
    print(side_peft.heading())
    print(line(["group", "cases", *COLUMNS, "effect"]))
    print("|---|---:|" + "---:|" * (len(COLUMNS) + 1))
    failures = []
    for model_type in arguments.models:
        rows = {}
        with tempfile.TemporaryDirectory() as scratch:
            base, batch = Path(scratch) / "base", Path(scratch) / "batch.safetensors"
            side_peft.make_base(base, model_type)
            side_peft.make_batch(batch)
            for i, case in enumerate(cases(model_type, arguments.methods)):
                if arguments.only not in case.group:
                    continue
                here = Path(scratch) / str(i)
                here.mkdir()
                try:
                    row = compare(case, arguments.program, base, model_type, batch, here, arguments.steps)
                    bad = [c for c in COLUMNS if not row.get(c, 0) <= TOLERANCE[c]]
                    if bad:
                        own = rounding(case, base, model_type, load_file(batch))
                        bad = [c for c in bad if not row[c] <= 3 * own[c]]
                    if row["effect"] < 0.01 or row["trained"] < 1e-4:
                        bad.append("effect")  # an adapter that does nothing would agree with anything
                    if bad:
                        failures.append(f"{case}: {', '.join(f'{c} {row[c]:.1e}' for c in bad)}")
                except RuntimeError as error:
                    row = {}
                    failures.append(f"{case}: {error}")
                rows.setdefault(case.group, []).append(row)
        for group, found in rows.items():
            worst = [max((r[c] for r in found if c in r), default=None) for c in COLUMNS]
            effect = min((r["effect"] for r in found if r), default=None)
            print(line([f"{model_type}: {group}", str(len(found)),
                        *("-" if w is None else f"{w:.1e}" for w in worst),
                        "-" if effect is None else f"{effect:.2f}"]))
    for failure in failures:
        print("DIFFERS:", failure)
    print(f"\n{'nothing differs' if not failures else f'{len(failures)} cases differ'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
