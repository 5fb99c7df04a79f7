"""Loads a model folder that Papilio wrote and prints whether its logits are those of the golden answers.

    python tests/peers/transformers_reads.py FOLDER tests/golden/transformers/dinov2/answers.safetensors
"""

import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageClassification

model, info = AutoModelForImageClassification.from_pretrained(sys.argv[1], output_loading_info=True)
answers = load_file(sys.argv[2])
with torch.no_grad():
    worst = (model.eval()(pixel_values=answers["12x12.images"]).logits - answers["12x12.logits"]).abs().max().item()
problems = {key: value for key, value in info.items() if value}
print(type(model).__name__, list(model.config.id2label.values()), f"largest difference {worst:.1e}", problems or "")
sys.exit(bool(problems) or not worst < 1e-5)
