"""
Everything counted anew: the books of the runs and the statistics beside them, from
deliveries and attempts. What differs is said; nothing is changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q

from mailings.delivery.statistics import Figures, recounted, stored
from mailings.models import Attempt, Delivery, Run
from mailings.models.run import STATES, RunQuerySet
from reports.ledger import COUNTERS

_RUNS_AT_ONCE = 50
_DELIVERIES_SHOWN = 10  # of those that differ in one run


@dataclass(frozen=True)
class Drift:
    """A figure of a run that is not what counting gives."""

    run: int
    figure: str
    counter: int | str
    counted: int | str


def drifts(of: RunQuerySet | None = None) -> Iterator[Drift]:
    """
    Yields each difference between what is kept and what is in the tables, of all runs
    or of some.

    May run while mail is being sent: what seems to differ is looked at once more while
    nobody can change it. Needs the memory of a few runs, however many there are.
    """
    last = 0
    wanted = Run.objects.all() if of is None else of
    runs = wanted.order_by("pk").values_list("pk", flat=True)
    while some := list(runs.filter(pk__gt=last)[:_RUNS_AT_ONCE]):
        for run_id in _suspects(some):
            with transaction.atomic():
                # Who writes outcomes takes the row of the run: now nobody does.
                Run.objects.select_for_update().get(pk=run_id)
                found = list(_drifts_of(run_id))
            yield from found
        last = some[-1]


def _suspects(run_ids: list[int]) -> list[int]:
    """Those that differ, or seem to because they are being sent."""
    kept, counted = stored(run_ids), recounted(run_ids)
    keys = kept.keys() | counted.keys()
    suspects = {key[1] for key in keys if kept.get(key) != counted.get(key)}
    for run in _recounted(run_ids):
        if any(run[name] != run[f"counted_{name}"] for name in COUNTERS):
            suspects.add(run["pk"])
    differing = Delivery.objects.filter(run__in=run_ids).annotate(
        rows=Count("attempts")
    )
    wrong = differing.exclude(attempt_count=F("rows")).order_by()
    suspects.update(wrong.values_list("run", flat=True).distinct())
    return sorted(suspects)


def _recounted(run_ids: list[int]) -> list[dict[str, Any]]:
    """The runs: each counter, and beside it `counted_…`."""
    # A statement of its own: a subquery would be run for each delivery.
    attempts = dict(
        Attempt.objects.filter(delivery__run__in=run_ids)
        .order_by()
        .values_list("delivery__run")
        .annotate(rows=Count("pk"))
    )
    by_state = {
        f"counted_{state}": Count("deliveries", filter=Q(deliveries__state=state))
        for state in STATES
    }
    runs = (
        Run.objects.filter(pk__in=run_ids)
        .order_by("pk")
        .values("pk", *COUNTERS)
        .annotate(**by_state, counted_planned=Count("deliveries"))
    )
    return [{**run, "counted_attempts": attempts.get(run["pk"], 0)} for run in runs]


def _drifts_of(run_id: int) -> Iterator[Drift]:
    for run in _recounted([run_id]):
        for name in COUNTERS:
            if run[name] != run[f"counted_{name}"]:
                yield Drift(run_id, name, run[name], run[f"counted_{name}"])
    yield from _drifts_of_deliveries(run_id)
    yield from _drifts_of_statistics(run_id, stored([run_id]), recounted([run_id]))


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


def _drifts_of_statistics(
    run_id: int, kept: Figures, counted: Figures
) -> Iterator[Drift]:
    for key in sorted(kept.keys() | counted.keys(), key=str):
        if kept.get(key) != counted.get(key):
            name, _, *rest = key
            yield Drift(
                run_id,
                " ".join([name, *map(str, rest)]),
                _in_words(kept.get(key)),
                _in_words(counted.get(key)),
            )


def _in_words(figures: tuple[Any, ...] | None) -> str:
    return ", ".join(map(str, figures)) if figures else "0"
