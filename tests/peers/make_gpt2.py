#!/usr/bin/env python3
"""Writes tests/golden/gpt2: small GPT-2s with random weights as Transformers saves them and as older files are, what they
answer (logits, loss, gradients, 50 tokens each way); PEFT's LoRA on their Conv1D, and PEFT's BOFT and OFT on the equal
Linear layers, which is where PEFT can put them.

    make_gpt2.py [OUT]        (written with torch 2.15, transformers 5.24, peft 0.21.2)
"""

import copy
import json
import shutil
import sys
from pathlib import Path

import peft_patch  # noqa: F401  (more than one butterfly factor)
import torch
from peft import BOFTConfig, LoraConfig, OFTConfig
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

from drawn import save_drawn_adapter

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "golden" / "gpt2")
TOKENIZER = Path(__file__).parents[1] / "golden" / "tokenizer"
SMALL = dict(vocab_size=643, n_positions=64, n_embd=16, n_layer=2, n_head=2, resid_pdrop=0.0, embd_pdrop=0.0,
             attn_pdrop=0.0, bos_token_id=0, eos_token_id=0)


def make(seed, **changes):
    model = GPT2LMHeadModel(GPT2Config(**{**SMALL, **changes}))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            norm = "ln_" in name and name.endswith("weight")
            p.copy_((1.0 if norm else 0.0) + 0.3 * torch.randn(p.shape, generator=generator))
    return model.eval()


def ids_of(seed, vocab, shape=(2, 20)):
    return torch.randint(1, vocab, shape, generator=torch.Generator().manual_seed(seed))


def continued(model, ids, **options):
    whole = model.generate(ids, max_new_tokens=50, min_new_tokens=50, do_sample=False, pad_token_id=0, eos_token_id=None,
                           **options)
    return whole[0, ids.shape[1]:]


def write(name, model, seed, gradients=False, generated=False):
    folder = OUT / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    ids = ids_of(seed, model.config.vocab_size)
    output = model(ids, labels=ids)
    answers = {"ids": ids, "logits": output.logits.detach(), "loss": output.loss.detach()}
    if gradients:
        output.loss.backward()
        answers |= {f"grad.{n}": p.grad.clone() for n, p in model.named_parameters()}
    if generated:
        prompt = ids[:1, :8]
        answers["greedy"] = continued(model, prompt)
        assert torch.equal(answers["greedy"], continued(model, prompt, use_cache=False))
        answers["penalised"] = continued(model, prompt, repetition_penalty=1.3)
    save_file({k: v.contiguous() for k, v in answers.items()}, folder / "answers.safetensors")
    return folder


def write_original(name, model, seed):
    """As OpenAI's GPT-2 was first converted: no prefix, causal masks among the weights, no head; float16, two files."""
    folder = OUT / name
    halves = copy.deepcopy(model).half()
    weights = {k.removeprefix("transformer."): v for k, v in halves.state_dict().items() if k != "lm_head.weight"}
    for layer in range(model.config.n_layer):
        weights[f"h.{layer}.attn.bias"] = torch.tril(torch.ones(1, 1, 64, 64)).to(torch.uint8)
        weights[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    folder.mkdir()
    names = sorted(weights)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, keys in parts.items():
        save_file({k: weights[k].clone().contiguous() for k in keys}, folder / file, metadata={"format": "pt"})
    index = {"metadata": {"total_size": 0}, "weight_map": {k: file for file, keys in parts.items() for k in keys}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    config = {k: v for k, v in SMALL.items()} | dict(model_type="gpt2", architectures=["GPT2LMHeadModel"], n_ctx=64,
              torch_dtype="float16", summary_type="cls_index", activation_function="gelu_new")
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    ids = ids_of(seed, 643)
    with torch.no_grad():
        save_file({"ids": ids, "logits": halves.float()(ids).logits.contiguous()}, folder / "answers.safetensors")


def with_linear(model):
    """The same model with nn.Linear in Conv1D's place."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Conv1D):
                linear = torch.nn.Linear(*child.weight.shape)
                linear.weight.data, linear.bias.data = child.weight.data.T.contiguous(), child.bias.data
                setattr(parent, name, linear)
    return model


def write_adapter(name, model, config, seed):
    folder = OUT / name
    adapted, _ = save_drawn_adapter(folder, copy.deepcopy(model), config, seed, "gpt2")
    ids = ids_of(seed, 643)
    output = adapted(input_ids=ids, labels=ids)
    output.loss.backward()
    answers = {"ids": ids, "logits": output.logits.detach()}
    answers |= {f"grad.{n.replace('.default', '')}": p.grad.clone() for n, p in adapted.named_parameters() if p.grad is not None}
    with torch.no_grad():
        answers["merged_logits"] = adapted.merge_and_unload(safe_merge=True)(ids).logits
    save_file({k: v.contiguous() for k, v in answers.items()}, folder / "answers.safetensors")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    base = make(1)
    folder = write("gpt2", base, 2, gradients=True, generated=True)
    for file in ("tokenizer.json",):
        shutil.copy(TOKENIZER / file, folder / file)
    base.zero_grad()
    write_original("original", base, 3)
    write("changed", make(4, vocab_size=50, tie_word_embeddings=False, scale_attn_by_inverse_layer_idx=True, n_inner=24,
                          activation_function="relu", reorder_and_upcast_attn=True, layer_norm_epsilon=1e-4), 5, gradients=True)
    write("unscaled", make(6, vocab_size=50, scale_attn_weights=False).bfloat16().float().bfloat16(), 7)
    targets = ["c_attn", "c_proj", "c_fc"]
    write_adapter("lora", base, LoraConfig(r=2, lora_alpha=3, target_modules=targets, fan_in_fan_out=True, task_type="CAUSAL_LM"), 8)
    linear = with_linear(copy.deepcopy(base))
    write_adapter("boft", linear, BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=2, bias="boft_only", target_modules=targets), 9)
    write_adapter("oft", linear, OFTConfig(oft_block_size=4, use_cayley_neumann=False, target_modules=targets), 10)


main()
