"""
The verbs: what can be done with a mailing. Views, commands, tasks and the admin site
call the same ones; each is atomic and leaves the mailing's schedule right.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mailings import delivery, schedules
from mailings.models import Attachment, Client, Delivery, Mailing, Run
from users import audit
from users.models import AuditEntry, User

logger = logging.getLogger(__name__)


class NotPossible(Exception):
    """The verb does not apply now; the message says why, in the user's language."""


# --- What people do ---


@transaction.atomic
def launch(mailing: Mailing, *, by: User) -> None:
    """
    Takes a new mailing (with its recipients set) into service.

    Inside its window the worker begins at once; nobody waits for it here.
    """
    if not mailing.title and mailing.message is not None:
        mailing.title = mailing.message.subject
        mailing.save(update_fields=["title"])
    _reschedule(mailing)
    audit.record(AuditEntry.Action.MAILING_LAUNCHED, by=by, on=mailing)


@transaction.atomic
def revise(mailing: Mailing, *, by: User) -> None:
    """Puts status, open runs and schedule right after the settings were edited."""
    for run in mailing.runs.unfinished():
        closes_at = delivery.closing_time(mailing, run.scheduled_for)
        Run.objects.filter(pk=run.pk).update(closes_at=closes_at)
    if mailing.status == Mailing.Status.FINISHED and _has_more_to_come(mailing):
        mailing.status = (
            Mailing.Status.RUNNING if mailing.runs.exists() else Mailing.Status.CREATED
        )
        mailing.save(update_fields=["status"])
    if not mailing.title and mailing.message is not None:
        mailing.title = mailing.message.subject
        mailing.save(update_fields=["title"])
    _reschedule(mailing)
    audit.record(AuditEntry.Action.MAILING_CHANGED, by=by, on=mailing)


@transaction.atomic
def pause(mailing: Mailing, *, by: User) -> None:
    _require_unfinished(mailing)
    if mailing.is_paused:
        raise NotPossible(_("The mailing is paused already."))
    mailing.paused_at = timezone.now()
    mailing.save(update_fields=["paused_at"])
    schedules.sync(mailing)
    audit.record(AuditEntry.Action.MAILING_PAUSED, by=by, on=mailing)


@transaction.atomic
def resume(mailing: Mailing, *, by: User) -> None:
    """Goes on with what still waits; what was missed follows the catch-up rule."""
    _require_unfinished(mailing)
    if not mailing.is_paused:
        raise NotPossible(_("The mailing is not paused."))
    mailing.paused_at, mailing.pause_reason = None, ""
    mailing.save(update_fields=["paused_at", "pause_reason"])
    _reschedule(mailing)
    audit.record(AuditEntry.Action.MAILING_RESUMED, by=by, on=mailing)


@transaction.atomic
def hold(mailing: Mailing, *, by: User, reason: str) -> None:
    """A manager switches the mailing off; its owner sees the reason."""
    _require_unfinished(mailing)
    if mailing.is_held:
        if (mailing.held_by, mailing.hold_reason) == (by, reason.strip()):
            return  # the second of two clicks
        raise NotPossible(_("The mailing is held already."))
    _require_power_to_hold(mailing, by)
    if not reason.strip():
        raise NotPossible(_("Say why the mailing is held."))
    mailing.held_at, mailing.held_by = timezone.now(), by
    mailing.hold_reason = reason.strip()
    mailing.save(update_fields=["held_at", "held_by", "hold_reason"])
    schedules.sync(mailing)
    audit.record(
        AuditEntry.Action.MAILING_HELD, by=by, on=mailing, reason=mailing.hold_reason
    )


@transaction.atomic
def release(mailing: Mailing, *, by: User, reason: str) -> None:
    """Lifts the hold; its owner reads the reason in the mailing's history."""
    _lock(mailing)
    if not mailing.is_held:
        raise NotPossible(_("The mailing is not held."))
    _require_power_to_hold(mailing, by)
    reason = reason.strip()
    if not reason:
        raise NotPossible(_("Say why the mailing is released."))
    mailing.held_at = mailing.held_by = None
    mailing.hold_reason = ""
    mailing.save(update_fields=["held_at", "held_by", "hold_reason"])
    _reschedule(mailing)
    audit.record(AuditEntry.Action.MAILING_RELEASED, by=by, on=mailing, reason=reason)


