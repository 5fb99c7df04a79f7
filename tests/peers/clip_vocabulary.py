"""A small vocabulary in the form of CLIP's: vocab.json and merges.txt, learned from the captions below."""

import json
import re
from collections import Counter

COLOURS = "red green blue yellow white black orange purple".split()
SHAPES = "circle square triangle star cross ring".split()
CAPTIONS = [f"a {a} {s} on {b}" for a in COLOURS for s in SHAPES for b in COLOURS if a != b] + [
    "a photo of a sks dog", "a painting of the small cat", "the picture at the left", "above below right of it",
]
MERGES = 120


def byte_characters():
    """GPT-2's printable stand-in for each byte, in CLIP's order."""
    shown = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    hidden = [b for b in range(256) if b not in shown]
    return [chr(b) for b in shown] + [chr(256 + i) for i in range(len(hidden))]


def learn():
    words = Counter(w for c in CAPTIONS for w in re.findall(r"[a-z]+", c))
    parts = {w: [*w[:-1], w[-1] + "</w>"] for w in words}
    merges = []
    for _ in range(MERGES):
        pairs = Counter()
        for word, n in words.items():
            for pair in zip(parts[word], parts[word][1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = max(sorted(pairs), key=lambda p: pairs[p])
        merges.append(best)
        for word, p in parts.items():
            i = 0
            while i + 1 < len(p):
                if (p[i], p[i + 1]) == best:
                    p[i : i + 2] = ["".join(best)]
                i += 1
    return merges


def write_vocabulary(folder):
    """Returns the number of words."""
    merges = learn()
    letters = byte_characters()
    tokens = [*letters, *(c + "</w>" for c in letters), *("".join(m) for m in merges), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(m) for m in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(tokens)
