"""
What dead pumps left behind.

Their journals tell what had been handed over: outcomes that were received are written
down, what had no reply is `unknown`, the rest goes back to the queue. Where there is
no journal to be trusted, everything that was claimed is in doubt.
"""

import logging
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from mailings.delivery import journal
from mailings.delivery.claim import give_back
from mailings.delivery.journal import Result
from mailings.delivery.record import record
from mailings.delivery.replies import Outcome, Phase, Verdict
from mailings.models import Delivery, Lease

logger = logging.getLogger(__name__)

# A journal on another machine: its own recovery gets so long to come first.
_FOREIGN_PATIENCE = timedelta(minutes=10)


def recover(now: datetime) -> int:
    """
    Takes over the leases of pumps that are dead or asleep past their lease; returns
    how many. Safe at any time and from several processes at once.
    """
    recovered = 0
    for lease in Lease.objects.all():
        if _is_forsaken(lease, now):
            recovered += _take_over(lease.pk, now)
    return recovered


def _journal_of(lease: Lease) -> Path:
    return Path(settings.DELIVERY["journal_dir"]) / lease.journal


def _is_ours(lease: Lease) -> bool:
    """Its journal, if there is one, is on this machine and in this folder."""
    return lease.host == journal.host() and _journal_of(lease).exists()


def _is_forsaken(lease: Lease, now: datetime) -> bool:
    if _is_ours(lease):
        return lease.expires_at <= now or journal.owner_is_dead(_journal_of(lease))
    return lease.expires_at + _FOREIGN_PATIENCE <= now


@transaction.atomic
def _take_over(lease_id: int, now: datetime) -> int:
    lease = Lease.objects.select_for_update().filter(pk=lease_id).first()
    if lease is None:  # somebody else was faster
        return 0
    path = _journal_of(lease)
    claimed = set(lease.deliveries.values_list("pk", flat=True))
    if _is_ours(lease) and lease.boot_id == journal.boot_id():
        testimony = journal.read(path)
        results, in_doubt = testimony.results, claimed & testimony.in_doubt
    else:
        results, in_doubt = {}, claimed
    known = [result for pk, result in results.items() if pk in claimed]
    doubtful = [_in_doubt(pk, now) for pk in in_doubt]
    delays = settings.DELIVERY["retry_delays"]
    record(lease, known, now=now, retry_delays=delays)
    record(
        lease,
        doubtful,
        now=now,
        retry_delays=delays,
        unknown_reason=Delivery.Reason.WORKER_DIED,
    )
    give_back(lease, claimed - results.keys() - in_doubt)
    lease.delete()
    transaction.on_commit(lambda: path.unlink(missing_ok=True))
    logger.warning(
        "Recovered from %s: %d written down, %d in doubt, %d back in the queue.",
        lease,
        len(known),
        len(doubtful),
        len(claimed) - len(known) - len(doubtful),
    )
    return 1


def _in_doubt(delivery_id: int, now: datetime) -> Result:
    outcome = Outcome(Verdict.UNKNOWN, Phase.DOT, None, "", "")
    return Result(delivery_id, outcome, now, 0)
