"""
The runs to come of many mailings, in order: when, to how many, how long they take, and
what is in their way. The occurrences are those that the scheduler takes.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet

from mailings import delivery, recurrence
from mailings.models import Mailing, Run
from mailings.pace import Pace

# What an occurrence is reckoned from.
_FIELDS = ("pk", "start_at", "end_at", "periodicity", "timezone")
_TICK = timedelta(microseconds=1)


class Place(NamedTuple):
    """Where a page begins: the first run of this mailing, or one after it."""

    moment: datetime
    mailing: int = 0

    def __str__(self) -> str:
        """For an address."""
        return f"{self.moment.isoformat()}~{self.mailing}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """Raises ValueError."""
        moment, _sign, key = text.partition("~")
        return cls(datetime.fromisoformat(moment), int(key))


class Busy(NamedTuple):
    """The time in which something is expected to go out."""

    mailing: int
    title: str
    begin: datetime
    end: datetime

    def meets(self, other: "Busy") -> bool:
        if self.mailing == other.mailing:  # the run before ends when this one begins
            return False
        is_before = self.begin < other.end and other.begin < self.end
        return is_before or self.begin == other.begin


@dataclass
class Planned:
    """A run to come."""

    mailing: Mailing
    moment: datetime
    recipients: int  # at most
    lasts: timedelta | None
    closes_at: datetime
    clashes: list[str] = field(default_factory=list)  # titles of other mailings

    @property
    def ends_at(self) -> datetime | None:
        return self.moment + self.lasts if self.lasts else None

    @property
    def closed_by_next(self) -> bool:
        return self.closes_at < self.mailing.end_at

    @property
    def too_many(self) -> int:
        """For how many of the recipients there is no time."""
        window = self.closes_at - self.moment
        if self.lasts is None or self.lasts <= window:
            return 0
        return ceil(self.recipients * (1 - window / self.lasts))

    def busy(self) -> Busy:
        end = min(self.ends_at or self.moment, self.closes_at)
        return Busy(self.mailing.pk, self.mailing.title, self.moment, end)


def to_come(mailings: "QuerySet[Any]") -> "QuerySet[Any]":
    """Of these, the ones that will run by themselves."""
    live: Any = mailings.live()  # type: ignore[attr-defined]
    runs = Run.objects.filter(mailing=OuterRef("pk"))
    found: QuerySet[Any] = live.exclude(
        Exists(runs), periodicity=Mailing.Periodicity.ONCE
    )
    return found


def page(
    mailings: "QuerySet[Any]", begin: Place, until: datetime, size: int
) -> tuple[list[tuple[datetime, int]], Place | None]:
    """
    The next `size` runs as moments and keys of mailings, and where the next begins.

    Looks at each mailing once, and then only at as many occurrences as it returns.
    """
    found: list[tuple[datetime, int]] = []
    for moment, pk in _merged(mailings, begin, until):
        if len(found) == size:
            return found, Place(moment, pk)
        found.append((moment, pk))
    return found, None


def _merged(
    mailings: "QuerySet[Any]", begin: Place, until: datetime
) -> Iterator[tuple[datetime, int]]:
    rows = mailings.filter(start_at__lt=until, end_at__gt=begin.moment)
    # Plain values: there may be very many. The occurrences of `occurrences_after`.
    heap = []
    for pk, start, end, periodicity, zone in rows.order_by().values_list(*_FIELDS):
        series = recurrence.occurrences(
            start,
            Mailing.Periodicity(periodicity),
            zone,
            after=begin.moment - _TICK,
            until=min(until, end),
        )
        first = next(series, None)
        if first == begin.moment and pk < begin.mailing:
            first = next(series, None)
        if first is not None:
            heap.append((first, pk, series))
    heapq.heapify(heap)
    while heap:
        moment, pk, series = heap[0]
        yield moment, pk
        following = next(series, None)
        if following is not None:
            heapq.heapreplace(heap, (following, pk, series))
        else:
            heapq.heappop(heap)


def planned(
    found: Iterable[tuple[datetime, int]],
    mailings: dict[int, Mailing],
    recipients: dict[int, int],
    pace: Pace,
    under_way: Iterable[Busy] = (),
) -> list[Planned]:
    """With what is to be said of each. `under_way`: what is being sent now."""
    rows = [
        Planned(
            mailing=mailings[pk],
            moment=moment,
            recipients=recipients[pk],
            lasts=pace.lasts(recipients[pk]),
            closes_at=delivery.closing_time(mailings[pk], moment),
        )
        for moment, pk in found
        if pk in mailings  # deleted meanwhile
    ]
    times = [row.busy() for row in rows]
    for row, its in zip(rows, times, strict=True):
        others = (other for other in (*under_way, *times) if its.meets(other))
        row.clashes = list(dict.fromkeys(other.title for other in others))
    return rows
