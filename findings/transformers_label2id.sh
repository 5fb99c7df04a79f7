#!/bin/bash
# Transformers 5.24.0: label2id in config.json is not the other half of id2label.
#
# Both are fields of PreTrainedConfig and say the same twice. If a file has label2id alone, its names are lost: outputs
# are called LABEL_0, LABEL_1 and label2id is replaced, without a word. If the two contradict each other both are kept as
# they are, again without a word: what a pipeline calls cat has the number that label2id gives to dog.
# Seen: with {"label2id": {"cat": 0, "dog": 1}} the names are LABEL_0 and LABEL_1; with id2label {"0": "cat", "1": "dog"}
# and label2id {"dog": 0, "cat": 1}, label2id[id2label[0]] is 1.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install transformers==5.24.0 numpy==2.4.6
mkdir "$folder/alone" "$folder/both"
echo '{"model_type": "vit", "num_labels": 2, "label2id": {"cat": 0, "dog": 1}}' > "$folder/alone/config.json"
echo '{"model_type": "vit", "id2label": {"0": "cat", "1": "dog"}, "label2id": {"dog": 0, "cat": 1}}' > "$folder/both/config.json"
"$folder/venv/bin/python" - "$folder" <<'PYTHON' 2>"$folder/log" || { cat "$folder/log"; exit 1; }
import sys

from transformers import AutoConfig

alone = AutoConfig.from_pretrained(f"{sys.argv[1]}/alone")
both = AutoConfig.from_pretrained(f"{sys.argv[1]}/both")
print(alone.id2label, alone.label2id, both.id2label, both.label2id)
assert alone.id2label == {0: "LABEL_0", 1: "LABEL_1"}, "label2id alone names the outputs now"
assert alone.label2id == {"LABEL_0": 0, "LABEL_1": 1}, "label2id alone is kept now"
assert both.label2id[both.id2label[0]] == 1, "a contradiction is settled now"
PYTHON
grep -qi label "$folder/log" && { echo "it is said now:"; cat "$folder/log"; exit 1; }
exit 0
