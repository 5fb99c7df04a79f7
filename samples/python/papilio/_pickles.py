"""Pickles and copies: of models and adapters the files of their folders, and what no file says; of configurations their file."""

import contextlib
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


def _files_in(folder):
    """Their bytes by name."""
    files = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            files[name] = file.read()
    return files


@contextlib.contextmanager
def _folder_of(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        yield folder


def _state_of(model):
    return model.training, trainable(model), model.device


def _read_model(files, training, names, device):
    with _folder_of(files) as folder:
        model = _core.from_pretrained(folder)
    set_trainable(model, names)
    return model.train(training).to(device)


def _reduce_model(model):
    """A model that carries adapters says so."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        files = _files_in(folder)
    return _read_model, (files, *_state_of(model))


def _read_adapters(base, saved, active, merged, training, names, device):
    with _folder_of(base) as folder:
        adapters = _core.AdapterModel(_core.from_pretrained(folder).to(device))
    for name, (files, strength) in saved.items():
        with _folder_of(files) as folder:
            adapters._load_copy(folder, name)
        adapters.set_strength(name, strength)
    if active:
        adapters.set_adapter(active)
    if merged:
        adapters.merge(adapter_names=merged)
    set_trainable(adapters.model, names)
    return adapters.train(training)


def _reduce_adapters(adapters):
    """The model's folder, and each adapter's."""
    saved = {}
    with tempfile.TemporaryDirectory() as folder:
        adapters._save_base(os.path.join(folder, "base"))
        base = _files_in(os.path.join(folder, "base"))
        for i, name in enumerate(adapters.names):
            saved[name] = _files_in(adapters.save(os.path.join(folder, str(i)), name)), adapters._strength(name)
    return _read_adapters, (base, saved, adapters.active, adapters.merged, *_state_of(adapters.model))


def _read_config(text):
    return _core._adapter_config(text)[0]


_core.AdapterConfig.__reduce__ = lambda config: (_read_config, (config.to_json(),))
_core.ImageClassifier.__reduce__ = _reduce_model
_core.AdapterModel.__reduce__ = _reduce_adapters
