"""
When a mailing is due. Pure: no database, no clock.

One function yields the occurrences; the scheduler, the form's preview and the
calendar all call it. Wall-clock time is what repeats (09:00 stays 09:00 across DST),
and the n-th occurrence is reckoned from the anchor, never from the one before it:
monthly from 31 January means 28 or 29 February and 31 March again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import count

from dateutil.relativedelta import relativedelta
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

Occurrences = Iterator[datetime]


class Periodicity(TextChoices):
    ONCE = "once", _("Once")
    DAILY = "daily", _("Daily")
    WEEKLY = "weekly", _("Weekly")
    MONTHLY = "monthly", _("Monthly")
    MONTH_END = "month_end", _("Monthly, on the last day")


# A missed occurrence that is older than this is recorded as missed, not made up for.
CATCH_UP_LIMITS = {
    Periodicity.DAILY: timedelta(hours=12),
    Periodicity.WEEKLY: timedelta(days=2),
    Periodicity.MONTHLY: timedelta(days=3),
    Periodicity.MONTH_END: timedelta(days=3),
}


def occurrences(
    anchor: datetime,
    periodicity: Periodicity,
    zone: tzinfo,
    *,
    after: datetime | None = None,
    until: datetime | None = None,
) -> Occurrences:
    """
    Yields the occurrences in UTC, in order.

    `anchor` is the first one; of the last days of months, the first is that of the
    anchor's month, at the anchor's time. `after` and `until` (both aware, both
    exclusive) bound what is yielded. Without `until` a repeating series does not end.
    """
    anchor = anchor.astimezone(UTC)
    wall = anchor.astimezone(zone).replace(tzinfo=None)
    if periodicity is Periodicity.MONTH_END:
        wall += relativedelta(day=31)  # as many days as the month has
        anchor = max(anchor, instant(wall, zone))
    first = _first_index(wall, periodicity, after and after.astimezone(zone))
    indices = iter([0]) if periodicity is Periodicity.ONCE else count(first)
    for n in indices:
        try:
            # Not reckoned for the anchor: it may be the second 02:30 of a doubled hour.
            moment = instant(wall + _step(periodicity, n), zone) if n else anchor
        except (OverflowError, ValueError):  # the year 9999
            return
        if until is not None and moment >= until:
            return
        if after is None or moment > after:
            yield moment
            after = moment  # a day that a zone leaves out ends where the next begins


def instant(wall: datetime, zone: tzinfo) -> datetime:
    """
    The instant (UTC) at which the clocks of `zone` show `wall`.

    An hour that happens twice counts the first time; a time that the clocks skip
    becomes the first instant after the gap.
    """
    before = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if before <= after:  # not in a gap: fold=0 is the only, or the first, reading
        return before
    return _transition(after, before, zone)


def _transition(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The first second in (low, high] with the UTC offset of `high`."""
    new_offset = high.astimezone(zone).utcoffset()
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) // 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == new_offset:
            high = middle
        else:
            low = middle
    return high


def _step(periodicity: Periodicity, n: int) -> timedelta | relativedelta:
    if periodicity is Periodicity.MONTHLY:
        return relativedelta(months=n)
    if periodicity is Periodicity.MONTH_END:
        return relativedelta(months=n, day=31)
    return timedelta(days=n * (7 if periodicity is Periodicity.WEEKLY else 1))


def _first_index(
    wall: datetime, periodicity: Periodicity, after: datetime | None
) -> int:
    """An index a little before the first one after `after`, without walking there."""
    if after is None:
        return 0
    days = (after.replace(tzinfo=None) - wall).days
    lengths = {"weekly": 7, "monthly": 31, "month_end": 31}
    length = lengths.get(periodicity, 1)
    return max(0, days // length - 1)


@dataclass(frozen=True)
class Shifts:
    """What the clocks of a zone do to a series."""

    offsets: int  # how many different ones from UTC
    moved: bool  # some time is skipped by the clocks, and comes after the gap
    doubled: bool  # some time comes twice, and counts the first time


def shifts(moments: Iterable[datetime], wall: time, zone: tzinfo) -> Shifts:
    """Of `moments`, each meant for the time of day `wall`."""
    local = [moment.astimezone(zone) for moment in moments]
    return Shifts(
        offsets=len({each.utcoffset() for each in local}),
        moved=any(each.replace(tzinfo=None).time() != wall for each in local),
        doubled=any(
            each.utcoffset() != each.replace(fold=1 - each.fold).utcoffset()
            for each in local
        ),
    )
