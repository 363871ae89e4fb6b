"""What became of a mailing, and what comes next: deeds and runs in one line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from mailings.models import Mailing, Run
from mailsvc.numbers import grouped
from users import history
from users.models import AuditEntry
from users.tables import deed

SHOWN = 12  # of what has been

_ICONS = {
    AuditEntry.Action.MAILING_LAUNCHED: "rocket-takeoff",
    AuditEntry.Action.MAILING_CHANGED: "pencil",
    AuditEntry.Action.MAILING_SENT: "send",
    AuditEntry.Action.MAILING_PAUSED: "pause-fill",
    AuditEntry.Action.MAILING_RESUMED: "play-fill",
    AuditEntry.Action.MAILING_STOPPED: "stop-fill",
    AuditEntry.Action.MAILING_HELD: "lock",
    AuditEntry.Action.MAILING_RELEASED: "unlock",
    AuditEntry.Action.RETRIED: "arrow-repeat",
    AuditEntry.Action.SHARED: "share",
    AuditEntry.Action.UNSHARED: "share",
}


@dataclass(frozen=True)
class Event:
    at: datetime
    words: str
    icon: str
    who: str = ""
    why: str = ""
    url: str = ""


@dataclass(frozen=True)
class Timeline:
    """Newest first: what is ahead, what has been, and whether there was more."""

    ahead: list[Event]
    past: list[Event]
    has_more: bool


def timeline(
    mailing: Mailing, *, runs: Sequence[Run], next_start: datetime | None
) -> Timeline:
    """`runs` are the newest ones. One query, whatever has happened."""
    deeds = history.newest_rows(mailing, SHOWN + 1)
    past = [*map(_of_deed, deeds), *_of_runs(runs), *_end(mailing, runs)]
    past.sort(key=lambda event: event.at, reverse=True)
    return Timeline(
        ahead=list(_ahead(mailing, next_start)),
        past=past[:SHOWN],
        has_more=len(past) > SHOWN,
    )


def _of_deed(row: Any) -> Event:
    return Event(
        row.history_date,
        capfirst(deed(row)),
        _ICONS.get(row.action, "dot"),
        who=str(row.history_user or ""),
        why=row.history_change_reason,
    )


def _of_runs(runs: Iterable[Run]) -> Iterator[Event]:
    for run in runs:
        url = run.get_absolute_url()
        if run.state == Run.State.MISSED:
            words = _("A run was missed")
            yield Event(run.scheduled_for, words, "calendar-x", url=url)
        if run.started_at is not None:
            yield Event(run.started_at, _("A run began"), "play-circle", url=url)
        if run.finished_at is not None and run.state != Run.State.MISSED:
            yield Event(run.finished_at, _ended(run), "check2-circle", url=url)


def _ended(run: Run) -> str:
    figures = {"accepted": grouped(run.accepted), "planned": grouped(run.planned)}
    words = _("A run ended: %(accepted)s of %(planned)s accepted") % figures
    failed = run.refused + run.unknown + run.expired
    if not failed:
        return words
    return f"{words}, " + _("not delivered: %(count)s") % {"count": grouped(failed)}


def _end(mailing: Mailing, runs: Sequence[Run]) -> Iterator[Event]:
    """When the last run ended, or its time did; who stopped it is a deed."""
    if mailing.status != Mailing.Status.FINISHED:
        return
    ends = [run.finished_at for run in runs if run.finished_at is not None]
    yield Event(max(ends, default=mailing.end_at), _("It is over"), "flag")


def _ahead(mailing: Mailing, next_start: datetime | None) -> Iterator[Event]:
    if mailing.status == Mailing.Status.FINISHED:
        return
    yield Event(mailing.end_at, _("Its time ends"), "flag")
    if next_start is not None:
        yield Event(next_start, _("The next run begins"), "calendar-event")
