"""How fast letters leave: at this moment, and how long as many would take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil

from django.conf import settings
from django.db.models import F, OuterRef, Subquery, Sum

from mailings.condition import Condition
from mailings.models import Attempt, PeriodCount, Run
from mailings.models.statistics import PERIOD, period_of
from mailsvc.rates import Rate
from mailsvc.rates import rates as read_rates

_LOOKED_AT = 500  # of the newest attempts
_ENOUGH = 10  # intervals between them, to say anything
_PAUSE = 5.0  # seconds between two attempts after which nothing was being sent


@dataclass(frozen=True)
class Pace:
    """`per_second` is None where too little has been sent to say."""

    per_second: float | None
    limits: Sequence[Rate] = ()

    @property
    def per_minute(self) -> float | None:
        """As the limits let it be."""
        if self.per_second is None:
            return None
        allowed = [limit.amount / limit.seconds for limit in self.limits]
        return 60 * min(self.per_second, *allowed, self.per_second)

    def lasts(self, letters: int) -> timedelta | None:
        """How long so many take. As many as a limit has may go at once."""
        if self.per_second is None:
            return None
        waits = [
            (ceil(letters / limit.amount) - 1) * limit.seconds for limit in self.limits
        ]
        return timedelta(seconds=max(letters / self.per_second, *waits, 0.0))


def current_pace() -> Pace:
    """
    Of the newest attempts, whoever's: all share the mail server. Times in which nothing
    was sent don't count. One query, that reads as many rows whatever there is.
    """
    newest = Attempt.objects.order_by("-pk").values_list("started_at", flat=True)
    limits = settings.DELIVERY["rates"]
    return Pace(
        _per_second(sorted(newest[:_LOOKED_AT])),
        [*read_rates(limits["all"]), *read_rates(limits["per_user"])],
    )


def _per_second(moments: Sequence[datetime]) -> float | None:
    gaps = [(after - before).total_seconds() for before, after in pairwise(moments)]
    busy = [gap for gap in gaps if gap <= _PAUSE]
    total = sum(busy)
    return len(busy) / total if len(busy) >= _ENOUGH and total else None


@dataclass(frozen=True)
class Progress:
    """Of a run under way. What is deferred only waits, and takes no time here."""

    run: Run
    per_minute: float = 0.0
    is_moving: bool = False  # something of it goes on at this moment

    @property
    def done(self) -> int:
        return self.run.planned - self.run.open_deliveries

    @property
    def failed(self) -> int:
        return self.run.refused + self.run.unknown + self.run.expired

    @property
    def left(self) -> timedelta | None:
        """How long what is to be sent now still takes, at the rate of this run."""
        waiting = self.run.pending + self.run.sending
        if not waiting or not self.per_minute or self.run.state != Run.State.SENDING:
            return None
        return timedelta(minutes=waiting / self.per_minute)


def progress(runs: Iterable[Run], condition: Condition) -> list[Progress]:
    """One query, if anything is under way. What does not go on has no rate."""
    runs = list(runs)
    rates = _rates_of_going(runs, condition)
    return [
        Progress(run, rates.get(run.pk, 0.0), run.pk in rates or run.sending > 0)
        for run in runs
    ]


def _rates_of_going(runs: Iterable[Run], condition: Condition) -> dict[int, float]:
    """
    Of those with something to do just now, and nothing in its way (neither paused, held
    nor a blocked user's, while a worker and the mail server work): attempts per minute
    in this quarter of an hour and the one before it. No attempt is read.
    """
    busy = {run.pk: run for run in runs if run.is_open and run.is_busy}
    if not busy or not condition.is_well:
        return {}
    since = period_of(condition.at) - PERIOD
    periods = PeriodCount.objects.filter(run=OuterRef("pk"), period__gte=since)
    tried = Sum(F("accepted") + F("refused") + F("deferred") + F("unknown"))
    lately = periods.order_by().values("run").annotate(n=tried).values("n")
    going = Run.objects.allowed_to_send().filter(pk__in=busy)
    return {
        pk: _per_minute(n or 0, busy[pk].started_at, since, condition.at)
        for pk, n in going.values_list("pk", Subquery(lately))
    }


def _per_minute(
    attempts: int, begun: datetime | None, since: datetime, now: datetime
) -> float:
    if begun is None:
        return 0.0
    return 60 * attempts / max(1.0, (now - max(since, begun)).total_seconds())
