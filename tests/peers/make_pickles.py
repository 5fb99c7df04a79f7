"""Writes tests/golden/pickles: a CIFAR-10 batch of ten pictures of one colour each, as Python's pickle writes it by each of
its protocols, packed. Run once: python tests/peers/make_pickles.py (numpy)."""
import gzip
import pickle
from pathlib import Path

import numpy as np

out = Path(__file__).parent.parent / "golden/pickles"
out.mkdir(parents=True, exist_ok=True)
data = np.repeat(np.array([[20 * i, 7, 200] for i in range(10)], np.uint8), 1024, axis=1)
batch = {b"batch_label": b"testing batch 1 of 1", b"labels": list(range(10)), b"data": data,
         b"filenames": [b"%d.png" % i for i in range(10)]}
for protocol in range(2, 6):
    (out / f"protocol{protocol}.gz").write_bytes(gzip.compress(pickle.dumps(batch, protocol), mtime=0))
