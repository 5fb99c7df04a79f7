#!/usr/bin/env python3
"""Writes tests/golden/diffusion/tokens.json: 200 strings and their ids by the tokenizer of tests/golden/diffusion/sd15.

    make_clip_tokens.py        (written with tokenizers 0.23.3)
"""

import json
from pathlib import Path

from text_samples import samples
from tokenizers import Tokenizer

GOLDEN = Path(__file__).parents[1] / "golden" / "diffusion"
CAPTIONS = ["a photo of a sks dog", "A RED circle on   blue!!", "it's a dog's 2nd picture, isn't it?", "ÀÉÎÕÜ ÇA VA", "İstanbul ΣΑΣ"]

tokenizer = Tokenizer.from_file(str(GOLDEN / "sd15" / "tokenizer" / "tokenizer.json"))
texts = CAPTIONS + samples(200 - len(CAPTIONS), ["<|endoftext|>", " <|startoftext|>\n"], seed=4)
rows = ",\n".join(json.dumps({"text": t, "ids": tokenizer.encode(t).ids}) for t in texts)
(GOLDEN / "tokens.json").write_text(f"[\n{rows}\n]\n")
