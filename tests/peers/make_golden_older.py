"""Writes tests/golden/older: OFT adapters of PEFT 0.16 and 0.17 as these releases save them, with the logits that they give
on tests/golden/transformers/vit, adapted and merged, in float64. Run once for each release, which comes before the others:

    pip install --no-deps --target FOLDER peft==0.16.0 transformers==4.57.1 'huggingface-hub<1' 'tokenizers<0.23'
    PYTHONPATH=FOLDER python tests/peers/make_golden_older.py
"""
import os
import pathlib
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"  # the base's name is no address

import peft
import torch
from peft import OFTConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import ViTForImageClassification

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
RELEASE = ".".join(peft.__version__.split(".")[:2])
CASES = {
    "series": dict(oft_block_size=4, use_cayley_neumann=True, target_modules=["query", "value", "dense"]),
    "series_terms": dict(r=2, oft_block_size=0, use_cayley_neumann=True, num_cayley_neumann_terms=3, block_share=True,
                         target_modules=["query", "key"], modules_to_save=["classifier"], bias="oft_only"),
    "exact": dict(oft_block_size=8, use_cayley_neumann=False, coft=True, eps=1e-2, target_modules=["value", "dense"]),
}


def base():
    return ViTForImageClassification.from_pretrained(GOLDEN / "transformers/vit")


def write(name, seed, fields):
    adapted = get_peft_model(base(), OFTConfig(**fields))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in adapted.parameters():
            if p.requires_grad:
                p.add_(0.2 * torch.randn(p.shape, generator=generator))
    images = torch.randn(2, 2, 12, 12, generator=generator)
    out = GOLDEN / f"older/oft_{RELEASE}_{name}"
    shutil.rmtree(out, ignore_errors=True)
    adapted.peft_config["default"].base_model_name_or_path = "base"
    with torch.no_grad():
        adapted.eval()(images)  # constrained blocks are clipped
        adapted.save_pretrained(out)
        # As the release reads its file, in which trained biases are not.
        read = PeftModel.from_pretrained(base(), out).double().eval()
        logits = read(images.double()).logits
        merged = read.merge_and_unload(safe_merge=True)(images.double()).logits
    (out / "README.md").unlink(missing_ok=True)
    save_file({"images": images, "logits": logits.float(), "merged_logits": merged.float()}, out / "answers.safetensors",
              {"peft": peft.__version__})


for seed, (name, fields) in enumerate(CASES.items()):
    write(name, seed, fields)
