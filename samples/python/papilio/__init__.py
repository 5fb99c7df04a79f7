"""Papilio: tensors, automatic differentiation and orthogonal finetuning (OFT, BOFT).

Tensors share memory with NumPy, PyTorch and JAX (asarray, numpy, DLPack); operations are functions
and methods; t.backward() computes gradients. from_pretrained, AdapterModel, BoftConfig and fit
finetune a classifier; papilio.peft makes PEFT's own layers fast.
"""

from papilio import peft
from papilio._core import *  # noqa: F403
from papilio._core import __version__
from papilio._configs import BoftConfig, HraConfig, LoraConfig, OftConfig
from papilio._scopes import anomaly_mode, autocast, enable_grad, no_grad
from papilio._training import evaluate, fit

__all__ = [name for name in globals() if not name.startswith("_")] + ["__version__"]
