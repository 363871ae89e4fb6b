"""What would go out by itself if sending went on now: for who has to confirm that."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, Sum

from mailings.delivery.plan import due_occurrence
from mailings.models import Mailing


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
    """The newest mailings first."""
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
    for mailing in live.due(now):
        occurrence = due_occurrence(mailing, now)
        if occurrence is not None:
            prospect = found.setdefault(mailing.pk, Prospect(mailing))
            prospect.occurrence = occurrence
            prospect.recipients = mailing.reach().figures()[0]
    return [found[pk] for pk in sorted(found, reverse=True)]
