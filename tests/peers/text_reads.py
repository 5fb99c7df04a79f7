#!/usr/bin/env python3
"""Transformers and PEFT read what papilio writes of language models: a GPT-2 that `papilio train` made with its tokenizer,
a LoRA adapter on its Conv1D, BOFT, OFT and HRA adapters merged into it, and the same on a base that `papilio convert`
has quantised, which bitsandbytes computes with. Compares token ids and next-token probabilities with `papilio predict`'s.

    text_reads.py PAPILIO        (the program; needs torch, transformers, peft, bitsandbytes, accelerate)
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import bitsandbytes as bnb
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = ["The quick brown fox", "lazy", "dog. The", "\u00e9t\u00e9 and \u03bb"]


def main():
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        def papilio(*words):
            return json.loads(subprocess.run([program, *words, "--json", "--quiet"], cwd=folder, check=True,
                                             capture_output=True).stdout)

        def read(name):
            return AutoModelForCausalLM.from_pretrained(Path(folder, name), device_map="cpu").eval()

        def compare(what, tokenizer, model, answers, most=1e-5):
            worst = 0
            for text, answer in zip(TEXTS, answers["predictions"]):
                ids = tokenizer(text)["input_ids"]
                assert len(ids) == answer["tokens"], (what, text)
                with torch.no_grad():
                    p = torch.softmax(model(torch.tensor([ids])).logits[0, -1].double(), 0)
                for guess in answer["top"]:
                    worst = max(worst, abs(p[guess["id"]].item() - guess["probability"]))
                    assert tokenizer.decode([guess["id"]]) == guess["token"], (what, guess)
            print(f"{what:34}largest difference of probabilities {worst:.1e}")
            assert worst < most, what

        Path(folder, "fox.txt").write_text("The quick brown fox jumps over the lazy dog. " * 60)
        papilio("train", "--model-type", "gpt2", "--data", "fox.txt", "--hidden-size", "64", "--layers", "2", "--context",
                "32", "--vocab-size", "300", "--epochs", "3", "--lr", "1e-2", "--out", "base")
        base = Path(folder, "base")
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = read("base")
        compare("model", tokenizer, model, papilio("predict", "base", *TEXTS))
        for method in ("lora", "boft", "oft", "hra"):
            papilio("finetune", "base", "--data", "fox.txt", "--method", method, "--lr", "1e-2", "--out", method)
            answers = papilio("predict", "base", "--adapter", method, *TEXTS)
            if method == "lora":  # the others refuse Conv1D in PEFT
                adapted = PeftModel.from_pretrained(read("base"), Path(folder, method))
                compare("LoRA by PEFT", tokenizer, adapted.eval(), answers)
            papilio("merge", "base", method, "--out", "merged-" + method)
            compare(method.upper() + " merged", tokenizer, read("merged-" + method), answers)

        for kind in ("nf4", "fp4", "int8"):
            most = 0.05 if kind == "int8" else 1e-3  # bitsandbytes' int8 layers round their inputs too, its 4-bit kernel less
            papilio("convert", "base", "--to", kind, "--out", kind)
            quantised = read(kind)
            layer = bnb.nn.Linear8bitLt if kind == "int8" else bnb.nn.Linear4bit
            assert sum(isinstance(m, layer) for m in quantised.modules()) == 8, kind
            compare(kind, tokenizer, quantised, papilio("predict", kind, *TEXTS), most)
            for method in ("lora", "boft"):
                run = f"{kind}-{method}"
                papilio("finetune", kind, "--data", "fox.txt", "--method", method, "--lr", "1e-2", "--out", run)
                if method == "lora":
                    compare(f"LoRA on {kind} by PEFT", tokenizer, PeftModel.from_pretrained(read(kind), Path(folder, run)).eval(),
                            papilio("predict", kind, "--adapter", run, *TEXTS), most)
                again = papilio("merge", kind, run, "--out", "merged-" + run)["quantised_again"]
                assert again["layers"] == 8, again
                compare(f"{method.upper()} merged into {kind}", tokenizer, read("merged-" + run),
                        papilio("predict", "merged-" + run, *TEXTS), most)


if __name__ == "__main__":
    main()
