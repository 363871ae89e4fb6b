"""What there is to do."""

from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db.models import Min

from mailings.delivery.claim import due_runs
from mailings.models import Delivery, Lease, Run


def has_work(now: datetime) -> bool:
    """Something could be planned or sent right now."""
    planning = Run.objects.allowed_to_send().filter(state=Run.State.PLANNING)
    return planning.exists() or bool(due_runs(now))


def seat_is_free(now: datetime) -> bool:
    """Fewer pumps are claiming than may work at once."""
    claiming = Lease.objects.current(now).filter(claiming=True)
    return claiming.count() < int(settings.DELIVERY["pumps"])


def next_due_at(runs: Collection[int]) -> datetime | None:
    """When the first waiting delivery of these runs is due; None if none waits."""
    waiting = Delivery.objects.waiting().filter(run__in=runs)
    first: datetime | None = waiting.aggregate(first=Min("due_at"))["first"]
    return first
