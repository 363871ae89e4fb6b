"""
A run whose files can't be read or prepared waits: a full disk, a file that is gone.

It is nobody's fault but ours: no recipient is charged, no other run is concerned, and
it goes on by itself when the trouble is over.
"""

import logging
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from mailings.models import Run
from mailsvc import cache

logger = logging.getLogger(__name__)

_TRY_EVERY = timedelta(minutes=1)
_LONGEST = Run._meta.get_field("waits_because").max_length


@transaction.atomic
def let_wait(run_id: int, why: str, now: datetime) -> None:
    """Nothing of it is claimed for a while. Its page says `why`."""
    logger.warning("A run waits: %s", why, extra={"run": run_id})
    _set(run_id, because=(why or "?")[:_LONGEST], until=now + _TRY_EVERY)


@transaction.atomic
def let_go_on(run_id: int) -> None:
    logger.info("A run goes on.", extra={"run": run_id})
    _set(run_id, because="", until=None)


def _set(run_id: int, *, because: str, until: datetime | None) -> None:
    rows = Run.objects.filter(pk=run_id)
    rows.update(waits_because=because, waits_until=until)
    for owner in rows.values_list("mailing__owner_id", flat=True):
        transaction.on_commit(partial(cache.changed, owner), robust=True)
