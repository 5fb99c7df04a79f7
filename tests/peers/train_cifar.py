#!/usr/bin/env python3
"""Trains in PyTorch what a `papilio train` trained on class folders of small pictures: the same architecture, start, recipe and
held-out pictures, all read from the run's run.toml, which is there from its first step on. See README.md.

    train_cifar.py RUN --out torch.csv [--minutes 60] [--compile] [--autocast]    trains; a line an epoch
    train_cifar.py RUN --curves torch.csv ...    when each accuracy was reached, by the run and there
    train_cifar.py RUN --check PAPILIO           logits, and accuracies, of the run's model in PyTorch
"""

import argparse
import contextlib
import copy
import csv
import json
import math
import subprocess
import sys
import time
import tomllib
from pathlib import Path

# A run's options that this script goes by, and those that change no result of it; others must be as they are here.
USED = """data validation-share split-seed image-size initializer-range epochs batch-size accumulate precision ema optimizer lr
weight-decay schedule warmup clip seed momentum min-lr label-smoothing crop padding hflip rand-augment magnitude mixup cutmix
reprob hidden-size layers heads intermediate-size patch-size conv-layers pooling attention-dropout dropout drop-path""".split()
NOT_USED = """version out test-share corrupt workers recompute min-scale interpolation checkpoint-steps keep-checkpoints
scaled-decoding threads products device rank-timeout gradients""".split()
FIXED = {"command": "train", "model-type": "vit", "classes": "", "layer-decay": 1, "patience": 0, "save": "last"}


def read_run(folder):
    r = tomllib.loads((folder / "run.toml").read_text())
    for key, value in r.items():
        if key not in USED and key not in NOT_USED and (key not in FIXED or value != FIXED[key]):
            sys.exit(f"{folder / 'run.toml'}: {key} = {value!r} is not in this script")
    return r


def model_of(r, classes, attention):
    """By the fields of config.json, which the run writes at its end."""
    from vit_torch import Attention, VisionTransformer

    Attention.written = attention == "written"
    return VisionTransformer({
        "image_size": r["image-size"], "patch_size": r.get("patch-size", 1 << r["conv-layers"]), "num_channels": 3,
        "hidden_size": r["hidden-size"], "num_hidden_layers": r["layers"], "num_attention_heads": r["heads"],
        "intermediate_size": r["intermediate-size"], "num_labels": classes, "qkv_bias": True, "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": r["dropout"], "attention_probs_dropout_prob": r["attention-dropout"],
        "drop_path_rate": r["drop-path"], "pooling": r["pooling"], "conv_layers": r["conv-layers"]})


def open_data(r, limit=None):
    """Training, validation and test pictures, decoded, and the names of the classes."""
    from cifar_pictures import Pictures, divided, files_of

    root = Path(r["data"])
    train, held = divided(files_of(root / "train"), root / "train", r["validation-share"], r["split-seed"])
    parts = [train, held, files_of(root / "test")]
    if limit:
        parts = [{name: paths[:limit] for name, paths in part.items()} for part in parts]
    return [Pictures(part, r["image-size"]) for part in parts], list(train)


def rate_factor(r, step, total):
    """nn/optim/schedule.h"""
    warmup = int(r["warmup"] * total)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if r["schedule"] == "constant":
        return 1.0
    done = min(1.0, (step - warmup) / max(1, total - warmup))
    left = 1 - done if r["schedule"] == "linear" else (1 + math.cos(math.pi * done)) / 2
    least = r["min-lr"] / r["lr"] if r["lr"] > 0 else 0
    return least + (1 - least) * left


def make_optimizer(model, r):
    import torch

    decayed, others = model.decayed()
    groups = [{"params": decayed, "weight_decay": r["weight-decay"]}, {"params": others, "weight_decay": 0.0}]
    if r["optimizer"] == "sgd":
        return torch.optim.SGD(groups, lr=r["lr"], momentum=r["momentum"])
    return torch.optim.AdamW(groups, lr=r["lr"], fused=True)


class Average:
    """Of the weights over the steps (--ema, nn/train/model_average.h), in a model of its own."""

    def __init__(self, model, decay):
        self.decay, self.updates, self.model = decay, 0, copy.deepcopy(model).requires_grad_(False)
        self.pairs = list(self.model.parameters()), [p.detach() for p in model.parameters()]

    def update(self):
        import torch

        torch._foreach_lerp_(*self.pairs, 1 - min(self.decay, (1 + self.updates) / (10 + self.updates)))
        self.updates += 1


