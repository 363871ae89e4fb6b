"""When a deferred delivery is tried again. Pure."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

JITTER = 0.2  # of the delay, either way: a whole run must not come back at once


def next_attempt(
    attempt_count: int,
    *,
    now: datetime,
    delays: Sequence[float],
    chance: random.Random,
) -> datetime | None:
    """
    When to try again after `attempt_count` tries; None when enough was tried.

    `delays` are seconds, one per retry (RFC 5321 4.5.4.1 asks for growing ones).
    """
    if not 1 <= attempt_count <= len(delays):
        return None
    delay = delays[attempt_count - 1]
    return now + timedelta(seconds=delay * chance.uniform(1 - JITTER, 1 + JITTER))
