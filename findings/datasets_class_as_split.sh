#!/bin/bash
# datasets 5.2.0: a class called train_station is taken for the split "train", and the other classes' pictures are gone.
#
# imagefolder names classes by folders, and splits by words in a path: train, test, val, dev, eval ... with anything but a
# letter behind. If a folder holds bus_stop and train_station, the second is all that is loaded, without labels, because one
# class is none; "valid" beside "invalid" is the validation split. No word is said about what was left out.
# Seen: bus_stop, harbour give 6 pictures with 2 classes; bus_stop, train_station give 3 with no label column.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install datasets==5.2.0 pillow==13.0.0
export HF_HOME="$folder/home" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
"$folder/venv/bin/python" - "$folder" <<'PYTHON' 2>"$folder/log" || { cat "$folder/log"; exit 1; }
import sys
from pathlib import Path

from datasets import load_dataset
from PIL import Image


def loaded(*classes):
    folder = Path(sys.argv[1]) / "-".join(classes)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (4, 4)).save(folder / name / f"{i}.png")
    splits = load_dataset("imagefolder", data_dir=str(folder))
    result = {split: (len(data), data.features["label"].names if "label" in data.features else None)
              for split, data in splits.items()}
    print(*classes, "->", result)
    return result


assert loaded("bus_stop", "harbour") == {"train": (6, ["bus_stop", "harbour"])}
assert loaded("bus_stop", "train_station") == {"train": (3, None)}, "a class's name is no split now"
assert loaded("invalid", "valid") == {"validation": (3, None)}, "a class's name is no split now"
PYTHON
