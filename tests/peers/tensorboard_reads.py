"""Kills and resumes a run of papilio, reads its event files with TensorBoard's own reader, and compares them with log.csv:
every step is there once, in order, with its value.

    pip install tensorboard
    python tests/peers/tensorboard_reads.py build/release/samples/papilio/papilio
"""

import csv
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

KILLS = 4


def lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def run(program, folder):
    """Killed a few steps behind a checkpoint, again and again, and resumed to its end; once more when there is nothing to do."""
    words = [program, "train", "--classes", "0-4", "--hidden-size", "16", "--layers", "1", "--heads", "2", "--patch-size",
             "4", "--epochs", "60", "--batch-size", "32", "--checkpoint-steps", "17", "--out", folder, "--quiet"]
    for kill in range(KILLS):
        process = subprocess.Popen(words + ["--resume"] * (kill > 0), stdout=subprocess.DEVNULL)
        end = lines(folder / "steps.csv") + 150
        while lines(folder / "steps.csv") < end:
            assert process.poll() is None, "the run ended by itself"
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
    for _ in range(2):
        subprocess.run([*words, "--resume"], check=True, stdout=subprocess.DEVNULL)


def compare(folder):
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    with open(folder / "log.csv") as file:
        rows = list(csv.DictReader(file))
    for tag, column in (("train/epoch_loss", "loss"), ("validation/loss", "validation_loss"),
                        ("validation/accuracy", "validation_accuracy")):
        read = [(event.step, event.value) for event in events.Scalars(tag)]
        written = [(int(row["step"]), float(row[column])) for row in rows if row[column] != "nan"]
        assert [step for step, _ in read] == [step for step, _ in written], tag
        worst = max((abs(a - b) / max(1, abs(b)) for (_, a), (_, b) in zip(read, written)), default=0)
        assert worst < 1e-6, (tag, worst)
        print(f"{tag}: {len(read)} values, largest difference {worst:.1e}")
    with open(folder / "steps.csv") as file:
        written = [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
    read = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert [step for step, _ in read] == list(range(1, int(rows[-1]["step"]) + 1)), "a step is missing, twice or out of order"
    assert [step for step, _ in written] == [step for step, _ in read], "steps.csv"
    worst = max(abs(a - b) / max(1, abs(b)) for (_, a), (_, b) in zip(read, written))
    assert worst < 1e-6, worst
    print(f"train/loss: every one of {len(read)} steps once, largest difference {worst:.1e}")


with tempfile.TemporaryDirectory() as scratch:
    run(sys.argv[1], pathlib.Path(scratch) / "run")
    files = sorted((pathlib.Path(scratch) / "run" / "tensorboard").iterdir())
    print(f"{KILLS} kills, {len(files)} event files")
    compare(pathlib.Path(scratch) / "run")
