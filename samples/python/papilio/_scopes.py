"""Scopes that change what operations on this thread do, for `with` and as decorators."""

import contextlib

from papilio import _core


class _Scope(contextlib.ContextDecorator):
    """Opens a scope of the library on entry; the same object may be entered again inside."""

    def __init__(self) -> None:
        self._opened = []

    def _open(self):
        raise NotImplementedError

    def __enter__(self):
        self._opened.append(self._open())
        return self

    def __exit__(self, *error):
        self._opened.pop().close()
        return False


class no_grad(_Scope):
    """Inside, operations record nothing."""

    def _open(self):
        return _core._NoGradScope()


class enable_grad(_Scope):
    """Inside, operations record, in a no_grad() too."""

    def _open(self):
        return _core._EnableGradScope()


class anomaly_mode(_Scope):
    """Inside, the first operation or gradient that makes a NaN raises an Error that names it."""

    def _open(self):
        return _core._AnomalyScope()


class autocast(_Scope):
    """Inside, products are computed in `dtype`: bfloat16, or float32 to switch it off."""

    def __init__(self, dtype=_core.bfloat16) -> None:
        super().__init__()
        self._dtype = dtype

    def _open(self):
        return _core._AutocastScope(self._dtype)
