"""Reads the event files of a run of papilio with TensorBoard's own reader and compares them with its log.csv.

    pip install tensorboard
    python tests/peers/tensorboard_reads.py runs/train
"""

import csv
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

folder = pathlib.Path(sys.argv[1])
events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
events.Reload()
with open(folder / "log.csv") as file:
    rows = list(csv.DictReader(file))
for tag, column in (
    ("train/epoch_loss", "loss"),
    ("validation/loss", "validation_loss"),
    ("validation/accuracy", "validation_accuracy"),
):
    read = [(event.step, event.value) for event in events.Scalars(tag)]
    written = [(int(row["step"]), float(row[column])) for row in rows if row[column] != "nan"]
    assert [step for step, _ in read] == [step for step, _ in written], tag
    worst = max((abs(a - b) / max(1, abs(b)) for (_, a), (_, b) in zip(read, written)), default=0)
    assert worst < 1e-6, (tag, worst)
    print(f"{tag}: {len(read)} values, largest difference {worst:.1e}")
steps = [event.step for event in events.Scalars("train/loss")]
assert steps == list(range(1, int(rows[-1]["step"]) + 1)), "a step is missing or twice"
print(f"train/loss: every one of {len(steps)} steps")
