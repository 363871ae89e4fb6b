"""Sends one mailing now, in this process, through the same engine as the worker."""

import time
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from mailings import delivery, lifecycle
from mailings.delivery.compose import Composer, NotComposed, Text
from mailings.management.lookups import mailing_of
from mailings.models import Mailing, Run
from mailsvc import shutdown
from mailsvc.commands import Outcome, Progress, ServiceCommand, stopping_on_signals

LOOK_EVERY = 1.0  # seconds between looks at what others are sending
SHOWN = 5  # recipients of a dry run


class Command(ServiceCommand):
    help = (
        "Sends a mailing now: goes on with the run in progress, else begins the one "
        "that is due, else a new one. No worker is needed, and none is disturbed: "
        "nobody gets a message twice. Ctrl-C ends it after what is being sent; run it "
        "again to go on."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "mailing", metavar="ID", type=int, help="the number of the mailing"
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="say to whom it would go and what the first one would get; send and "
            "change nothing",
        )
        parser.add_argument(
            "--wait",
            action="store_true",
            help="stay until every delivery is final, retries included",
        )
        parser.add_argument(
            "--max-wait",
            metavar="SECONDS",
            type=_seconds,
            help="with --wait: don't wait for retries that are due later than that",
        )

    def work(self, options: dict[str, Any]) -> Outcome:
        mailing = mailing_of(options["mailing"])
        try:
            if options["dry_run"]:
                return _dry_run(mailing)
            run = lifecycle.send_now(mailing, now=timezone.now())
        except lifecycle.NotPossible as error:
            raise CommandError(str(error)) from error
        if run is None:
            return _nothing_left(mailing)
        with stopping_on_signals():
            failure = self._send(
                run, wait=options["wait"], patience=options["max_wait"]
            )
        return Outcome(data=_data(run), text=_in_words(run), failure=failure)

    def _send(self, run: Run, *, wait: bool, patience: float | None) -> str:
        """Sends, and waits if asked to. Returns why it is not done, or ""."""
        until = None if patience is None else time.monotonic() + patience
        told = ""
        with self.progress(f"mailing {run.mailing_id}") as progress:
            while True:
                report = delivery.pump(
                    runs=[run.pk],
                    stop=shutdown.requested,
                    on_progress=lambda _: _show(run, progress),
                )
                lifecycle.settle(timezone.now(), go_on=False)
                run.refresh_from_db()
                trouble = _trouble(run, report)
                if not wait or _is_over(run):
                    return trouble
                if trouble not in ("", told):
                    self.stderr.write(trouble, style_func=str)
                    told = trouble
                if not _wait_for_more(run, until):
                    return trouble


def _seconds(value: str) -> float:
    seconds = float(value)
    if not 0 <= seconds < 10**9:
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"  # argparse puts it into its message


def _show(run: Run, progress: Progress) -> None:
    if progress.visible:
        run.refresh_from_db(fields=["planned", "pending", "sending", "deferred"])
        progress.show(run.planned - run.open_deliveries, run.planned)


def _is_live(run: Run) -> bool:
    return Mailing.objects.live().filter(pk=run.mailing_id).exists()


def _is_over(run: Run) -> bool:
    """Nothing that time brings would let the run go on here."""
    return not run.is_open or shutdown.requested() or not _is_live(run)


def _trouble(run: Run, report: delivery.PumpReport) -> str:
    """Why the run does not get on, in words; "" if it does, or is finished."""
    if not run.is_open:
        return ""
    if not _is_live(run):
        return "The mailing may not be sent any more: paused, held, blocked or stopped."
    if shutdown.requested():
        return f"Interrupted: {run.open_deliveries} are still to be sent."
    if report.server_error is not None:
        return f"The mail server does not take mail: {report.server_error}"
    return ""


def _wait_for_more(run: Run, until: float | None) -> bool:
    """Waits for the next thing to do; false if that is not worth waiting for."""
    delivery.recover(timezone.now())
    due = delivery.next_due_at([run.pk])
    busy = run.sending > 0 or due is None
    seconds = LOOK_EVERY
    if due is not None and not busy:
        seconds = max(LOOK_EVERY, (due - timezone.now()).total_seconds())
    if until is not None and time.monotonic() + seconds > until:
        return False
    wake_at = time.monotonic() + seconds
    while time.monotonic() < wake_at and not shutdown.requested():
        time.sleep(0.1)
    return True


def _data(run: Run) -> dict[str, Any]:
    return {"mailing": run.mailing_id, "run": run.pk, **run.ledger()}


def _in_words(run: Run) -> str:
    figures = [f"{name} {n}" for name, n in run.ledger().items() if n]
    return f"Run {run.pk} of mailing {run.mailing_id}: " + ", ".join(
        figures or ["no recipients"]
    )


def _nothing_left(mailing: Mailing) -> Outcome:
    figures = dict.fromkeys(Run().ledger(), 0)
    return Outcome(
        data={"mailing": mailing.pk, "run": None, **figures},
        text=f"There is nothing left to send of mailing {mailing.pk}.",
    )


# --- What would be done ---


@dataclass(frozen=True)
class _Recipient:
    full_name: str
    email: str


def _dry_run(mailing: Mailing) -> Outcome:
    """Does what sending begins with, tells about it, and takes it all back."""
    with transaction.atomic():
        run = lifecycle.send_now(mailing, now=timezone.now())
        outcome = _nothing_left(mailing) if run is None else _preview(mailing, run)
        transaction.set_rollback(True)
    return outcome


def _preview(mailing: Mailing, run: Run) -> Outcome:
    waiting = run.deliveries.waiting().order_by("pk")
    coming = mailing.recipients().filter(pk__gt=run.planned_through).order_by("pk")
    if run.state != Run.State.PLANNING:
        coming = coming.none()
    count = waiting.count() + coming.count()
    first = [
        _Recipient(*row)
        for rows in (waiting, coming)
        for row in rows.values_list("full_name", "email")[:SHOWN]
    ][:SHOWN]
    subject, text = _letter(mailing, run, first[0]) if first else (run.subject, "")
    names = [f"{each.full_name} <{each.email}>" for each in first]
    more = [f"… and {count - len(first)} more"] if count > len(first) else []
    return Outcome(
        data={
            "mailing": mailing.pk,
            "dry_run": True,
            "recipients": count,
            "first": [each.email for each in first],
            "subject": subject,
            "text": text,
        },
        text="\n".join(
            [f"Would be sent to {count}:", *names, *more]
            + (["", f"Subject: {subject}", "", text] if first else [])
        ),
    )


def _letter(mailing: Mailing, run: Run, first: _Recipient) -> tuple[str, str]:
    """Subject and plain text of what the recipient would get, as it would leave."""
    local: datetime = run.scheduled_for.astimezone(mailing.timezone)
    text = Text(
        run_id=run.pk,
        key=run.key,
        mailing_id=mailing.pk,
        subject=run.subject,
        body=run.body,
        body_html=run.body_html,
        sender_name=run.sender_name,
        sender_email=run.sender_email,
        date=f"{local:%d.%m.%Y}",
    )
    composer = Composer(text, sender=settings.DEFAULT_FROM_EMAIL)
    try:
        letter = composer.letter(0, email=first.email, full_name=first.full_name)
    except NotComposed as error:
        raise CommandError(f"{first.email}: {error}") from error
    message = message_from_bytes(letter.content, policy=policy.default)
    body = message.get_body(("plain",))
    return message["Subject"], body.get_content().rstrip() if body else ""
