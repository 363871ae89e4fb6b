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
from django.db import DatabaseError, transaction

from mailings.delivery import journal
from mailings.delivery.claim import give_back
from mailings.delivery.journal import Result
from mailings.delivery.record import record
from mailings.delivery.replies import Outcome, Phase, Verdict
from mailings.models import Attempt, Delivery, Lease

logger = logging.getLogger(__name__)

# A journal on another machine: its own recovery gets so long to come first.
_FOREIGN_PATIENCE = timedelta(minutes=10)


def recover(now: datetime) -> int:
    """
    Takes over the leases of pumps that are dead or asleep past their lease; returns
    how many. Safe at any time and from several processes at once.
    """
    return sum(_recovered(lease, now) for lease in Lease.objects.all())


def _recovered(lease: Lease, now: datetime) -> bool:
    """One journal that can't be understood must not keep the others from recovery."""
    try:
        return _is_forsaken(lease, now) and _take_over(lease.pk, now)
    except (OSError, DatabaseError, ValueError):
        logger.exception(
            "What %s has left could not be recovered.", lease, extra={"lease": lease.pk}
        )
        return False


def _journal_of(lease: Lease) -> Path:
    """Where it is, or where a recovery that did not come to its end has put it."""
    path = Path(settings.DELIVERY["journal_dir"]) / lease.journal
    return path if path.exists() else path.with_suffix(".taken")


def _is_forsaken(lease: Lease, now: datetime) -> bool:
    path = _journal_of(lease)
    if path.exists():
        return lease.expires_at <= now or journal.owner_is_dead(path)
    return lease.expires_at + _FOREIGN_PATIENCE <= now


@transaction.atomic
def _take_over(lease_id: int, now: datetime) -> bool:
    lease = Lease.objects.select_for_update().filter(pk=lease_id).first()
    # Somebody was faster, or the pump has come back to life meanwhile.
    if lease is None or not _is_forsaken(lease, now):
        return False
    path = _journal_of(lease)
    claimed = set(lease.deliveries.values_list("pk", flat=True))
    results, in_doubt = _testimony(lease, path, claimed)
    known = [result for pk, result in results.items() if pk in claimed]
    doubtful = [_in_doubt(pk, now) for pk in sorted(in_doubt)]
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
    transaction.on_commit(lambda: path.with_suffix(".taken").unlink(missing_ok=True))
    logger.warning(
        "Recovered from %s: %d written down, %d in doubt, %d back in the queue.",
        lease,
        len(known),
        len(doubtful),
        len(claimed) - len(known) - len(doubtful),
        extra={"lease": lease_id},
    )
    return True


def _testimony(
    lease: Lease, path: Path, claimed: set[int]
) -> tuple[dict[int, Result], set[int]]:
    """The outcomes that are known, and the deliveries in doubt."""
    # After a power loss, and on another machine, the file says nothing reliable.
    if not path.exists() or lease.boot_id != journal.boot_id():
        return {}, claimed
    testimony = journal.read(journal.take(path))
    results = _not_yet_recorded(testimony.results)
    if not testimony.is_whole:
        return results, claimed - results.keys()
    return results, claimed & testimony.in_doubt


def _not_yet_recorded(results: dict[int, Result]) -> dict[int, Result]:
    """Without those of earlier tries: a journal keeps all that its pump did."""
    recorded = set(
        Attempt.objects.filter(delivery__in=results.keys()).values_list(
            "delivery_id", "started_at"
        )
    )
    return {
        pk: result
        for pk, result in results.items()
        if (pk, result.started_at) not in recorded
    }


def _in_doubt(delivery_id: int, now: datetime) -> Result:
    outcome = Outcome(Verdict.UNKNOWN, Phase.DOT, None, "", "")
    return Result(delivery_id, outcome, now, 0)
