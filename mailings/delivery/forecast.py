"""What would go out by itself if sending went on now: for who has to confirm that."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, Sum

from mailings.delivery.plan import due_after
from mailings.models import Mailing
from mailings.models.reach import how_many


@dataclass
class Prospect:
    """One mailing of which something would go out."""

    mailing: Mailing
    waiting: int = 0  # deliveries of runs under way
    in_doubt: int = 0  # of them, being sent when the database was copied
    occurrence: datetime | None = None  # for which a run would begin
    recipients: int = 0  # of that run

    @property
    def messages(self) -> int:
        return self.waiting + self.recipients


def forecast(now: datetime) -> Sequence[Prospect]:
    """The newest mailings first. As many queries for many as for two."""
    live = Mailing.objects.live().select_related("owner")
    under_way = Q(runs__state__in=["planning", "sending"], runs__closes_at__gt=now)
    sums = {
        name: Sum(f"runs__{name}", filter=under_way, default=0)
        for name in ("pending", "deferred", "sending")
    }
    found: dict[int, Prospect] = {}
    for mailing in live.annotate(**sums).filter(
        Q(pending__gt=0) | Q(deferred__gt=0) | Q(sending__gt=0)
    ):
        row: Any = mailing
        waiting = row.pending + row.deferred
        found[mailing.pk] = Prospect(mailing, waiting, row.sending)
    due: dict[int, Any] = {}
    for row in live.due(now):
        occurrence = due_after(row.last_occurrence, row, now)
        if occurrence is not None:
            due[row.pk] = row
            found.setdefault(row.pk, Prospect(row)).occurrence = occurrence
    for pk, recipients in how_many(due.values()).items():
        found[pk].recipients = recipients
    return [found[pk] for pk in sorted(found, reverse=True)]
