"""Module names: Papilio's are those of Transformers 4; Transformers 5 renamed some in memory, not in its model files."""

import re

import transformers

RENAMED = int(transformers.__version__.split(".")[0]) >= 5

SHARED = [  # (Transformers 4, Transformers 5)
    ("attention.attention.query", "attention.q_proj"),
    ("attention.attention.key", "attention.k_proj"),
    ("attention.attention.value", "attention.v_proj"),
    ("attention.output.dense", "attention.o_proj"),
]
VIT = [*SHARED, ("intermediate.dense", "mlp.fc1"), ("output.dense", "mlp.fc2")]


def key_to_ours(key, model_type):
    """A parameter's or module's path as Transformers 4 has it."""
    if not RENAMED:
        return key
    if model_type == "vit":
        key = re.sub(r"\bvit\.layers\.(\d+)", r"vit.encoder.layer.\1", key)
    for ours, theirs in VIT if model_type == "vit" else SHARED:
        key = re.sub(rf"(\.\d+)\.{re.escape(theirs)}\b", rf"\1.{ours}", key)
    return key


def key_to_theirs(key, model_type):
    """The same path as the installed Transformers has it."""
    if not RENAMED:
        return key
    for ours, theirs in VIT if model_type == "vit" else SHARED:
        key = re.sub(rf"(\.\d+)\.{re.escape(ours)}\b", rf"\1.{theirs}", key)
    if model_type == "vit":
        key = re.sub(r"\bvit\.encoder\.layer\.(\d+)", r"vit.layers.\1", key)
    return key


def target_to_theirs(target, model_type):
    """A suffix of target_modules, in this comparison's own small vocabulary. ("output.dense" is attention's as well in
    Transformers 4: name both.)"""
    if not RENAMED:
        return target
    names = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "attention.output.dense": "o_proj"}
    if model_type == "vit":
        names |= {"intermediate.dense": "fc1", "output.dense": "fc2"}
    return names.get(target, target)
