"""
What the engine counts while it writes: how many attempts when, with which reply, and
how many deliveries ended without one. Pages read these and never scan attempts.
"""

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from mailings.models.run import Run
from users.permissions import OwnedQuerySet

# Every time zone's midnight lies on a quarter of an hour: days add up in all of them.
PERIOD = timedelta(minutes=15)


def period_of(moment: datetime) -> datetime:
    """The beginning of the period that `moment` (UTC) lies in."""
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


class CountQuerySet(OwnedQuerySet["models.Model"]):
    owner_path = "run__mailing__owner"
    parent = "run"


class PeriodCount(models.Model):
    """The attempts of a run that began in one quarter of an hour, by their outcome."""

    run = models.ForeignKey(
        Run, models.CASCADE, related_name="period_counts", db_index=False
    )
    period = models.DateTimeField(_("time"))
    accepted = models.PositiveIntegerField(_("accepted"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    deferred = models.PositiveIntegerField(_("deferred"), default=0)
    unknown = models.PositiveIntegerField(_("unknown"), default=0)

    objects = CountQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["period", "run"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "period"], name="period_count_once_per_run"
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id} · {self.period:%Y-%m-%d %H:%M}"


class ReplyCount(models.Model):
    """The attempts of a run that got the same answer at the same point."""

    run = models.ForeignKey(
        Run, models.CASCADE, related_name="reply_counts", db_index=False
    )
    outcome = models.CharField(_("outcome"), max_length=10)
    phase = models.CharField(_("phase"), max_length=10)
    code = models.PositiveSmallIntegerField(_("code"), default=0)  # 0: no reply
    enhanced_code = models.CharField(_("enhanced code"), max_length=12, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    first_at = models.DateTimeField(_("first"))
    last_at = models.DateTimeField(_("last"))

    objects = CountQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["run", "-attempts", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "outcome", "phase", "code", "enhanced_code"],
                name="reply_count_once_per_run",
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.outcome} {self.code} {self.enhanced_code}"


class EndCount(models.Model):
    """The deliveries of a run in one state for one reason that no server gave."""

    run = models.ForeignKey(
        Run, models.CASCADE, related_name="end_counts", db_index=False
    )
    state = models.CharField(_("state"), max_length=10)
    reason = models.CharField(_("reason"), max_length=20)
    deliveries = models.PositiveIntegerField(_("deliveries"), default=0)

    objects = CountQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["run", "-deliveries", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "state", "reason"], name="end_count_once_per_run"
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.state} {self.reason}"


class Verification(models.Model):
    """One recount of all that is counted, and what it found."""

    at = models.DateTimeField(_("time"), auto_now_add=True)
    runs = models.PositiveIntegerField(_("runs"))
    deliveries = models.PositiveBigIntegerField(_("deliveries"))
    differences = models.PositiveIntegerField(_("differences"))
    seconds = models.FloatField(_("duration, s"))

    class Meta:
        default_permissions = ()
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}: {self.differences}"
