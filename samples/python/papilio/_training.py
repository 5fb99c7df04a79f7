"""Models in Python: training with a history, pickles and copies."""

import contextlib
import functools
import math
import os
import tempfile

from papilio import _core

INTEGERS = (_core.int64, _core.int32, _core.uint8)


def fit(model, data, *, epochs=None, steps=None, batch_size=32, lr=1e-3, weight_decay=0.0, optimizer=None,
        schedule="cosine", warmup_steps=0, label_smoothing=0.0, max_gradient_norm=1.0, accumulation_steps=1, seed=0,
        workers=0, precision=_core.float32, on_step=None, progress=False):
    """Trains a classifier's trainable parameters by cross-entropy.

    data: of images_from_arrays or images_from_folder; or anything that is iterated over, such as a DataLoader of
    PyTorch's, and gives batches as pairs of arrays: images (B, C, H, W) and labels (B). It decides about order and
    sizes of its batches (seed, batch_size and workers are not used), and is begun again when it ends.

    Give `epochs` or `steps`. optimizer: None makes AdamW(lr, weight_decay) in which biases, norms and scales do not
    decay. on_step: called with a dict after each step (a log, a plot), or a list of such functions; one that returns
    False ends the training. progress: a bar of tqdm's. Ctrl-C ends it between two steps, by KeyboardInterrupt.

    Returns the history, a dict of lists that pandas.DataFrame takes: step, loss, lr, gradient_norm, samples, seconds.
    Raises NonFiniteError for a loss or gradient that is not finite."""
    if (epochs is None) == (steps is None):
        raise _core.ArgumentError("fit: give epochs or steps, one of them")
    model = getattr(model, "model", model)
    own = isinstance(data, _core.ImageData)
    if steps is None:
        steps = _steps_in(data, epochs, batch_size, accumulation_steps)
    if optimizer is None:
        optimizer = _core.optimizer_of(model, lr, weight_decay)
    called = [] if on_step is None else list(on_step) if isinstance(on_step, (list, tuple)) else [on_step]
    with _bar(steps) if progress else contextlib.nullcontext() as bar:
        if progress:
            called.append(functools.partial(_show, bar))
        return _core.fit_steps(model, data if own else _endless(data), optimizer, steps, batch_size, schedule,
                               warmup_steps, label_smoothing, max_gradient_norm, accumulation_steps, seed, workers,
                               precision, functools.partial(_call, called) if called else None)


def _steps_in(data, epochs, batch_size, accumulation_steps):
    if isinstance(data, _core.ImageData):
        return math.ceil(math.ceil(len(data) / batch_size) / accumulation_steps) * epochs
    if not hasattr(data, "__len__"):
        raise _core.ArgumentError("fit: data without len() needs steps in place of epochs")
    return math.ceil(len(data) * epochs / accumulation_steps)


def _endless(data):
    """What gives the next batch each time that it is called: images float32, labels int64."""

    def batches():
        while True:
            empty = True
            for pair in data:
                empty = False
                yield _pair(pair)
            if empty:
                raise _core.ArgumentError("fit: the data are at their end and begin no second time: give a list or a "
                                          "DataLoader, or fewer steps")

    if not hasattr(data, "__iter__"):
        raise _core.ArgumentError(f"fit: expected data of images_from_arrays, or something to iterate over, got "
                                  f"{type(data).__name__}")
    return batches().__next__


def _pair(pair):
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise _core.ArgumentError(f"fit: expected batches (images, labels), got {type(pair).__name__}")
    images, labels = (_core.asarray(x).detach() for x in pair)
    if images.ndim != 4 or labels.shape != images.shape[:1]:
        raise _core.ArgumentError(f"fit: expected images (B, C, H, W) and labels (B), got {images.shape} and "
                                  f"{labels.shape}")
    if labels.dtype not in INTEGERS:
        raise _core.ArgumentError(f"fit: expected labels that are integers, got {labels.dtype.name}")
    return _own(images, _core.float32), _own(labels, _core.int64)


def _own(x, dtype):
    """x as dtype on memory of its own: whoever gave it may write the next batch there before this one is trained on."""
    return x.clone() if x.dtype == dtype else x.to(dtype)


def _call(functions, step):
    """Each is called, whatever those before it say."""
    return not any([f(step) is False for f in functions])


def _bar(steps):
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("fit: progress=True needs the package tqdm: pip install tqdm") from None
    return tqdm(total=steps, unit="step")


def _show(bar, step):
    bar.set_postfix(loss=f"{step['loss']:.4g}", refresh=False)
    bar.update()


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
