"""Strings of many scripts for tokenizers: sentences, mixtures, white space, and code points at random."""

import random

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.", "It's, we'll, I'd've; don't 'quote' me!", "  two  spaces   and\ttabs\t\t",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich", "Le cœur déçu mais l'âme plutôt naïve",
    "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia", "Příliš žluťoučký kůň úpěl ďábelské ódy",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία", "Съешь ещё этих мягких французских булок", "Жебракують філософи при ґанку",
    "שלום עולם, מה שלומך?", "صِف خَلقَ خَودِ كَمِثلِ الشَمسِ", "हृदयों में प्रेम का दीपक जलाओ", "আমি বাংলায় গান গাই",
    "இது ஒரு தமிழ் வாக்கியம்", "ภาษาไทยไม่มีวรรค", "我能吞下玻璃而不傷身體。", "色は匂へど散りぬるを　我が世誰ぞ常ならむ",
    "키스의 고유조건은 입술끼리 만나야", "ქართული ენა", "Հայերեն լեզու", "ᚠᛇᚻ᛫ᛒᛦᚦ", "አማርኛ ቋንቋ", "ភាសាខ្មែរ", "བོད་སྐད་",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛 ½ ² ①", "👨‍👩‍👧‍👦 🇩🇪 👍🏽 ❤️", "e\u0301 a\u0308 n\u0303", "x = [1, 2.5e-3, 0xFF];  // done",
    "def f(x):\n    return x**2\n\n\n", "https://example.org/a?b=c&d=%20", "\u00a0\u2003\u3000\u200b\u180e\ufeff end",
    "line\r\nline\rline\x0b\x0c\x85\u2028\u2029", "", " ", "\n", "a", "'s", " 's", "''''", "0123456789", "\x00\x01\x7f",
]
RANGES = [(0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5F4), (0x600, 0x6FF), (0x900, 0x97F),
          (0xE00, 0xE5B), (0x1100, 0x11FF), (0x2000, 0x206F), (0x2190, 0x21FF), (0x3040, 0x30FF), (0x4E00, 0x9FA5),
          (0xAC00, 0xD7A3), (0x1F300, 0x1F64F), (0x10300, 0x1031F)]


def samples(count, specials=(), seed=0):
    r = random.Random(seed)
    texts = list(SENTENCES)
    while len(texts) < count:
        kind = r.randrange(4)
        if kind == 0:  # words of several sentences
            words = [w for _ in range(3) for w in r.choice(SENTENCES).split(" ")]
            r.shuffle(words)
            texts.append(r.choice(["", " ", "\n"]).join(" " * r.randrange(3) + w for w in words))
        elif kind == 1:  # one script
            low, high = r.choice(RANGES)
            texts.append("".join(chr(r.randint(low, high)) for _ in range(r.randint(1, 40))))
        elif kind == 2:  # any scripts, with spaces
            texts.append("".join(r.choice("   \n\t") if r.random() < 0.2 else chr(r.randint(*r.choice(RANGES)))
                                 for _ in range(r.randint(1, 60))))
        else:  # added tokens inside
            parts = [r.choice(SENTENCES) for _ in range(3)]
            texts.append(r.choice(list(specials) or [""]).join(parts))
    return texts[:count]
