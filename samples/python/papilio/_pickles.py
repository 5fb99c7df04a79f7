"""Pickles and copies: of models the files of their folder, and what no file says; of configurations their file."""

import os
import tempfile

from papilio import _core


def trainable(model):
    """Names of the parameters that collect a gradient."""
    return {name for name, p in model.parameters().items() if p.requires_grad}


def set_trainable(model, names):
    """Makes exactly these parameters collect a gradient."""
    for name, p in model.parameters().items():
        if p.requires_grad != (name in names):
            model.set_trainable(name in names, name)


def _read_model(files, training, names, device):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        model = _core.from_pretrained(folder)
    set_trainable(model, names)
    return model.train(training).to(device)


def _reduce_model(model):
    """A model that carries adapters says so."""
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as file:
                files[name] = file.read()
    return _read_model, (files, model.training, trainable(model), model.device)


def _reduce_adapters(adapters):
    raise _core.Error("AdapterModel: adapters are kept by save(), and come back by load() on a model of their own; a model "
                      "itself can be pickled and copied when it carries none")


def _read_config(text):
    return _core._adapter_config(text)[0]


_core.AdapterConfig.__reduce__ = lambda config: (_read_config, (config.to_json(),))
_core.ImageClassifier.__reduce__ = _reduce_model
_core.AdapterModel.__reduce__ = _reduce_adapters
