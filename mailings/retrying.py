"""
The verb "retry the failed": people decide that a run tries some recipients once more.

Whom: those that failed for a time or never heard the end of it; those that the server
refused only if they are asked for by name. Never anybody who got it, nor
whose address is suppressed: it must be allowed again first.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailings import delivery, schedules
from mailings.lifecycle import NotPossible, require_permission_to_send
from mailings.models import Delivery, Mailing, Run
from mailings.models.delivery import DeliveryQuerySet
from users import audit
from users.models import AuditEntry, User

# How long a run that was over goes on for those that are tried again.
EXTENSION = timedelta(hours=24)


class Failure(models.TextChoices):
    """What can be tried again."""

    TEMPORARY = "temporary", gettext_lazy("temporary failures")
    UNKNOWN = "unknown", gettext_lazy("nobody knows whether they got it")
    REFUSED = "refused", gettext_lazy("refused by the server")


_STATES = {
    Failure.TEMPORARY: (Delivery.State.DEFERRED, Delivery.State.EXPIRED),
    Failure.UNKNOWN: (Delivery.State.UNKNOWN,),
    Failure.REFUSED: (Delivery.State.REFUSED,),
}


def failed(run: Run, failures: Collection[Failure]) -> DeliveryQuerySet:
    """The deliveries of the run that trying again would be about."""
    states = [state for failure in failures for state in _STATES[failure]]
    rows = Delivery.objects.filter(run=run, state__in=states, client__isnull=False)
    return rows.exclude(pk__in=rows.suppressed_meanwhile().values("pk"))


def why_not(run: Run, now: datetime) -> str:
    """What keeps the run from trying anybody again, in words; else nothing."""
    mailing = run.mailing
    if mailing.is_deleted:
        return _("The mailing was deleted.")
    if run.state == Run.State.MISSED:
        return _("The run was missed: it has no recipients.")
    if run.state == Run.State.PLANNING:
        return _("The recipients are being selected. Try again in a moment.")
    is_over = mailing.status == Mailing.Status.FINISHED
    if is_over and now < mailing.end_at and mailing.next_due() is not None:
        return _("The mailing was stopped.")
    return ""


@transaction.atomic
def retry_failed(
    run: Run,
    *,
    by: User,
    failures: Collection[Failure] = (),
    deliveries: Collection[int] = (),
) -> int:
    """
    Tries again those that failed in these ways, and the named ones.

    Returns how many; raises NotPossible. A run whose time is over gets 24 hours more,
    and each of them at least one more try.
    """
    now = timezone.now()
    Mailing.objects.select_for_update().get(pk=run.mailing_id)
    run = Run.objects.select_related("mailing__owner").get(pk=run.pk)
    objection = why_not(run, now)
    if objection:
        raise NotPossible(objection)
    require_permission_to_send(run.mailing)
    wanted = failed(run, failures) | failed(run, list(Failure)).filter(
        pk__in=deliveries
    )
    count = delivery.reopen(run, wanted, now=now)
    if not count:
        raise NotPossible(_("There is nobody left to try again."))
    _keep_open(run, now)
    audit.record(
        AuditEntry.Action.RETRIED,
        by=by,
        on=run.mailing,
        reason=f"{run.scheduled_for:%Y-%m-%d %H:%M} UTC: {count}",
    )
    schedules.wake()
    return count


def _keep_open(run: Run, now: datetime) -> None:
    """Time to try in, though the run's or the mailing's may be over."""
    Run.objects.filter(pk=run.pk, closes_at__lt=now + EXTENSION).update(
        closes_at=now + EXTENSION
    )
    mailing = run.mailing
    if mailing.status == Mailing.Status.FINISHED:
        mailing.status = Mailing.Status.RUNNING
        mailing.save(update_fields=["status"])
    schedules.sync(mailing, now=now)
