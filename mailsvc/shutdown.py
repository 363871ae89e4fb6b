"""
One flag for all processes of a worker: "stop after what you are doing".

The memory is shared through fork, and there is no lock in it: a process that is
killed while it holds a lock would take the others with it.
"""

from multiprocessing.sharedctypes import RawValue

_flag = RawValue("b", 0)


def request() -> None:
    """Asks every loop of this process and its children to come to an end."""
    _flag.value = 1


def requested() -> bool:
    return bool(_flag.value)


def reset() -> None:
    """Takes the request back (for a command that starts again, and for tests)."""
    _flag.value = 0
