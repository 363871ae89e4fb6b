"""
Room for deep calls.

Python 3.11 to 3.13.12 keep frames in pieces of 16 KB and give a piece back to the
system as soon as the call that began it returns: a loop just below the edge pays two
system calls for each turn (https://github.com/python/cpython/issues/142183). A page's
template is rendered a hundred calls deep, and there that was a third of all its time.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

# A piece is the next power of two in bytes: of these 256 KB almost half are left over.
_WORDS = 17_000


def with_room(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Calls the function; its frames, and those of all it calls, are in one piece."""
    return function(*args, **kwargs)


# Asking for much makes the piece large; what is asked for is never touched.
with_room.__code__ = with_room.__code__.replace(co_stacksize=_WORDS)
