"""Children that die with their parent, also when the parent is killed and can say nothing."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that forked it ends; pass it as ``preexec_fn``.

    Linux only (prctl(2), PR_SET_PDEATHSIG): elsewhere it does nothing, and the parent's own clean-up has to do.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:  # the parent ended between fork and prctl
        os.kill(os.getpid(), signal.SIGKILL)
