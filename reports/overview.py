"""
One row per mailing, and their totals: from the counters of the runs, never from
deliveries or attempts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, reduce
from operator import add
from typing import Any

from django.db.models import (
    Case,
    Count,
    F,
    FloatField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from mailings.models import Mailing, Run
from mailsvc.statements import Parameter, Statement

# Figure -> the counters of a run that make it up.
FIGURES: dict[str, tuple[str, ...]] = {
    "planned": ("planned",),
    "accepted": ("accepted",),
    "refused": ("refused",),
    "waiting": ("pending", "sending", "deferred"),
    "unknown": ("unknown",),
    "expired": ("expired",),
    "attempts": ("attempts",),
}


def _added(names: Any) -> Any:
    return reduce(add, (F(name) for name in names))


_ENDED = ("accepted", "refused", "unknown", "expired")

_NO_FIGURES: dict[str, Any] = {
    **{f"sum_{name}": 0 for name in FIGURES},
    "run_count": 0,
    "last_run": None,
    "success": None,
}
_YEARS = range(1970, 9999)  # beyond them there are no runs


@dataclass(frozen=True)
class Period:
    """From the beginning of one day to the end of another, on the reader's clock."""

    since: date | None = None
    until: date | None = None

    def bounds(self) -> dict[str, datetime]:
        """Of the moments that runs were to begin at, by the name of the condition."""
        found = {}
        if self.since and self.since.year in _YEARS:
            found["scheduled_for__gte"] = _midnight(self.since)
        if self.until and self.until.year in _YEARS:
            found["scheduled_for__lt"] = _midnight(self.until + timedelta(days=1))
        return found

    def of_runs(self, prefix: str = "") -> Q:
        """The runs that were to begin in it."""
        return _counting(self.bounds(), prefix)


def _counting(bounds: Mapping[str, Any], prefix: str = "") -> Q:
    """Missed runs sent nothing."""
    runs = ~Q(**{f"{prefix}state": Run.State.MISSED})
    return runs & Q(**{f"{prefix}{name}": value for name, value in bounds.items()})


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def with_figures(
    mailings: "QuerySet[Mailing]", period: Period
) -> "QuerySet[Mailing, Any]":
    """
    Adds `run_count`, `sum_…` for each figure, `success` in % and `last_run`, to all
    rows. For one page of them it is quicker to `fill_in` what that page shows.
    """
    runs = period.of_runs("runs__")
    sums = {
        f"sum_{name}": Coalesce(
            Sum(_added(f"runs__{part}" for part in parts), filter=runs), 0
        )
        for name, parts in FIGURES.items()
    }
    return mailings.annotate(
        run_count=Count("runs", filter=runs),
        last_run=Max("runs__scheduled_for", filter=runs),
        **sums,
    ).annotate(success=_success("sum_"))


def sortable(
    mailings: "QuerySet[Mailing]", period: Period, names: Iterable[str]
) -> "QuerySet[Mailing, Any]":
    """Rows that can be put in order by those of the figures that `names` has."""
    wanted = _NO_FIGURES.keys() & {name.removeprefix("-") for name in names}
    if not wanted:
        return mailings
    runs = Run.objects.filter(period.of_runs(), mailing=OuterRef("pk")).order_by()
    return mailings.alias(
        **{
            name: Coalesce(
                Subquery(_figure(runs.values("mailing"), name)), _NO_FIGURES[name]
            )
            for name in wanted
        }
    )


def fill_in(mailings: Iterable[Mailing], period: Period) -> None:
    """Gives these rows the figures that `with_figures` would."""
    rows = {mailing.pk: mailing for mailing in mailings}
    bounds = period.bounds()
    sums = _sums_of(tuple(bounds)).rows(mailings=list(rows), **bounds)
    found = {pk: dict(zip(_SUMS, row, strict=True)) for pk, *row in sums}
    for pk, mailing in rows.items():
        figures = _NO_FIGURES | found.get(pk, {})
        # Here and not by the database: a long expression is dear to put into words.
        figures["success"] = success(**{n: figures[f"sum_{n}"] for n in FIGURES})
        for name, value in figures.items():
            setattr(mailing, name, value)


_EACH: dict[str, Any] = {
    "run_count": Count("pk"),
    "last_run": Max("scheduled_for"),
    **{f"sum_{name}": Sum(_added(parts)) for name, parts in FIGURES.items()},
}
_SUMS = tuple(_EACH)


@cache
def _sums_of(bounds: tuple[str, ...]) -> Statement:
    """By mailing; which bounds a period has changes the words."""

    def sums() -> "QuerySet[Any, Any]":
        between = _counting({name: Parameter(name) for name in bounds})
        runs = Run.objects.filter(between, mailing__pk__among=Parameter("mailings"))
        summed = _sums(runs.order_by().values("mailing"))
        return summed.values_list("mailing", *_SUMS)  # type: ignore[no-any-return]

    return Statement(sums)


def _figure(runs: Any, name: str) -> Any:
    """One of the figures of `runs`, which are grouped, in as few words as it can be."""
    wanted = [f"sum_{each}" for each in _ENDED] if name == "success" else [name]
    sums = runs.annotate(**{each: _EACH[each] for each in wanted})
    if name == "success":
        sums = sums.annotate(success=_success("sum_"))
    return sums.values(name)


def _sums(runs: Any) -> Any:
    return runs.annotate(**_EACH)


def totals(mailings: "QuerySet[Mailing]", period: Period) -> dict[str, Any]:
    """The figures of all these mailings together: plain values."""
    runs = Run.objects.filter(period.of_runs(), mailing__in=mailings.order_by())
    sums = {name: Coalesce(Sum(_added(parts)), 0) for name, parts in FIGURES.items()}
    found = runs.aggregate(runs=Count("pk"), **sums)
    return found | {"success": success(**found)}


def success(
    *, accepted: int, refused: int, unknown: int, expired: int, **_: Any
) -> float | None:
    """Of those whose end is known or overdue, how many % were accepted: one decimal."""
    ended = accepted + refused + unknown + expired
    return round(100 * accepted / ended, 1) if ended else None


def _success(prefix: str) -> Case:
    ended = _added(f"{prefix}{name}" for name in _ENDED)
    share = F(f"{prefix}accepted") * Value(100.0) / ended
    return Case(
        When(**{f"{prefix}accepted__gt": 0}, then=share),
        When(_any_of(prefix, _ENDED[1:]), then=Value(0.0)),
        default=None,
        output_field=FloatField(),
    )


def _any_of(prefix: str, names: tuple[str, ...]) -> Q:
    found = Q()
    for name in names:
        found |= Q(**{f"{prefix}{name}__gt": 0})
    return found