@transaction.atomic
def stop(mailing: Mailing, *, by: User) -> None:
    """Ends the mailing for good: what is not sent yet is cancelled."""
    _require_unfinished(mailing)
    mailing.status = Mailing.Status.FINISHED
    mailing.save(update_fields=["status"])
    schedules.forget(mailing)
    delivery.cancel(mailing, reason=Delivery.Reason.STOPPED)
    delivery.finish(mailing.pk, timezone.now())
    audit.record(AuditEntry.Action.MAILING_STOPPED, by=by, on=mailing)


@transaction.atomic
def delete(mailing: Mailing, *, by: User) -> None:
    """Removes the mailing; the history of its runs stays readable."""
    _lock(mailing)
    schedules.forget(mailing)
    audit.record(AuditEntry.Action.MAILING_DELETED, by=by, on=mailing)
    if not mailing.runs.exists():
        mailing.delete()
        return
    mailing.deleted_at = timezone.now()
    mailing.status = Mailing.Status.FINISHED
    mailing.message = None
    mailing.all_clients = False
    mailing.save(update_fields=["deleted_at", "status", "message", "all_clients"])
    mailing.lists.clear()
    mailing.clients.clear()
    delivery.cancel(mailing, reason=Delivery.Reason.MAILING_DELETED)
    delivery.finish(mailing.pk, timezone.now())


@transaction.atomic
def delete_client(client: Client, *, by: User) -> None:
    """Removes a client; deliveries that still wait are cancelled, history stays."""
    own = Delivery.objects.filter(client=client)
    # All of them before any run: who records outcomes locks in this order, too.
    list(own.select_for_update().order_by("pk").values_list("pk"))
    delivery.end_waiting(
        own,
        state=Delivery.State.CANCELLED,
        reason=Delivery.Reason.CLIENT_DELETED,
    )
    audit.record(AuditEntry.Action.CLIENT_DELETED, by=by, on=client)
    client.delete()


@transaction.atomic
def delete_clients(clients: Sequence[Client], *, by: User) -> None:
    """As `delete_client`, all of them or none."""
    theirs = Delivery.objects.filter(client__in=clients)
    # Here, too, all deliveries before any run.
    list(theirs.select_for_update().order_by("pk").values_list("pk"))
    for client in clients:
        delete_client(client, by=by)


@transaction.atomic
def send_now(mailing: Mailing, *, now: datetime, again: bool = True) -> Run | None:
    """
    The run that sending now means: the one in progress, else the one that is due,
    else (only if `again`) one more, outside the schedule. None if there is none.

    A mailing that is sent once has one run: it may begin before its time.

    Raises NotPossible if the mailing may not be sent.
    """
    mailing = Mailing.objects.select_for_update(of=("self",)).get(pk=mailing.pk)
    if mailing.is_deleted:
        raise NotPossible(_("The mailing was deleted."))
    if mailing.status == Mailing.Status.FINISHED:
        return None
    require_permission_to_send(mailing)
    if now >= mailing.end_at:
        raise NotPossible(_("The time of the mailing is over."))
    run = mailing.runs.unfinished().first() or delivery.begin_due_run(mailing, now)
    if run is not None:
        return run
    once = mailing.periodicity == Mailing.Periodicity.ONCE
    if mailing.runs.exists() if once else not again:
        return None
    run = delivery.begin_run(mailing, mailing.start_at if once else now, now)
    mailing.refresh_from_db()
    schedules.sync(mailing, now=now)
    return run


@transaction.atomic
def send_again(mailing: Mailing, *, now: datetime) -> Run | None:
    """
    `send_now` at the command line, by nobody whom we know: one more run is on the audit
    log.
    """
    _lock(mailing)
    before = set(mailing.runs.values_list("pk", flat=True))
    run = send_now(mailing, now=now)
    if run is not None and run.pk not in before:
        _put_down_sending(run, mailing, by=None)
    return run


def _put_down_sending(run: Run, mailing: Mailing, *, by: User | None) -> None:
    mailing.refresh_from_db()
    audit.record(
        AuditEntry.Action.MAILING_SENT,
        by=by,
        on=mailing,
        reason=f"{run.scheduled_for:%Y-%m-%d %H:%M} UTC",
    )