def evaluate(model, pictures, batch, precision):
    """Accuracy and mean loss."""
    import torch

    right = loss = 0.0
    model.eval()
    with torch.inference_mode(), precision():
        for begin in range(0, len(pictures), batch):
            images, labels = pictures.plain(begin, begin + batch)
            logits = model(images).float()
            right += (logits.argmax(1) == labels).sum().item()
            loss += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
    model.train()
    return right / len(pictures), loss / len(pictures)


class Training:
    def __init__(self, r, arguments):
        import numpy
        import torch
        from safetensors.torch import load_file

        from cifar_pictures import Augmentation

        torch.set_num_threads(arguments.threads)
        (self.train, self.held, self.test), names = open_data(r, arguments.limit)
        torch.manual_seed(r["seed"])
        numpy.random.seed(r["seed"])
        self.r, self.arguments = r, arguments
        self.batches = Augmentation(self.train, r, len(names))
        self.model = model_of(r, len(names), arguments.attention)
        self.model.initialise(r["initializer-range"])
        if arguments.start:
            self.model.load_state_dict(load_file(arguments.start), strict=True)
        self.optimizer = make_optimizer(self.model, r)
        self.average = Average(self.model, r["ema"]) if r["ema"] > 0 else None
        half = r["precision"] == "bfloat16" if arguments.autocast is None else arguments.autocast
        self.precision = (lambda: torch.autocast("cpu", torch.bfloat16)) if half else contextlib.nullcontext
        self.run = torch.compile(self.model, dynamic=False) if arguments.compile else self.model
        self.per_epoch = math.ceil(math.ceil(len(self.train) / r["batch-size"]) / r["accumulate"])
        self.total = r["epochs"] * self.per_epoch
        self.steps, self.seconds = 0, 0.0
        self.reset_sums()

    def reset_sums(self):
        """Of an epoch: of its losses, its pictures, its steps' seconds."""
        self.loss, self.images, self.before = 0.0, 0, self.seconds

    def warm_up(self):
        """Compiles for both sizes of a batch; gradients are dropped, weights stay."""
        sizes = {min(self.r["batch-size"], len(self.train)), len(self.train) % self.r["batch-size"]} - {0}
        for size in sizes:
            self.backward([self.train.plain(0, size)])
        self.optimizer.zero_grad()

    def backward(self, batches):
        from torch.nn import functional as F

        all_images, sum_of_loss = sum(len(images) for images, _ in batches), 0.0
        for images, target in batches:
            with self.precision():
                loss = F.cross_entropy(self.run(images).float(), target, label_smoothing=self.r["label-smoothing"])
            share = len(images) / all_images
            (loss if share == 1 else loss * share).backward()
            sum_of_loss += loss.item() * share
        return sum_of_loss

    def step(self, batches):
        import torch

        rate = self.r["lr"] * rate_factor(self.r, self.steps, self.total)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        self.loss += self.backward(batches)
        if self.r["clip"] > 0:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.r["clip"])
        self.optimizer.step()
        if self.average:
            self.average.update()
        self.steps += 1
        self.images += sum(len(images) for images, _ in batches)

    def epoch(self, end):
        """Steps until the pictures or the time are over. Returns whether the time is."""
        source = self.batches.epoch(self.r["batch-size"])
        while True:
            begin = time.perf_counter()
            batches = [batch for _, batch in zip(range(self.r["accumulate"]), source)]
            if batches:
                self.step(batches)
            now = time.perf_counter()
            self.seconds += now - begin
            if now >= end:
                return True
            if not batches or self.steps % self.per_epoch == 0:
                return False

    def line(self, begin):
        """What an epoch, or a part of one, came to; resets its sums."""
        minutes, steps = (time.perf_counter() - begin) / 60, self.steps % self.per_epoch or self.per_epoch
        pictures, part = (self.held, "validation") if len(self.held) else (self.test, "test")
        accuracy, loss = evaluate(self.shown(), pictures, self.r["batch-size"], self.precision)
        line = {"epoch": round(self.steps / self.per_epoch, 3), "step": self.steps, "minutes": minutes,
                "training_minutes": self.seconds / 60, "loss": self.loss / steps, f"{part}_loss": loss,
                f"{part}_accuracy": accuracy, "images_per_second": self.images / (self.seconds - self.before)}
        self.reset_sums()
        return line

    def shown(self):
        """The model that is evaluated: as it is, for a graph of evaluation would be compiled on the clock."""
        return self.average.model if self.average else self.model


def csv_file(file, columns):
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    return writer


