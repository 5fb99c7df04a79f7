"""Models in Python: training with a history, pickles and copies."""

import math
import os
import tempfile

from papilio import _core


def fit(model, data, *, epochs=None, steps=None, batch_size=32, lr=1e-3, weight_decay=0.0, optimizer=None,
        schedule="cosine", warmup_steps=0, label_smoothing=0.0, max_gradient_norm=1.0, accumulation_steps=1, seed=0,
        workers=0, precision=_core.float32, on_step=None):
    """Trains a classifier's trainable parameters by cross-entropy, on data of images_from_arrays or images_from_folder.

    Give `epochs` or `steps`. optimizer: None makes AdamW(lr, weight_decay) in which biases, norms and scales do not
    decay. on_step: called with a dict after each step (a progress bar, a log); False ends the training. Ctrl-C ends it
    between two steps, by KeyboardInterrupt.

    Returns the history, a dict of lists that pandas.DataFrame takes: step, loss, lr, gradient_norm, samples, seconds.
    Raises NonFiniteError for a loss or gradient that is not finite."""
    if (epochs is None) == (steps is None):
        raise _core.ArgumentError("fit: give epochs or steps, one of them")
    model = getattr(model, "model", model)
    if steps is None:
        steps = math.ceil(math.ceil(len(data) / batch_size) / accumulation_steps) * epochs
    if optimizer is None:
        optimizer = _core.optimizer_of(model, lr, weight_decay)
    return _core.fit_steps(model, data, optimizer, steps, batch_size, schedule, warmup_steps, label_smoothing,
                           max_gradient_norm, accumulation_steps, seed, workers, precision, on_step)


def evaluate(model, data, batch_size=256):
    """In evaluation mode and without gradients: accuracy, top5, loss, and of each sample predicted, probability, labels."""
    return _core.evaluate_classifier(getattr(model, "model", model), data, batch_size)


def _read_model(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        return _core.from_pretrained(folder)


def _reduce_model(model):
    """By the files of its folder; a model that carries adapters says so."""
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as file:
                files[name] = file.read()
    return _read_model, (files,)


_core.ImageClassifier.__reduce__ = _reduce_model
