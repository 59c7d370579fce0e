"""Children that do not outlive the process that started them."""

from __future__ import annotations

import ctypes
import signal

__all__ = ["die_with_parent"]

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """For preexec_fn: a killed test run or demo must not leave this child behind. Linux only; the kernel means the
    parent's thread, so start such a child from a thread that lives on."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
