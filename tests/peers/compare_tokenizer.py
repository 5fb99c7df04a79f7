#!/usr/bin/env python3
"""1,000 strings of many scripts through Hugging Face's tokenizers and through Papilio, which must give the same ids and
the same text back.

    compare_tokenizer.py build/release/tests/peers/papilio_tokens [FOLDER]

FOLDER holds tokenizer.json, or vocab.json and merges.txt (GPT-2's, say); without it tests/golden/tokenizer.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from text_samples import samples
from tokenizers import Tokenizer
from transformers import GPT2TokenizerFast

FOLDER = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parents[1] / "golden" / "tokenizer"


def main():
    if (FOLDER / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
        encode = lambda text: tokenizer.encode(text).ids
    else:
        fast = GPT2TokenizerFast(vocab=str(FOLDER / "vocab.json"), merges=str(FOLDER / "merges.txt"))
        encode = lambda text: fast(text)["input_ids"]
    texts = samples(1000, ["<|endoftext|>", " <|endoftext|>\n"], seed=3)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "texts.json").write_text(json.dumps(texts))
        subprocess.run([sys.argv[1], FOLDER, f"{folder}/texts.json", f"{folder}/ids.json"], check=True)
        ours = json.loads(Path(folder, "ids.json").read_text())
    theirs = [encode(text) for text in texts]
    different = [i for i in range(len(texts)) if ours[i] != theirs[i]]
    print(f"{len(texts)} strings, {sum(map(len, theirs))} tokens: {len(different)} strings differ")
    for i in different[:10]:
        print(repr(texts[i]), ours[i], theirs[i], sep="\n  ")
    sys.exit(bool(different))


main()
