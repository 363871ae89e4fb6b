"""
Redis as a cache that may go away: whoever does not answer is left alone for a while.

A Redis that accepts and never answers costs the time allowed for a reply, once, and not
once for each thing that a page asks of it. What limits sign-ins is counted by each
process on its own meanwhile: nobody is locked out, and nobody may guess for ever.
"""

import logging
import time
from typing import Any
from weakref import WeakKeyDictionary

from django.core.cache.backends.locmem import LocMemCache
from django_redis.cache import CONNECTION_INTERRUPTED, RedisCache
from redis import Redis
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import TimeoutError as NotInTime

PAUSE = 10.0  # seconds for which a Redis that did not answer is not asked
_AWAY = (NotConnected, NotInTime)
# Keys of what has to be counted by somebody: allauth's limits, and codes used once.
_COUNTED = "allauth"

_log = logging.getLogger("mailsvc")


class _Rest:
    """Of one Redis, in this process. Without a lock: at worst two ask at once."""

    def __init__(self) -> None:
        self._until = 0.0  # on the monotonic clock; 0: it answers

    def admits(self) -> bool:
        """When the pause is over one may ask, the others go on without."""
        if not self._until:
            return True
        now = time.monotonic()
        if now < self._until:
            return False
        self._until = now + PAUSE
        return True

    def begin(self, error: Exception) -> None:
        if not self._until:
            _log.warning(
                "Redis does not answer: %s. Pages do without it, and it is asked every "
                "%.0f seconds.",
                error,
                PAUSE,
            )
        self._until = time.monotonic() + PAUSE

    def end(self) -> None:
        if self._until:
            self._until = 0.0
            _log.warning("Redis answers again.")


# By pool, of which there is one for each address.
_rests: WeakKeyDictionary[object, _Rest] = WeakKeyDictionary()


class Connection(Redis):
    """The only way to Redis that the cache has."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        rest = _rests.setdefault(self.connection_pool, _Rest())
        if not rest.admits():
            raise NotConnected("It did not answer a moment ago.")
        try:
            answer = super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except _AWAY as error:
            rest.begin(error)
            raise
        rest.end()
        return answer


class Cache(RedisCache):  # type: ignore[misc]
    """What Redis does not take is forgotten, but for what has to be counted."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        # The same memory for all threads of the process, by its name.
        self._own = LocMemCache("counted", {"OPTIONS": {"MAX_ENTRIES": 10_000}})

    def add(self, key: str, *args: Any, **options: Any) -> Any:
        done = super().add(key, *args, **options)
        is_ours = done is None and _is_counted(key)
        return self._own.add(key, *args, **options) if is_ours else done

    def get(
        self,
        key: str,
        default: Any = None,
        version: int | None = None,
        client: Any = None,
    ) -> Any:
        found = self._get(key, default, version, client)
        if found is not CONNECTION_INTERRUPTED:
            return found
        return self._own.get(key, default, version) if _is_counted(key) else default

    def set(self, key: str, *args: Any, **options: Any) -> Any:
        done = super().set(key, *args, **options)
        if done is None and _is_counted(key):
            self._own.set(key, *args, **options)
            return True
        return done

    def delete(self, key: str, *args: Any, **options: Any) -> Any:
        done = super().delete(key, *args, **options)
        is_ours = done is None and _is_counted(key)
        return self._own.delete(key, *args, **options) if is_ours else done


def _is_counted(key: object) -> bool:
    return str(key).startswith(_COUNTED)
