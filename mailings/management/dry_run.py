"""What sending a mailing now would do, without doing it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from mailings import lifecycle
from mailings.delivery.compose import Composer, NotComposed, Text
from mailings.management import clock
from mailings.models import Mailing, Run
from mailings.previewing import as_read
from mailsvc.commands import Outcome

SHOWN = 5  # recipients


def nothing_left(mailing: Mailing) -> Outcome:
    """No run is in progress or due: what was sent last, and what comes next."""
    figures = dict.fromkeys(Run().ledger(), 0)
    return Outcome(
        data={"mailing": mailing.pk, "run": None, **figures},
        text=" ".join(
            [
                f"There is nothing left to send of mailing {mailing.pk}.",
                *_last_and_next(mailing),
            ]
        ),
    )


def _last_and_next(mailing: Mailing) -> Iterator[str]:
    now = timezone.now()
    mailing.refresh_from_db()
    if mailing.periodicity == Mailing.Periodicity.ONCE or not mailing.is_live:
        return
    last = mailing.runs.exclude(state=Run.State.MISSED).first()
    if last is not None:
        moment = clock.shown(last.scheduled_for, mailing)
        yield (
            f"Its newest run, {last.pk}, was for {moment} and is over: "
            f"planned {last.planned}, accepted {last.accepted}."
        )
    if following := mailing.next_occurrence(now):
        yield f"The next one is due at {clock.shown(following, mailing)}."
    yield "For one more outside the schedule, to everybody: --again."


@dataclass(frozen=True)
class _Recipient:
    full_name: str
    email: str


def dry_run(mailing: Mailing, *, again: bool) -> Outcome:
    """Does what sending begins with, tells about it, and takes it all back."""
    with transaction.atomic():
        run = lifecycle.send_now(mailing, now=timezone.now(), again=again)
        outcome = nothing_left(mailing) if run is None else _preview(mailing, run)
        transaction.set_rollback(True)
    return outcome


def _preview(mailing: Mailing, run: Run) -> Outcome:
    waiting = run.deliveries.waiting().order_by("pk")
    planned = mailing.recipients().filter(pk__gt=run.planned_through).order_by("pk")
    if run.state != Run.State.PLANNING:
        planned = planned.none()
    suppressed = run.suppressed + planned.suppressed().count()
    coming = planned.exclude(pk__in=planned.suppressed().order_by().values("pk"))
    count = waiting.count() + coming.count()
    first = [
        _Recipient(*row)
        for rows in (waiting, coming)
        for row in rows.values_list("full_name", "email")[:SHOWN]
    ][:SHOWN]
    subject, text = _letter(run, first[0]) if first else (run.subject, "")
    names = [f"{each.full_name} <{each.email}>" for each in first]
    more = [f"… and {count - len(first)} more"] if count > len(first) else []
    return Outcome(
        data={
            "mailing": mailing.pk,
            "dry_run": True,
            "recipients": count,
            "suppressed": suppressed,
            "first": [each.email for each in first],
            "subject": subject,
            "text": text,
        },
        text="\n".join(
            [f"Would be sent to {count}:", *names, *more]
            + ([f"Suppressed addresses, left out: {suppressed}"] if suppressed else [])
            + (["", f"Subject: {subject}", "", text] if first else [])
        ),
    )


def _letter(run: Run, first: _Recipient) -> tuple[str, str]:
    """Subject and plain text of what the recipient would get, as it would leave."""
    composer = Composer(Text.of(run), sender=settings.DEFAULT_FROM_EMAIL)
    try:
        letter = composer.letter(0, email=first.email, full_name=first.full_name)
    except NotComposed as error:
        raise CommandError(f"{first.email}: {error}") from error
    read = as_read(letter)
    return read.subject, read.text
