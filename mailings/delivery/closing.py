"""
Ends: deliveries whose time is over, runs with nothing open, mailings with nothing left.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from mailings.delivery.books import move
from mailings.models import Delivery, Mailing, Run
from mailings.models.delivery import DeliveryQuerySet


def end_waiting(
    deliveries: DeliveryQuerySet, *, state: str, reason: str
) -> Mapping[int, int]:
    """
    Moves those of `deliveries` that still wait to a final state, with the reason.

    Returns how many per run. What is being sent at this moment is left alone.
    """
    with transaction.atomic():
        rows = list(
            deliveries.waiting()
            .select_for_update()
            .order_by("pk")
            .values_list("pk", "run_id", "state")
        )
        for start in range(0, len(rows), 5_000):
            chunk = [row[0] for row in rows[start : start + 5_000]]
            Delivery.objects.filter(pk__in=chunk).update(state=state, reason=reason)
        ended: Counter[int] = Counter()
        for (run_id, was), n in sorted(Counter(row[1:] for row in rows).items()):
            move(run_id, {was: -n, state: n})
            ended[run_id] += n
    return ended


def close(now: datetime) -> list[Mailing]:
    """
    Ends what is over at `now`. Returns the mailings that have just finished.
    """
    _expire(now)
    _cancel_stopped()
    _cancel_orphans()
    finished = _finish_runs(now)
    over = Mailing.objects.unfinished().filter(
        Q(end_at__lte=now) | Q(pk__in=[run.mailing_id for run in finished])
    )
    return [mailing for mailing in over if _finish(mailing, now)]


def _expire(now: datetime) -> None:
    for run in Run.objects.over(now):
        # Recipients that were not selected in time are none: nothing was promised.
        Run.objects.filter(pk=run.pk, state=Run.State.PLANNING).update(
            state=Run.State.SENDING
        )
        end_waiting(
            Delivery.objects.filter(run=run),
            state=Delivery.State.EXPIRED,
            reason=Delivery.Reason.WINDOW_OVER,
        )


def _cancel_stopped() -> None:
    """What still waits of mailings that were stopped or deleted."""
    ended = Run.objects.unfinished().filter(mailing__status=Mailing.Status.FINISHED)
    ended.filter(state=Run.State.PLANNING).update(state=Run.State.SENDING)
    for deleted, reason in (
        (False, Delivery.Reason.STOPPED),
        (True, Delivery.Reason.MAILING_DELETED),
    ):
        runs = ended.filter(mailing__deleted_at__isnull=not deleted)
        end_waiting(
            Delivery.objects.filter(run__in=runs),
            state=Delivery.State.CANCELLED,
            reason=reason,
        )


def _cancel_orphans() -> None:
    """Clients that were deleted are not written to any more."""
    open_runs = Run.objects.unfinished().with_open_deliveries()
    end_waiting(
        Delivery.objects.filter(run__in=open_runs, client=None),
        state=Delivery.State.CANCELLED,
        reason=Delivery.Reason.CLIENT_DELETED,
    )


def _finish_runs(now: datetime) -> list[Run]:
    done = Run.objects.filter(state=Run.State.SENDING, pending=0, sending=0, deferred=0)
    return [
        run
        for run in done
        if Run.objects.filter(
            pk=run.pk, state=Run.State.SENDING, pending=0, sending=0, deferred=0
        ).update(state=Run.State.FINISHED, finished_at=now)
    ]


def _finish(mailing: Mailing, now: datetime) -> bool:
    """Finishes the mailing if its window is over or nothing is left to come."""
    if mailing.runs.unfinished().exists():
        return False
    last = mailing.runs.order_by("-scheduled_for").first()
    due = mailing.next_occurrence(last.scheduled_for) if last else mailing.start_at
    if now < mailing.end_at and due is not None:
        return False
    mailing.status = Mailing.Status.FINISHED
    return bool(
        Mailing.objects.unfinished().filter(pk=mailing.pk).update(status=mailing.status)
    )
