"""What a mailing is going to do: when it runs next, and what the clocks make of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.formats import time_format
from django.utils.translation import gettext as _

from mailings import delivery, recurrence
from mailings.models import Mailing

SHOWN = 5
_FORESEEN = timedelta(days=366)  # how far ahead the clocks are looked at


@dataclass(frozen=True)
class Outlook:
    """`zone` is the one that the mailing repeats in, not the reader's."""

    zone: Any
    begins_at_once: bool
    moments: list[datetime]
    has_more: bool
    notes: list[str]

    @property
    def is_empty(self) -> bool:
        return not self.begins_at_once and not self.moments


def outlook(mailing: Mailing, now: datetime) -> Outlook:
    """Of a mailing as its fields are now: it need not be saved, nor be new."""
    if not mailing._state.adding:
        return coming(mailing, now, last=mailing.last_occurrence_with_run())
    first = mailing.next_occurrence(None)
    begins_at_once = first is not None and first <= now < mailing.end_at
    return _coming(mailing, now, has_run=False, begins_at_once=begins_at_once)


def coming(mailing: Mailing, now: datetime, *, last: datetime | None) -> Outlook:
    """The same of a saved one, by who knows the last occurrence that has a run."""
    at_once = delivery.due_after(last, mailing, now) is not None
    return _coming(mailing, now, has_run=last is not None, begins_at_once=at_once)


def next_start(
    mailing: Mailing, now: datetime, *, last: datetime | None
) -> datetime | None:
    """When it runs next by itself; not after `now`, if it is about to begin."""
    return delivery.due_after(last, mailing, now) or mailing.next_run(now)


def _coming(
    mailing: Mailing, now: datetime, *, has_run: bool, begins_at_once: bool
) -> Outlook:
    is_over = has_run and mailing.periodicity == Mailing.Periodicity.ONCE
    ahead = [] if is_over else list(_ahead(mailing, now))
    return Outlook(
        zone=mailing.timezone,
        begins_at_once=begins_at_once,
        moments=ahead[:SHOWN],
        has_more=len(ahead) > SHOWN,
        notes=list(_notes(mailing, ahead)),
    )


def _ahead(mailing: Mailing, now: datetime) -> Iterator[datetime]:
    """The occurrences of a year, and of what is rare as many as are shown."""
    for number, moment in enumerate(mailing.occurrences_after(now)):
        if number > SHOWN and moment > now + _FORESEEN:
            return
        yield moment


def _notes(mailing: Mailing, ahead: list[datetime]) -> Iterator[str]:
    first = mailing.start_at.astimezone(mailing.timezone)
    monthly = mailing.periodicity == Mailing.Periodicity.MONTHLY
    if monthly and first.day > 28 and ahead:
        yield _("In a month without a day %(day)d it runs on the last day.") % {
            "day": first.day
        }
    time = time_format(first, "H:i")
    shifts = recurrence.shifts(ahead, first.time(), mailing.timezone)
    if shifts.moved:
        yield _(
            "On a day on which the clocks skip %(time)s it runs right after the gap."
        ) % {"time": time}
    if shifts.doubled:
        yield _(
            "On a day on which the clocks show %(time)s twice it runs once, "
            "the first time."
        ) % {"time": time}
    if shifts.offsets > 1 and not shifts.moved:
        yield _("When the clocks change it stays %(time)s.") % {"time": time}
