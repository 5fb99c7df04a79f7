"""Papilio: tensors, automatic differentiation and orthogonal finetuning (OFT, BOFT).

Tensors share memory with NumPy, PyTorch and JAX (asarray, numpy, DLPack); operations are functions
and methods; t.backward() computes gradients. from_pretrained, get_peft_model, BoftConfig and
fit finetune a classifier, papilio.figures draws; papilio.peft makes PEFT's own layers fast.

Operations use one pool of OpenMP's threads, which is PyTorch's too: set_num_threads says how many of them Papilio's use,
at first OMP_NUM_THREADS or the processors there are. NumPy's products have a pool of their own.
"""

import os as _os

# "as": what checks types takes these names for the package's own then.
from papilio import _core
from papilio import figures as figures, peft as peft
from papilio._core import *  # noqa: F403
from papilio._core import __version__ as __version__
from papilio._configs import BoftConfig as BoftConfig, HraConfig as HraConfig, LoraConfig as LoraConfig, \
    OftConfig as OftConfig, get_peft_model as get_peft_model
from papilio._scopes import anomaly_mode as anomaly_mode, autocast as autocast, enable_grad as enable_grad, \
    no_grad as no_grad
from papilio._training import evaluate as evaluate, fit as fit, images_from_arrays as images_from_arrays

for _error in (Error, ArgumentError, FileError, NonFiniteError, OutOfMemoryError):  # noqa: F405
    _error.__module__ = "papilio"  # as tracebacks show them
_os.register_at_fork(after_in_child=_core._after_fork_in_child)

__all__ = [name for name in globals() if not name.startswith("_")] + ["__version__"]
