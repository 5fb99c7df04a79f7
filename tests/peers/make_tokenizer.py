#!/usr/bin/env python3
"""Writes tests/golden/tokenizer: a small vocabulary that Hugging Face's tokenizers learned from text_samples.py, as
tokenizer.json and as vocab.json with merges.txt, and the ids of 100 strings; the text to learn from besides.

    make_tokenizer.py [OUT]        (written with tokenizers 0.23.3)
"""

import json
import sys
from pathlib import Path

from text_samples import SENTENCES, samples
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "golden" / "tokenizer")
END = "<|endoftext|>"


def main():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    text = "\n".join(SENTENCES * 2 + samples(150, seed=1))
    trainer = trainers.BpeTrainer(vocab_size=640, min_frequency=2, special_tokens=[END], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([text], trainer)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "text.txt").write_bytes(text.encode())
    tokenizer.model.save(str(OUT))  # before the tokens that only tokenizer.json has
    tokenizer.add_tokens([AddedToken("<left>", lstrip=True), AddedToken("<both>", lstrip=True, rstrip=True, normalized=False)])
    tokenizer.add_special_tokens([AddedToken("<|end", special=True)])
    tokenizer.save(str(OUT / "tokenizer.json"))
    texts = samples(100, [END, " <left> ", "\u3000<both> \n", "<|end", "<|endoftex"], seed=2)
    rows = [{"text": t, "ids": (e := tokenizer.encode(t)).ids, "decoded": tokenizer.decode(e.ids),
             "all": tokenizer.decode(e.ids, skip_special_tokens=False)} for t in texts]
    (OUT / "strings.json").write_text(json.dumps(rows, indent=1) + "\n")


main()
