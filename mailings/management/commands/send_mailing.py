"""Sends one mailing now, in this process, through the same engine as the worker."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from mailings import delivery, lifecycle
from mailings.delivery import outage
from mailings.management.dry_run import dry_run, nothing_left
from mailings.management.lookups import mailing_of
from mailings.models import Mailing, Run
from mailsvc import shutdown
from mailsvc.commands import Outcome, Progress, ServiceCommand, stopping_on_signals

LOOK_EVERY = 1.0  # seconds between looks at what others are sending


class Command(ServiceCommand):
    help = (
        "Sends what is to be sent of a mailing now: goes on with the run in progress, "
        "else begins the one that is due; if there is neither, it says so and sends "
        "nothing. No worker is needed, and none is disturbed: nobody gets a message "
        "twice, unless --again asks for it. Ctrl-C ends it after what is being sent; "
        "run it again to go on."
    )
    _told = ""  # the last trouble

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "mailing", metavar="ID", type=int, help="the number of the mailing"
        )
        parser.add_argument(
            "--again",
            action="store_true",
            help="if no run is in progress or due, begin one more, outside the "
            "schedule: who got the message by an earlier run gets it once more (a "
            "mailing that is sent once has one run, whatever is asked for)",
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
                return dry_run(mailing, again=options["again"])
            if objection := delivery.objection(timezone.now()):
                raise CommandError(objection)
            now = timezone.now()
            if options["again"]:
                run = lifecycle.send_again(mailing, now=now)
            else:
                run = lifecycle.send_now(mailing, now=now, again=False)
        except lifecycle.NotPossible as error:
            raise CommandError(str(error)) from error
        if run is None:
            return nothing_left(mailing)
        with stopping_on_signals():
            failure = self._send(
                run, wait=options["wait"], patience=options["max_wait"]
            )
        return Outcome(data=_data(run), text=_in_words(run), failure=failure)

    def _send(self, run: Run, *, wait: bool, patience: float | None) -> str:
        """Sends, and waits if asked to. Returns why it is not done, or ""."""
        until = None if patience is None else time.monotonic() + patience
        with self.progress(f"mailing {run.mailing_id}") as progress:
            while True:
                try:
                    trouble = _send_what_is_due(run, progress)
                    if not wait or _is_over(run):
                        return trouble
                    self._tell(trouble)
                    if not _wait_for_more(run, until):
                        return trouble
                except outage.AWAY as error:
                    if not wait:
                        raise
                    self._tell(f"The database does not answer: {error}")
                    outage.sit_out(error, stop=shutdown.requested)

    def _tell(self, trouble: str) -> None:
        """Each only once in a row."""
        if trouble not in ("", self._told):
            self.stderr.write(trouble, style_func=str)
            self._told = trouble


def _seconds(value: str) -> float:
    seconds = float(value)
    if not 0 <= seconds < 10**9:
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"  # argparse puts it into its message


def _send_what_is_due(run: Run, progress: Progress) -> str:
    """Returns what keeps the rest from being sent, in words; "" if nothing does."""
    report = delivery.pump(
        runs=[run.pk],
        stop=shutdown.requested,
        on_progress=lambda _: _show(run, progress),
    )
    lifecycle.settle(timezone.now(), go_on=False)
    run.refresh_from_db()
    return _trouble(run, report)


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
        return _standstill(Mailing.objects.get(pk=run.mailing_id))
    if shutdown.requested():
        return f"Interrupted: {run.open_deliveries} are still to be sent."
    if not report.trouble and run.waits_because:
        return f"The files of the run can't be read: {run.waits_because}"
    return report.trouble


def _standstill(mailing: Mailing) -> str:
    if mailing.pause_reason:
        return f"Paused, the mail server refuses the message: {mailing.pause_reason}"
    return "The mailing may not be sent any more: paused, held, blocked or stopped."


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
