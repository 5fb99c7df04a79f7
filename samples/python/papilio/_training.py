"""Training with a history, evaluation, and the data that both take."""

import contextlib
import functools
import math

from papilio import _core

INTEGERS = (_core.int64, _core.int32, _core.uint8)


def images_from_arrays(images, labels, class_names) -> _core.ImageData:
    """Data of images (N, C, H, W), as the model takes them, and labels (N), numbers of class_names: tensors, or
    whatever asarray takes. float32 images and int64 labels are not copied."""
    images, labels = (_core.asarray(x).detach() for x in (images, labels))
    _check_integers("images_from_arrays", labels)
    return _core._images_from_tensors(images.to(_core.float32), labels.to(_core.int64), list(class_names))


def fit(model, data, *, epochs=None, steps=None, batch_size=32, lr=1e-3, weight_decay=0.0, optimizer=None,
        schedule="cosine", warmup_steps=0, label_smoothing=0.0, max_gradient_norm=1.0, accumulation_steps=1, seed=0,
        workers=0, precision=_core.float32, on_step=None, progress=False) -> dict[str, list]:
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
        optimizer = _core._optimizer_of(model, lr, weight_decay)
    called = [] if on_step is None else list(on_step) if isinstance(on_step, (list, tuple)) else [on_step]
    with _bar(steps) if progress else contextlib.nullcontext() as bar:
        if progress:
            called.append(functools.partial(_show, bar))
        return _core._fit_steps(model, data if own else _endless(data), optimizer, steps, batch_size,
                                schedule, warmup_steps, label_smoothing, max_gradient_norm, accumulation_steps, seed,
                                workers, precision, functools.partial(_call, called) if called else None)


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
                yield _pair("fit", pair)
            if empty:
                raise _core.ArgumentError("fit: the data are at their end and begin no second time: give a list or a "
                                          "DataLoader, or fewer steps")

    _check_iterable("fit", data)
    return batches().__next__


def _check_iterable(caller, data):
    if not hasattr(data, "__iter__"):
        raise _core.ArgumentError(f"{caller}: expected data of images_from_arrays, or something to iterate over, got "
                                  f"{type(data).__name__}")


def _check_integers(caller, labels):
    if labels.dtype not in INTEGERS:
        raise _core.ArgumentError(f"{caller}: expected labels that are integers, got {labels.dtype.name}")


def _pair(caller, pair):
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise _core.ArgumentError(f"{caller}: expected batches (images, labels), got {type(pair).__name__}")
    images, labels = (_core.asarray(x).detach() for x in pair)
    if images.ndim != 4 or labels.shape != images.shape[:1]:
        raise _core.ArgumentError(f"{caller}: expected images (B, C, H, W) and labels (B), got {images.shape} and "
                                  f"{labels.shape}")
    _check_integers(caller, labels)
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


def evaluate(model, data, batch_size=256) -> dict:
    """In evaluation mode and without gradients: a dict of accuracy, top5 (the share whose class is among the five
    likeliest), loss, and lists over the samples: predicted (-1 for logits with a NaN), probability, labels.

    data: as fit takes them, but with an end. Ctrl-C ends it between two batches."""
    model = getattr(model, "model", model)
    if isinstance(data, _core.ImageData):
        return _core._evaluate(model, data, batch_size)
    _check_iterable("evaluate", data)
    names = model.class_names or [str(i) for i in range(model.shape["num_labels"])]
    parts = []
    for pair in data:
        images, labels = _pair("evaluate", pair)
        parts.append(_core._evaluate(model, _core._images_from_tensors(images, labels, names), batch_size))
    if not parts:
        raise _core.ArgumentError("evaluate: the data are empty")
    count = sum(len(part["labels"]) for part in parts)
    means = {key: sum(part[key] * len(part["labels"]) for part in parts) / count for key in ("accuracy", "top5", "loss")}
    return {**means, **{key: sum((part[key] for part in parts), []) for key in ("predicted", "probability", "labels")}}
