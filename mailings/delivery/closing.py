"""
Ends: deliveries whose time is over, runs with nothing open, mailings with nothing left.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import partial

from django.db import transaction

from mailings.delivery.books import move
from mailings.delivery.plan import put_down_missed
from mailings.delivery.statistics import count_ends
from mailings.models import Delivery, Mailing, Run
from mailings.models.delivery import DeliveryQuerySet
from mailings.models.run import RunQuerySet
from mailsvc import cache


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
        count_ends({(run_id, state, reason): n for run_id, n in ended.items()})
    return ended


def close(now: datetime) -> list[Mailing]:
    """
    Ends what is over at `now`. Returns the mailings that have just finished.
    """
    _expire(now)
    _cancel_stopped()
    _cancel_orphans()
    over = Mailing.objects.unfinished().filter(end_at__lte=now)
    done = _with_nothing_open(Run.objects.all())
    concerned = {*over.values_list("pk", flat=True)}
    concerned.update(done.values_list("mailing_id", flat=True))
    finished = (finish(mailing_id, now) for mailing_id in sorted(concerned))
    return [mailing for mailing in finished if mailing is not None]


def cancel(mailing: Mailing, *, reason: str) -> None:
    """Cancels what still waits of a mailing that was ended; its runs finish."""
    _end_runs(mailing.runs.unfinished(), state=Delivery.State.CANCELLED, reason=reason)


def _expire(now: datetime) -> None:
    _end_runs(
        Run.objects.over(now),
        state=Delivery.State.EXPIRED,
        reason=Delivery.Reason.WINDOW_OVER,
    )


def _cancel_stopped() -> None:
    ended = Run.objects.unfinished().filter(mailing__status=Mailing.Status.FINISHED)
    for deleted, reason in (
        (False, Delivery.Reason.STOPPED),
        (True, Delivery.Reason.MAILING_DELETED),
    ):
        _end_runs(
            ended.filter(mailing__deleted_at__isnull=not deleted),
            state=Delivery.State.CANCELLED,
            reason=reason,
        )


def _end_runs(runs: RunQuerySet, *, state: str, reason: str) -> None:
    """Deliveries first and their runs after them, in the order of all who lock both."""
    keys = list(runs.values_list("pk", flat=True))
    if not keys:
        return
    with transaction.atomic():
        end_waiting(Delivery.objects.filter(run__in=keys), state=state, reason=reason)
        # Recipients that were not selected in time are none: nothing was promised.
        planning = Run.objects.filter(pk__in=keys, state=Run.State.PLANNING)
        for pk in planning.order_by("pk").values_list("pk", flat=True):
            Run.objects.filter(pk=pk).update(state=Run.State.SENDING)


def _cancel_orphans() -> None:
    """Clients that were deleted are not written to any more."""
    open_runs = Run.objects.unfinished().with_open_deliveries()
    end_waiting(
        Delivery.objects.filter(run__in=open_runs, client=None),
        state=Delivery.State.CANCELLED,
        reason=Delivery.Reason.CLIENT_DELETED,
    )


def _with_nothing_open(runs: RunQuerySet) -> RunQuerySet:
    return runs.filter(state=Run.State.SENDING, pending=0, sending=0, deferred=0)


@transaction.atomic
def finish(mailing_id: int, now: datetime) -> Mailing | None:
    """
    Finishes the runs with nothing open, and the mailing with them if nothing is left
    to come or its window is over; then returns it.
    """
    mailing = Mailing.objects.select_for_update().get(pk=mailing_id)
    done = _with_nothing_open(Run.objects.filter(mailing=mailing))
    if done.update(state=Run.State.FINISHED, finished_at=now):
        transaction.on_commit(partial(cache.changed, mailing.owner_id), robust=True)
    is_ended = mailing.status == Mailing.Status.FINISHED
    if is_ended or mailing.runs.unfinished().exists():
        return None
    if now >= mailing.end_at:
        put_down_missed(mailing, now)
    elif mailing.next_due() is not None:
        return None
    mailing.status = Mailing.Status.FINISHED
    mailing.save(update_fields=["status"])
    return mailing
