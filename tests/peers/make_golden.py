#!/usr/bin/env python3
"""Writes tests/golden/peers/MODEL: a tiny base, a batch, and PEFT's adapter folders with what PEFT computes from them;
and layers/, the same for two layers alone.

    make_golden.py [OUT [NAME...]]      only the named cases (all by default); the base is written where it is missing

Under Transformers 4; under Transformers 5 it writes the cases that show that one's module names.
"""

import copy
import json
import sys
import warnings
from pathlib import Path

import torch
import transformers
from peft import BOFTConfig, HRAConfig, LoraConfig, OFTConfig, get_peft_model
from safetensors.torch import load_file, save_file

import side_peft
from cases import RENAMED, TARGETS, Case, one

HIDDEN = 16


def golden_cases(model_type):
    targets = TARGETS[model_type]
    if RENAMED:
        yield "boft_transformers5", one("", BOFTConfig, boft_block_size=4, bias="all", layers_to_transform=[0],
                                        modules_to_save=["classifier"], target_modules=targets)
        yield "hra_transformers5", one("", HRAConfig, r=4, bias="hra_only", modules_to_save=["classifier"],
                                       target_modules=targets)
        return
    yield "boft_b4_m2_saved", one("", BOFTConfig, boft_block_size=4, boft_n_butterfly_factor=2, bias="boft_only",
                                  modules_to_save=["classifier"], target_modules=targets)
    yield "boft_b2_m3_layer1", one("", BOFTConfig, boft_block_size=2, boft_n_butterfly_factor=3, bias="all",
                                   layers_to_transform=[1], target_modules=targets)
    yield "boft_two", Case("", {
        name: (BOFTConfig, dict(boft_block_size=4, boft_n_butterfly_factor=2, target_modules=found))
        for name, found in (("first", targets), ("second", targets[:2]))})
    if model_type != "vit":
        yield "oft_exact_saved", one("", OFTConfig, oft_block_size=4, use_cayley_neumann=False, bias="oft_only",
                                     modules_to_save=["classifier"], target_modules=targets)
        yield "oft_neumann_share", one("", OFTConfig, oft_block_size=4, block_share=True, bias="all",
                                       layers_to_transform=[1], target_modules=targets)
        yield "oft_coft_nearest", one("", OFTConfig, oft_block_size=5, coft=True, eps=0.1, use_cayley_neumann=False,
                                      target_modules=targets)
        yield "lora_r2_saved", one("", LoraConfig, r=2, lora_alpha=3, bias="lora_only", modules_to_save=["classifier"],
                                   target_modules=targets)
        yield "lora_two", Case("", {
            name: (LoraConfig, dict(r=r, lora_alpha=3, target_modules=found))
            for name, r, found in (("first", 2, targets), ("second", 4, targets[:2]))})
        return
    yield "boft_one_factor", Case("", {
        "default": (BOFTConfig, dict(boft_block_size=4, boft_n_butterfly_factor=2, target_modules=targets[:2]))},
        extension=False)
    yield "boft_num4", one("", BOFTConfig, boft_block_size=0, boft_block_num=4, target_modules=targets)
    yield "boft_convolution", one("", BOFTConfig, boft_block_size=4, boft_n_butterfly_factor=2, bias="boft_only",
                                  target_modules=["projection", "query"])
    yield "boft_all_saved", one("", BOFTConfig, boft_block_size=4, bias="all", modules_to_save=["classifier"],
                                target_modules=targets[:2])
    yield "lora_r2_saved", one("", LoraConfig, r=2, lora_alpha=3, bias="lora_only", modules_to_save=["classifier"],
                               target_modules=targets)
    yield "oft_exact_saved", one("", OFTConfig, oft_block_size=4, use_cayley_neumann=False, bias="oft_only",
                                 modules_to_save=["classifier"], target_modules=targets)
    yield "oft_neumann_r2", one("", OFTConfig, r=2, oft_block_size=0, target_modules=targets)
    yield "oft_coft_share", one("", OFTConfig, oft_block_size=4, coft=True, eps=0.1, block_share=True,
                                num_cayley_neumann_terms=4, target_modules=targets)
    yield "oft_nearest", one("", OFTConfig, oft_block_size=5, use_cayley_neumann=False, target_modules=targets)
    yield "oft_convolution", Case("", {
        "default": (OFTConfig, dict(oft_block_size=4, use_cayley_neumann=False, target_modules=["projection"]))},
        merged_only=True)


