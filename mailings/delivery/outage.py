"""
Times when the database is away: restarted, unreachable, locked, or its disk is full.

They pass, and what was received meanwhile is kept; see `holdings`.
"""

import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

# What no other try can mend (a table that is missing, books that do not balance) is
# another kind of error, and is raised at once.
AWAY = (OperationalError, InterfaceError)

# Seconds until nobody waits any more. What is in the journal is not lost then, and a
# pump's budget, this and a reply's longest wait fit into the worker's limit for a task.
PATIENCE = 300.0
_TRY_EVERY = 1.0


def reconnect() -> None:
    """A connection that an outage has broken is good for nothing, and says no more."""
    connection.close_if_unusable_or_obsolete()


def sit_out(error: Exception, *, stop: Callable[[], bool]) -> None:
    """
    Waits until the database answers; raises `error` if it does not in time, or if
    `stop()` turns true.
    """
    until = time.monotonic() + PATIENCE
    while not stop() and time.monotonic() < until:
        time.sleep(_TRY_EVERY)
        reconnect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except AWAY:
            continue
        return
    raise error
