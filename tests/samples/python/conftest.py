"""Threads that wait do so quietly: the tests run beside other programs."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
