"""The figures of mailings and runs, from the counters that the engine keeps."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from mailings.models import Mailing, Run, Suppression
from mailings.models.run import STATES

COUNTERS = ("planned", *STATES, "attempts")


def figures_of(mailing: Mailing) -> dict[str, Any]:
    """The runs of the mailing, oldest first, and their totals: plain values."""
    runs: list[dict[str, Any]] = [
        {"run": run.pk, "scheduled_for": run.scheduled_for, **run.ledger()}
        for run in mailing.runs.order_by("scheduled_for", "pk")
    ]
    return {
        "mailing": mailing.pk,
        "status": mailing.status,
        "runs": runs,
        "totals": {name: sum(run[name] for run in runs) for name in COUNTERS},
    }


def unsubscribed(mailings: Iterable[Mailing] | None = None) -> dict[int, int]:
    """
    How many have unsubscribed by a letter of each mailing, by its key: of these
    mailings, or of all. Read from the suppressions, which are few, never by way of
    the deliveries of the mailings.
    """
    rows = Suppression.objects.filter(kind=Suppression.Kind.UNSUBSCRIBED)
    if mailings is not None:
        chosen = {mailing.pk: mailing.owner_id for mailing in mailings}
        owners = set(chosen.values())
        rows = rows.filter(owner__in=owners, delivery__run__mailing__in=chosen)
    counted = (
        rows.filter(delivery__isnull=False)
        .order_by()
        .values_list("delivery__run__mailing")
        .annotate(count=Count("pk"))
    )
    return dict(counted)


def with_totals(mailings: "QuerySet[Mailing]") -> "QuerySet[Mailing, Any]":
    """Adds `total_…`: planned, accepted, refused and unknown over all runs."""
    runs = Run.objects.filter(mailing=OuterRef("pk")).order_by().values("mailing")
    sums = {
        f"total_{name}": Coalesce(
            Subquery(runs.annotate(total=Sum(name)).values("total")), 0
        )
        for name in ("planned", "accepted", "refused", "unknown")
    }
    return mailings.annotate(**sums)
