"""Papilio: tensors, automatic differentiation and orthogonal finetuning (OFT, BOFT).

Tensors share memory with NumPy, PyTorch and JAX (asarray, numpy, DLPack); operations are functions
and methods; t.backward() computes gradients. from_pretrained, AdapterModel, BoftConfig and fit
finetune a classifier, papilio.figures draws; papilio.peft makes PEFT's own layers fast.

Operations use one pool of OpenMP's threads, which is PyTorch's too: set_num_threads says how many of them Papilio's use,
at first OMP_NUM_THREADS or the processors there are. NumPy's products have a pool of their own.
"""

import os as _os

from papilio import figures, peft
from papilio._core import *  # noqa: F403
from papilio._core import __version__
from papilio._configs import BoftConfig, HraConfig, LoraConfig, OftConfig
from papilio._scopes import anomaly_mode, autocast, enable_grad, no_grad
from papilio._training import evaluate, fit

_os.register_at_fork(after_in_child=after_fork_in_child)  # noqa: F405

__all__ = [name for name in globals() if not name.startswith("_")] + ["__version__"]
