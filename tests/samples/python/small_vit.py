"""A model, and pictures that it learns."""

import numpy as np
import papilio as pp


def small_vit(seed=0, classes=("a", "b", "c")):
    pp.manual_seed(seed)
    return pp.vit(image_size=8, patch_size=4, num_channels=1, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                  intermediate_size=32, class_names=list(classes))


def stripes(n=48, seed=0):
    """Images of three classes that a small model learns: rows, columns, or noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    images = rng.normal(size=(n, 1, 8, 8)).astype(np.float32) * 0.3
    wave = np.sign(np.sin(np.arange(8) * np.pi / 2 + 0.5)).astype(np.float32)
    images[labels == 0] += wave[:, None]
    images[labels == 1] += wave[None, :]
    return pp.images_from_arrays(pp.asarray(images), pp.asarray(labels), ["a", "b", "c"])
