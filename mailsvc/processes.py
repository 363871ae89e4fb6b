"""
What keeps a process from outliving the one that started it.

Linux can signal a child when its parent dies, however it dies; elsewhere a parent
that is killed with SIGKILL leaves its children to themselves.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

_PR_SET_PDEATHSIG = 1

# Looked up here, not in the child: between fork and exec as little as possible is done.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """
    For `preexec_fn`: the child gets this signal when the calling process ends.

    It is the end of the calling *thread* that counts: call from the main one.
    """
    parent = os.getpid()

    def tie() -> None:
        if _prctl is None:
            return
        _prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it ended before we could ask
            os.kill(os.getpid(), number)

    return tie


def take_children_along() -> None:
    """From now on no process that is forked from here, or from there, is left over."""
    ties: list[Callable[[], None]] = []
    os.register_at_fork(
        before=lambda: ties.append(end_with_parent(signal.SIGKILL)),
        after_in_parent=ties.clear,
        after_in_child=lambda: ties.pop()(),
    )


def kill_group(leader: int) -> None:
    """Ends what is left of a process group at once."""
    with suppress(ProcessLookupError, PermissionError):  # macOS: nobody but zombies
        os.killpg(leader, signal.SIGKILL)
