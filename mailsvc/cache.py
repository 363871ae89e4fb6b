"""
The one door to the cache: keys, how long things are good for, who computes them.

Only figures are kept here, and parts of pages that show figures of what has finished,
with the moment when they were made: never what somebody may do, never whether somebody
is blocked. A cache that is away makes pages slower and nothing else.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar, cast

from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import get_language

FIGURES = 60  # seconds for which figures of a report are good
FRAGMENT = 3_600  # seconds: a new release's words are shown an hour later at most
_KEPT = 10  # times as long they are kept: better old ones than a queue of readers
_PATIENCE = 3.0  # seconds to wait for somebody who computes the same
_AT_WORK = 20  # seconds after which who computes counts as dead
_FRESH = 2.0  # seconds within which asking anew gives the same
_GENERATION = 86_400  # seconds
_LONGEST = 7_200  # seconds for which anything is kept
EVERYBODY = 0  # stands for all owners at once

# `add` of the cache in files is not atomic. Between processes the worst is that two
# compute the same.
_claiming = threading.Lock()

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Cached(Generic[_Value]):
    value: _Value
    computed_at: float  # seconds since 1970, UTC

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.computed_at, UTC)

    def age(self) -> float:
        """Seconds."""
        return time.time() - self.computed_at


def remember(
    name: str,
    compute: Callable[[], _Value],
    *,
    reader: int,
    owner: int,
    question: object = (),
    seconds: float = FIGURES,
    refresh: bool = False,
) -> Cached[_Value]:
    """
    What `compute` gives, at most `seconds` old and from after the last change of the
    `owner`'s things; `refresh` asks for it anew.

    `reader` and `question` (whatever else the answer depends on, what the reader may
    see above all) are part of the key: nobody gets what was computed for others. Of
    several readers at once one computes, the others wait for it or get the old figures.
    """
    key = _key(name, reader, owner, question)
    return _made_once(key, compute, seconds=seconds, refresh=refresh)


def fragment(
    name: str,
    render: Callable[[], str],
    *,
    version: object,
    refresh: bool = False,
) -> Cached[str]:
    """
    A part of a page about what does not change any more, in the current language and
    zone.

    `version` is all that the part depends on: what it is about, and figures of it that
    are others when anything has changed. It is the same for all who may see it, so
    there is nothing in it about the reader, and nothing that one reader may and another
    may not; who may see it is asked before.
    """
    words = (name, version, get_language(), timezone.get_current_timezone_name())
    key = f"fragment:{_hashed(words)}"
    return _made_once(key, render, seconds=FRAGMENT, refresh=refresh)


def _made_once(
    key: str, compute: Callable[[], _Value], *, seconds: float, refresh: bool
) -> Cached[_Value]:
    found = cast("Cached[_Value] | None", cache.get(key))
    if found is not None and found.age() < (_FRESH if refresh else seconds):
        return found
    with _claiming:
        is_mine = cache.add(f"{key}:at-work", 1, _AT_WORK)
    if is_mine is False and found is not None:
        return found
    if is_mine is False:
        waited = _wait_for(key)
        if waited is not None:
            return cast("Cached[_Value]", waited)
    fresh = Cached(compute(), time.time())
    cache.set(key, fresh, min(seconds * _KEPT, _LONGEST))
    if is_mine:
        cache.delete(f"{key}:at-work")
    return fresh


def changed(owner: int) -> None:
    """Figures about the things of `owner` are out of date for all who read them."""
    for each in (owner, EVERYBODY):
        cache.set(_generation_key(each), secrets.token_hex(6), _GENERATION)


def is_up() -> bool:
    """What is put there is found again."""
    key, word = f"up:{secrets.token_hex(6)}", secrets.token_hex(6)
    try:
        cache.set(key, word, 10)
        found = cache.get(key)
        cache.delete(key)
    except OSError:
        return False
    return bool(found == word)


def _key(name: str, reader: int, owner: int, question: object) -> str:
    generation = cache.get_or_set(
        _generation_key(owner), lambda: secrets.token_hex(6), _GENERATION
    )
    return f"figures:{_hashed((name, reader, owner, generation, question))}"


def _hashed(words: object) -> str:
    return hashlib.sha256(repr(words).encode()).hexdigest()


def _generation_key(owner: int) -> str:
    return f"generation:{owner}"


def _wait_for(key: str) -> object:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        time.sleep(0.05)
        found: object = cache.get(key)
        if found is not None:
            return found
    return None