def clean(folder):
    """What PEFT wrote, without the base's path and the template of a model card, and in one order."""
    for path in folder.rglob("adapter_config.json"):
        config = json.loads(path.read_text())
        config["base_model_name_or_path"] = "base"
        if isinstance(config["target_modules"], list):
            config["target_modules"].sort()
        path.write_text(json.dumps(config, indent=2, sort_keys=True))
    (folder / "README.md").unlink(missing_ok=True)


def write(folder, case, base, model_type):
    batch = load_file(folder.parent / "batch.safetensors")
    model = side_peft.make_adapted(side_peft.load_base(base, model_type), case)
    model.save_pretrained(folder)
    clean(folder)
    expected = {"merged_logits": side_peft.merged_logits(model, batch)}
    if not case.merged_only:
        expected["logits"] = side_peft.logits(model, batch)
        for name, tensors in side_peft.gradients(model, batch, case).items():
            expected |= {f"{name}/{key}": value for key, value in tensors.items()}
    expected = {key: value.detach().to(torch.float32).contiguous() for key, value in expected.items()}
    save_file(expected, folder / "expected.safetensors", {"adapters": " ".join(case.adapters)})


class TwoLayers(torch.nn.Module):
    """What ViT and DINOv2 have none of: an embedding, and GPT-2's transposed linear layer. y = conv1d(table(ids))"""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(11, 16)
        self.conv1d = transformers.pytorch_utils.Conv1D(8, 16)

    def forward(self, ids):
        return self.conv1d(self.table(ids))


def write_layers(folder):
    """base.safetensors; for each case PEFT's folder, and from the ids its output, its gradients for dL/dy = dy, W'."""
    torch.manual_seed(5)
    base = TwoLayers()
    with torch.no_grad():
        for parameter in base.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
    ids, dy = torch.tensor([[0, 3, 10, 3], [7, 1, 2, 9]]), torch.randn(2, 4, 8)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(base.state_dict() | {"ids": ids, "dy": dy}, folder / "base.safetensors")
    for name, config in {
        "oft_embedding_exact": OFTConfig(oft_block_size=4, use_cayley_neumann=False, target_modules=["table"]),
        "oft_embedding_series": OFTConfig(oft_block_size=8, block_share=True, target_modules=["table"]),
        "lora_conv1d": LoraConfig(r=2, lora_alpha=3, fan_in_fan_out=True, target_modules=["conv1d"]),
    }.items():
        model = get_peft_model(copy.deepcopy(base), config)
        side_peft.randomise(model)
        model.save_pretrained(folder / name)
        clean(folder / name)
        model.double()
        y = model(ids)
        y.backward(dy.double())
        expected = {"y": y.detach()}
        for parameter, value in model.named_parameters():
            if value.grad is not None:
                expected["default/" + parameter.replace(".default", "")] = value.grad
        model.merge_adapter(safe_merge=True)
        layer = "table" if "embedding" in name else "conv1d"
        expected["merged_weight"] = model.get_submodule(f"base_model.model.{layer}").get_base_layer().weight.detach()
        save_file({key: value.to(torch.float32).contiguous() for key, value in expected.items()},
                  folder / name / "expected.safetensors")


def main():
    warnings.simplefilter("ignore")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "golden" / "peers")
    if not sys.argv[2:] or "layers" in sys.argv[2:]:
        write_layers(root / "layers")
    for model_type in ("vit", "dinov2"):
        here = root / model_type
        here.mkdir(parents=True, exist_ok=True)
        if not (here / "base").exists():
            side_peft.make_base(here / "base", model_type, HIDDEN)
        side_peft.make_batch(here / "batch.safetensors")
        for name, case in golden_cases(model_type):
            if not sys.argv[2:] or name in sys.argv[2:]:
                write(here / name, case, here / "base", model_type)


if __name__ == "__main__":
    main()
