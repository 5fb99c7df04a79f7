#!/bin/bash
# Transformers 5.24.0: null in preprocessor_config.json is not "as if it were not there", though the code means it so.
#
# BaseImageProcessor._set_attributes replaces None by the class's own value: "attributes[key] = kwarg if not None else
# getattr(self, key)". But ImageProcessingMixin.__init__ has stored every keyword on the instance before, so getattr finds
# the None. A file with "do_normalize": null gives pictures that are not normalised; without the line they are. Files of
# Transformers 5 are full of nulls, for fields whose default is None anyway.
# Seen: black becomes -1.0 without the field and 0.0 with null.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install transformers==5.24.0 pillow==13.0.0 numpy==2.4.6
mkdir "$folder/absent" "$folder/null"
for kind in absent null; do echo '{"model_type": "vit"}' > "$folder/$kind/config.json"; done
echo '{"image_processor_type": "ViTImageProcessor", "size": 8}' > "$folder/absent/preprocessor_config.json"
echo '{"image_processor_type": "ViTImageProcessor", "size": 8, "do_normalize": null}' > "$folder/null/preprocessor_config.json"
"$folder/venv/bin/python" - "$folder" <<'PYTHON' 2>"$folder/log" || { cat "$folder/log"; exit 1; }
import sys

from PIL import Image
from transformers import AutoImageProcessor

black = Image.new("RGB", (8, 8))
values = {}
for kind in ("absent", "null"):
    processor = AutoImageProcessor.from_pretrained(f"{sys.argv[1]}/{kind}", backend="pil")
    values[kind] = (processor.do_normalize, float(processor(black, return_tensors="np")["pixel_values"].max()))
print(values)
assert values["absent"] == (True, -1.0), "the default is another one now"
assert values["null"] == (None, 0.0), "null means the class's default now"
PYTHON