@transaction.atomic
def send_soon(mailing: Mailing, *, by: User, after: int | None = None) -> Run:
    """
    Sends now, through the worker. Raises NotPossible if there is nothing to send.

    `after` is the newest run that `by` knew of: asking twice makes one run.
    """
    if after is not None:
        _lock(mailing)
        if mailing.runs.filter(pk__gt=after).exclude(state=Run.State.MISSED).exists():
            raise NotPossible(
                _("A run has begun meanwhile. Send again if you want another one.")
            )
    run = send_now(mailing, now=timezone.now())
    if run is None:
        raise NotPossible(_("There is nothing left to send."))
    schedules.wake()
    _put_down_sending(run, mailing, by=by)
    about = {"run": run.pk, "mailing": mailing.pk}
    logger.info("Sending was asked for by user %s.", by.pk, extra=about)
    return run


# --- What time does ---


@transaction.atomic
def begin_due(mailing: Mailing, *, now: datetime) -> Run | None:
    """Begins the run that is due, if there is one, and sets the next alarm."""
    run = delivery.begin_due_run(mailing, now)
    mailing.refresh_from_db()
    schedules.sync(mailing, now=now)
    schedules.wake()
    return run


def settle(now: datetime, *, go_on: bool = True) -> None:
    """Ends what is over and, if it shall `go_on`, wakes the worker for the rest."""
    for mailing in delivery.close(now):
        schedules.sync(mailing, now=now)
    if go_on and delivery.has_work(now):
        schedules.wake()


def sweep(now: datetime) -> int:
    """
    Finds what lost tasks, schedules and workers have left: dead leases, mailings that
    are due, windows that are over. Returns how many runs it began.
    """
    delivery.recover(now)
    delivery.forget_windows(now)
    Attachment.objects.of_nothing().described().delete()
    begun = sum(
        _begin_if_possible(each, now) for each in Mailing.objects.live().due(now)
    )
    schedules.heal(now)
    settle(now)
    return begun


def _begin_if_possible(mailing: Mailing, now: datetime) -> bool:
    """One mailing that can't be begun must not keep the others from it."""
    try:
        return begin_due(mailing, now=now) is not None
    except (DatabaseError, ArithmeticError, LookupError, TypeError, ValueError):
        logger.exception("A mailing could not be begun.", extra={"mailing": mailing.pk})
        return False


# --- What several of them need ---


def _reschedule(mailing: Mailing) -> None:
    now = timezone.now()
    schedules.sync(mailing, now=now)
    if mailing.is_live and mailing.is_window_open(now):
        schedules.start_soon(mailing)


def _has_more_to_come(mailing: Mailing) -> bool:
    return timezone.now() < mailing.end_at and mailing.next_due() is not None


def _lock(mailing: Mailing) -> None:
    """The mailing as it is now, and as nobody else changes it meanwhile."""
    mailing.refresh_from_db(from_queryset=Mailing.objects.select_for_update())


def _require_unfinished(mailing: Mailing) -> None:
    _lock(mailing)
    if mailing.is_deleted:
        raise NotPossible(_("The mailing was deleted."))
    if mailing.status == Mailing.Status.FINISHED:
        raise NotPossible(_("The mailing is finished."))


def _require_power_to_hold(mailing: Mailing, by: User) -> None:
    """The right to hold mailings at all is asked for by the page."""
    if mailing.may_be_held_by(by):
        return
    if mailing.owner.is_superuser:
        raise NotPossible(_("Only an administrator may hold it: its owner is one."))
    raise NotPossible(_("Who owns a mailing can't lift the hold of another."))


def require_permission_to_send(mailing: Mailing) -> None:
    hold = delivery.hold(timezone.now())
    if hold is not None:
        raise NotPossible(hold.words)
    obstacle = obstacle_to_sending(mailing)
    if obstacle:
        raise NotPossible(obstacle)


def obstacle_to_sending(mailing: Mailing) -> str:
    """What about the mailing itself forbids sending, in words; "" if nothing does."""
    if mailing.is_held:
        return _("The mailing is held by a manager: %(reason)s") % {
            "reason": mailing.hold_reason
        }
    if mailing.pause_reason:
        return _("The mailing is paused, the mail server refuses it: %(reason)s") % {
            "reason": mailing.pause_reason
        }
    if mailing.is_paused:
        return _("The mailing is paused. Resume it first.")
    return "" if mailing.owner.is_active else _("The owner of the mailing is blocked.")
