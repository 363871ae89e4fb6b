"""What there is to do."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Min

from mailings.delivery.claim import due_runs
from mailings.models import Delivery, Run


def has_work(now: datetime) -> bool:
    """Something could be planned or sent right now."""
    planning = Run.objects.allowed_to_send().filter(state=Run.State.PLANNING)
    return planning.exists() or bool(due_runs(now))


def next_due_at(runs: Collection[int]) -> datetime | None:
    """When the first waiting delivery of these runs is due; None if none waits."""
    waiting = Delivery.objects.waiting().filter(run__in=runs)
    first: datetime | None = waiting.aggregate(first=Min("due_at"))["first"]
    return first
