"""
What the engine has counted, for the pages: reasons, ends, days, speed. Reads the
statistics of `mailings.models.statistics`, never the attempts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from typing import Any, NamedTuple, Self

from django.db.models import F, Max, Min, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.http import urlencode

from mailings.models import Attempt, Delivery, EndCount, PeriodCount, ReplyCount
from mailings.models.statistics import PERIOD
from mailsvc.statements import Parameter, Statement
from reports.reasons import Reason, of_reply

OUTCOMES = ("accepted", "refused", "deferred", "unknown")
SHOWN = 20  # kinds of replies on a page: a strange server may make up thousands


@dataclass(frozen=True)
class ReplyRow:
    """Attempts with the same answer."""

    outcome: str
    code: int
    enhanced_code: str
    attempts: int
    last_at: datetime
    reason: Reason

    @property
    def query(self) -> str:
        """What finds these attempts: see `filters.AttemptFilter`."""
        code = f"{self.code} {self.enhanced_code or '-'}"
        return urlencode({"outcome": self.outcome, "code": code})


@dataclass(frozen=True)
class Span:
    first: datetime
    last: datetime
    attempts: int

    def per_minute(self, periods: Iterable[datetime]) -> float | None:
        """
        In the `periods` that had attempts: not while a run waits for its retries. None
        if it was too short to say.
        """
        times = [
            min(self.last, begin + PERIOD) - max(self.first, begin)
            for begin in (period.astimezone(UTC) for period in periods)
        ]
        seconds = sum(time.total_seconds() for time in times)
        return round(60 * self.attempts / seconds, 1) if seconds >= 1 else None


class Of(NamedTuple):
    """What the statistics are of: one run, or all runs of a mailing."""

    path: str  # from a row of the statistics
    pk: int

    @classmethod
    def run(cls, pk: int) -> Self:
        return cls("run", pk)

    @classmethod
    def mailing(cls, pk: int) -> Self:
        return cls("run__mailing", pk)


def replies(of: Of) -> tuple[list[ReplyRow], Span | None]:
    """
    The answers that were no success, the most frequent first; and from when to when
    there were answers at all.
    """
    rows = list(map(_Replies._make, _replies(of.path).rows(pk=of.pk)))
    failures = [row for row in rows if row.outcome != Attempt.Outcome.ACCEPTED]
    return [_reply_row(row) for row in failures[:SHOWN]], _span(rows)


class _Replies(NamedTuple):
    outcome: str
    code: int
    enhanced_code: str
    n: int
    first: datetime
    last: datetime
    where: str


@cache
def _replies(path: str) -> Statement:
    return Statement(
        lambda: (
            ReplyCount.objects.filter(**{path: Parameter("pk")})
            .order_by()
            .values("outcome", "code", "enhanced_code")
            # One row each: only what was not composed has a phase of its own.
            .annotate(
                n=Sum("attempts"),
                first=Min("first_at"),
                last=Max("last_at"),
                where=Min("phase"),
            )
            .order_by("-n", "outcome", "code", "enhanced_code")
            .values_list(*_Replies._fields)
        )
    )


def _reply_row(row: _Replies) -> ReplyRow:
    reason = of_reply(row.outcome, row.where, row.code, row.enhanced_code)
    return ReplyRow(row.outcome, row.code, row.enhanced_code, row.n, row.last, reason)


def _span(rows: list[_Replies]) -> Span | None:
    if not rows:
        return None
    return Span(
        min(row.first for row in rows),
        max(row.last for row in rows),
        sum(row.n for row in rows),
    )


@dataclass(frozen=True)
class EndRow:
    """Deliveries that ended for the same reason, which no server gave."""

    state: Delivery.State
    reason: Delivery.Reason
    deliveries: int

    @property
    def query(self) -> str:
        """What finds these deliveries: see `mailings.filters.DeliveryFilter`."""
        return urlencode({"state": self.state, "reason": self.reason})


def ends(of: Of) -> list[EndRow]:
    """Without the unknown and the given up: they are among the replies."""
    return [
        EndRow(Delivery.State(state), Delivery.Reason(reason), n)
        for state, reason, n in _ends(of.path).rows(pk=of.pk)
    ]


@cache
def _ends(path: str) -> Statement:
    return Statement(
        lambda: (
            EndCount.objects.filter(**{path: Parameter("pk")}, deliveries__gt=0)
            .exclude(state__in=(Delivery.State.UNKNOWN, Delivery.State.REFUSED))
            .order_by()
            .values_list("state", "reason")
            .annotate(sum=Sum("deliveries"))
            .order_by("-sum", "state", "reason")
        )
    )


def by_day(of: Of) -> dict[date, dict[str, int]]:
    """Attempts by their outcome, per day on the reader's clock, oldest first."""
    return _by(_days(of.path, timezone.get_current_timezone()), of)


def by_period(of: Of) -> dict[datetime, dict[str, int]]:
    """The same per quarter of an hour."""
    found: dict[datetime, Counter[str]] = defaultdict(Counter)
    for period, row in _by(_periods(of.path), of).items():
        # Where clocks are set back, two periods are the same on them.
        found[timezone.localtime(period)].update(row)
    return {when: dict(row) for when, row in found.items()}


def _by(statement: Statement, of: Of) -> dict[Any, dict[str, int]]:
    rows = statement.rows(pk=of.pk)
    return {place: dict(zip(OUTCOMES, sums, strict=True)) for place, *sums in rows}


@cache
def _days(path: str, zone: tzinfo) -> Statement:
    """There are as many as zones."""
    return _counted(path, TruncDate("period", tzinfo=zone))


@cache
def _periods(path: str) -> Statement:
    return _counted(path, F("period"))


def _counted(path: str, place: Any) -> Statement:
    sums = {f"sum_{name}": Sum(name) for name in OUTCOMES}
    return Statement(
        lambda: (
            PeriodCount.objects.filter(**{path: Parameter("pk")})
            .order_by()
            .values(place=place)
            .annotate(**sums)
            .order_by("place")
            .values_list("place", *sums)
        )
    )
