"""Deliveries that ended without success are made ready to be tried once more."""

from collections import Counter
from datetime import datetime

from django.db import transaction

from mailings.delivery.books import move
from mailings.delivery.statistics import uncount_ends
from mailings.models import Delivery, Run
from mailings.models.delivery import DeliveryQuerySet

_AT_ONCE = 5_000


def reopen(run: Run, deliveries: DeliveryQuerySet, *, now: datetime) -> int:
    """
    Puts those of `deliveries` that ended, or wait for a retry, in front of the queue.

    All are of `run`, which must not be missed, and none is accepted. What is being
    sent at this moment is left alone, and who was deleted stays cancelled. Returns how
    many deliveries are waiting now because of it.
    """
    again = Delivery.State
    states = (again.DEFERRED, again.EXPIRED, again.UNKNOWN, again.REFUSED)
    wanted = deliveries.filter(run=run, state__in=states, client__isnull=False)
    total = last = 0
    with transaction.atomic():
        while rows := list(
            wanted.filter(pk__gt=last)
            .select_for_update(of=("self",))
            .order_by("pk")
            .values_list("pk", "state", "reason")[:_AT_ONCE]
        ):
            keys = [row[0] for row in rows]
            Delivery.objects.filter(pk__in=keys).update(
                state=again.PENDING, reason=Delivery.Reason.NONE, due_at=now
            )
            Run.objects.filter(pk=run.pk, state=Run.State.FINISHED).update(
                state=Run.State.SENDING, finished_at=None
            )
            left = Counter(row[1] for row in rows)
            move(run.pk, {**{s: -n for s, n in left.items()}, "pending": len(rows)})
            uncount_ends(Counter((run.pk, *row[1:]) for row in rows if row[2]))
            total, last = total + len(rows), keys[-1]
    return total
