"""Validation accuracy over minutes: of a run's folder and of what train_cifar.py wrote."""

import csv
import math
import struct
import sys


def clock_of(folder):
    """Of each step of a run, when it ended: TensorBoard's events have the time, the step, then the rest."""
    files = list((folder / "tensorboard").iterdir())
    if len(files) > 1:
        sys.exit(f"{folder}: went on after an interruption: its clock does not say how long it trained")
    data, at, times = files[0].read_bytes(), 0, {}
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        (when,) = struct.unpack_from("<d", data, at + 13)  # behind the length, its check sum and the field's key
        step, shift, byte = 0, 0, at + 22
        while True:
            step |= (data[byte] & 127) << shift
            if data[byte] < 128:
                break
            byte, shift = byte + 1, shift + 7
        times.setdefault(step, when)  # an epoch's own event comes after its validation
        at += length + 16
    return times


def curve_of_run(folder):
    """(minutes, training minutes, validation accuracy) at each epoch's end."""
    with open(folder / "steps.csv") as file:
        seconds = {int(row["step"]): float(row["seconds"]) for row in csv.DictReader(file)}
    clock, spent, sums = clock_of(folder), 0.0, {}
    for step, one in seconds.items():
        spent += one
        sums[step] = spent
    start = clock[1] - seconds[1]
    with open(folder / "log.csv") as file:
        rows = [(int(row["step"]), float(row["validation_accuracy"])) for row in csv.DictReader(file)]
    return [((clock[step] - start) / 60, sums[step] / 60, accuracy) for step, accuracy in rows]


def curve_of_file(path):
    with open(path) as file:
        rows = list(csv.DictReader(file))
    return [(float(row["minutes"]), float(row["training_minutes"]), float(row["validation_accuracy"])) for row in rows]


def reached(curve, accuracy, which):
    return next((point[which] for point in curve if point[2] >= accuracy), None)


def compare(folder, files):
    """A table: whenever PyTorch was better than before, when the run was as good. Fails if that took more than half as long."""
    ours, worst = curve_of_run(folder), 0.0
    print("| peer | validation accuracy | peer, minutes | Papilio, minutes | times | in training alone |")
    print("|---|--:|--:|--:|--:|--:|")
    for path in files:
        best = -1.0
        for point in (theirs := curve_of_file(path)):
            if point[2] <= best:
                continue
            best = point[2]
            at = [reached(ours, best, which) for which in (0, 1)]
            if at[0] is None:
                print(f"| {path.stem} | {100 * best:.1f} % | {point[0]:.1f} | not reached | | |")
                worst = math.inf
                continue
            print(f"| {path.stem} | {100 * best:.1f} % | {point[0]:.1f} | {at[0]:.1f} | {point[0] / at[0]:.2f} | "
                  f"{point[1] / at[1]:.2f} |")
            worst = max(worst, at[0] / point[0])
        print(f"| {path.stem} | at its end, {100 * theirs[-1][2]:.1f} % | {theirs[-1][0]:.1f} | "
              f"{ours[-1][0]:.1f} at {100 * ours[-1][2]:.1f} % | | |")
    return worst > 0.5