def train(r, arguments):
    import torch

    training = Training(r, arguments)
    how = (f"{arguments.threads} threads", "compiled" if arguments.compile else "eager",
           "float32" if training.precision is contextlib.nullcontext else "autocast", f"attention {arguments.attention}")
    print(f"PyTorch {torch.__version__}, {', '.join(how)}; {len(training.train)} images to train, {len(training.held)} to "
          f"validate, {len(training.test)} to test; {training.total} steps", flush=True)
    begin = time.perf_counter()
    if arguments.compile:
        training.warm_up()
        print(f"compiled in {time.perf_counter() - begin:.0f} s, before the clock starts", flush=True)
    with contextlib.ExitStack() as stack:
        writer = None
        begin = time.perf_counter()
        end, over = begin + 60 * arguments.minutes, False
        while training.steps < training.total and not over:
            over = training.epoch(end)
            line = training.line(begin)
            print("  ".join(f"{key} {value:.5g}" for key, value in line.items()), flush=True)
            if arguments.out:
                writer = writer or csv_file(stack.enter_context(open(arguments.out, "w", buffering=1)), line)
                writer.writerow(line)
    accuracy, loss = evaluate(training.shown(), training.test, r["batch-size"], training.precision)
    print(f"test accuracy {100 * accuracy:.2f} %, loss {loss:.4f}")
    if arguments.save:
        from safetensors.torch import save_file

        save_file(training.shown().state_dict(), arguments.save)


def check(folder, program, r, arguments):
    """The run's tensors in PyTorch: what `papilio predict` says of ten pictures a class; accuracies as in results.json."""
    import torch
    from safetensors.torch import load_file

    from cifar_pictures import Pictures, files_of

    torch.set_num_threads(arguments.threads)
    (_, held, test), names = open_data(r)
    model = model_of(r, len(names), arguments.attention)
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    model.eval()
    files = {name: paths[:10] for name, paths in files_of(Path(r["data"]) / "test").items()}
    paths = [path for of_class in files.values() for path in of_class]
    done = subprocess.run([program, "predict", folder, *paths, "--top", str(len(names)), "--threads", str(arguments.threads),
                           "--json"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    theirs = [{guess["class"]: guess["probability"] for guess in one["top"]} for one in json.loads(done.stdout)["predictions"]]
    with torch.no_grad():
        images, _ = Pictures(files, r["image-size"]).plain(0, len(paths))
        logits = model(images)
    # Probabilities say logits but for a number that all classes of a picture share.
    expected = torch.tensor([[one[name] for name in names] for one in theirs], dtype=torch.float64).log()
    worst = (logits.double().log_softmax(1) - expected).abs().max().item()
    print(f"{len(paths)} pictures, largest difference of logits {worst:.1e} (largest logit {logits.abs().max():.2f})")
    good = worst < 1e-5
    results = json.loads((folder / "results.json").read_text())
    for part, pictures in (("validation", held), ("test", test)):
        accuracy, _ = evaluate(model, pictures, 256, contextlib.nullcontext)
        other = results[f"{part}_accuracy"]
        print(f"{part} accuracy {100 * accuracy:.2f} %, of the run {100 * other:.2f} %, {len(pictures)} pictures")
        good &= abs(accuracy - other) <= 1.01 / len(pictures)  # one may lie on the border
    return not good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a papilio train")
    parser.add_argument("--data", help="class folders; without: the run's own path")
    parser.add_argument("--out", type=Path, help="a line of CSV an epoch")
    parser.add_argument("--start", type=Path, help="safetensors of the weights to begin with")
    parser.add_argument("--save", type=Path, help="safetensors of the trained weights")
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which training stops; the schedule stays")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--autocast", action=argparse.BooleanOptionalAction, help="bfloat16, or not; without: as the run")
    parser.add_argument("--attention", choices=("sdpa", "written"), default="sdpa", help="fused, or matmul and softmax")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, help="without: the run's")
    parser.add_argument("--limit", type=int, help="pictures of each class and part, for trying")
    parser.add_argument("--curves", type=Path, nargs="+", metavar="CSV", help="compare instead of training")
    parser.add_argument("--check", metavar="PAPILIO", help="compare the run's model instead of training")
    arguments = parser.parse_args()
    r = read_run(arguments.run)
    r |= {key: value for key, value in (("data", arguments.data), ("seed", arguments.seed)) if value is not None}
    if arguments.curves:
        from cifar_curves import compare

        return compare(arguments.run, arguments.curves)
    if arguments.check:
        return check(arguments.run, arguments.check, r, arguments)
    return train(r, arguments)


if __name__ == "__main__":
    sys.exit(main())
