"""
The figures of mailings and runs, from the counters that the engine keeps; and the
recount of those counters from deliveries and attempts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Count,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import Coalesce

from mailings.models import Attempt, Delivery, Mailing, Run
from mailings.models.run import STATES

COUNTERS = ("planned", *STATES, "attempts")

_RUNS_AT_ONCE = 50
_DELIVERIES_SHOWN = 10  # of those that differ in one run


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


@dataclass(frozen=True)
class Drift:
    """A figure of a run that is not what counting gives."""

    run: int
    figure: str
    counter: int
    counted: int


def drifts() -> Iterator[Drift]:
    """
    Yields each difference between the books and what is in the tables.

    The counters of a run and the count of its deliveries come out of one statement,
    so that a run that is being sent meanwhile shows no difference. Needs the memory
    of a few runs, however many there are.
    """
    last = 0
    runs = Run.objects.order_by("pk").values_list("pk", flat=True)
    while some := list(runs.filter(pk__gt=last)[:_RUNS_AT_ONCE]):
        for run in _recounted(some):
            yield from _drifts_of(run)
        last = some[-1]


def _recounted(run_ids: list[int]) -> list[dict[str, Any]]:
    """The runs: each counter, and beside it `counted_…`."""
    rows_of_attempts = (
        Attempt.objects.filter(delivery__run=OuterRef("pk"))
        .order_by()
        .values("delivery__run")
        .annotate(rows=Count("pk"))
        .values("rows")
    )
    by_state = {
        f"counted_{state}": Count("deliveries", filter=Q(deliveries__state=state))
        for state in STATES
    }
    return list(
        Run.objects.filter(pk__in=run_ids)
        .order_by("pk")
        .values("pk", *COUNTERS)
        .annotate(
            **by_state,
            counted_planned=Count("deliveries"),
            counted_attempts=Coalesce(
                Subquery(rows_of_attempts, output_field=IntegerField()), 0
            ),
        )
    )


def _drifts_of(run: dict[str, Any]) -> Iterator[Drift]:
    for name in COUNTERS:
        if run[name] != run[f"counted_{name}"]:
            yield Drift(run["pk"], name, run[name], run[f"counted_{name}"])
    yield from _drifts_of_deliveries(run["pk"])


def _drifts_of_deliveries(run_id: int) -> Iterator[Drift]:
    """Deliveries whose own count of attempts is not the number of attempts."""
    differing = (
        Delivery.objects.filter(run_id=run_id)
        .order_by("pk")
        .values("pk", "attempt_count")
        .annotate(rows=Count("attempts"))
        .exclude(attempt_count=F("rows"))
    )
    for row in differing[:_DELIVERIES_SHOWN]:
        yield Drift(
            run_id,
            f"attempts of delivery {row['pk']}",
            row["attempt_count"],
            row["rows"],
        )
