"""
What the engine has counted, for the pages: reasons, ends, days, speed. Reads the
statistics of `mailings.models.statistics`, never the attempts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import F, Max, Min, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.http import urlencode

from mailings.models import Attempt, Delivery, EndCount, PeriodCount, ReplyCount, Run
from mailings.models.statistics import PERIOD
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


def replies(runs: "QuerySet[Run]") -> tuple[list[ReplyRow], Span | None]:
    """
    The answers that were no success, the most frequent first; and from when to when
    there were answers at all.
    """
    rows = list(
        ReplyCount.objects.filter(run__in=runs)
        .order_by()
        .values("outcome", "code", "enhanced_code")
        # One row whatever was asked: only what was not composed has a phase of its own.
        .annotate(
            sum=Sum("attempts"),
            first=Min("first_at"),
            last=Max("last_at"),
            where=Min("phase"),
        )
        .order_by("-sum", "outcome", "code", "enhanced_code")
    )
    failures = [row for row in rows if row["outcome"] != Attempt.Outcome.ACCEPTED]
    return [_reply_row(row) for row in failures[:SHOWN]], _span(rows)


def _reply_row(row: dict[str, Any]) -> ReplyRow:
    outcome, code, enhanced = row["outcome"], row["code"], row["enhanced_code"]
    reason = of_reply(outcome, row["where"], code, enhanced)
    return ReplyRow(outcome, code, enhanced, row["sum"], row["last"], reason)


def _span(rows: list[dict[str, Any]]) -> Span | None:
    if not rows:
        return None
    return Span(
        min(row["first"] for row in rows),
        max(row["last"] for row in rows),
        sum(row["sum"] for row in rows),
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


def ends(runs: "QuerySet[Run]") -> list[EndRow]:
    """Without the unknown and the given up: they are among the replies."""
    rows = (
        EndCount.objects.filter(run__in=runs, deliveries__gt=0)
        .exclude(state__in=(Delivery.State.UNKNOWN, Delivery.State.REFUSED))
        .order_by()
        .values_list("state", "reason")
        .annotate(sum=Sum("deliveries"))
        .order_by("-sum", "state", "reason")
    )
    return [
        EndRow(Delivery.State(state), Delivery.Reason(reason), n)
        for state, reason, n in rows
    ]


def by_day(runs: "QuerySet[Run]") -> dict[date, dict[str, int]]:
    """Attempts by their outcome, per day on the reader's clock, oldest first."""
    return _by(runs, TruncDate("period", tzinfo=timezone.get_current_timezone()))


def by_period(runs: "QuerySet[Run]") -> dict[datetime, dict[str, int]]:
    """The same per quarter of an hour."""
    found: dict[datetime, Counter[str]] = defaultdict(Counter)
    for period, row in _by(runs, F("period")).items():
        # Where clocks are set back, two periods are the same on them.
        found[timezone.localtime(period)].update(row)
    return {when: dict(row) for when, row in found.items()}


def _by(runs: "QuerySet[Run]", place: Any) -> dict[Any, dict[str, int]]:
    sums = {f"sum_{name}": Sum(name) for name in OUTCOMES}
    rows = PeriodCount.objects.filter(run__in=runs).order_by().values(place=place)
    return {
        row["place"]: {name: row[f"sum_{name}"] for name in OUTCOMES}
        for row in rows.annotate(**sums).order_by("place")
    }
