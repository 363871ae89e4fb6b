"""The mailing: a message to clients, repeated inside a window."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from timezone_field import TimeZoneField

from mailings import recurrence
from mailings.models.client import Client, ClientList, ClientQuerySet
from mailings.models.message import Message
from mailings.models.reach import Reach
from mailsvc.validators import validate_one_line
from users.history import History
from users.models import User
from users.permissions import OwnedQuerySet

_ENDS_TOO_EARLY = _("The end must be after the start.")


class MailingQuerySet(OwnedQuerySet["Mailing"]):
    view_all = "mailings.view_all_mailings"
    shareable = True

    def existing(self) -> "MailingQuerySet":
        """Not deleted. A deleted mailing is kept for the history of its runs."""
        return self.filter(deleted_at=None)

    def reported_to(self, user: User) -> "MailingQuerySet":
        """
        Whose reports the user may read. Those of deleted mailings are there for who may
        see all mailings: nobody gets rid of evidence by deleting it.
        """
        rows = self.visible_to(user)
        return rows if user.has_perm(self.view_all) else rows.existing()

    def unfinished(self) -> "MailingQuerySet":
        return self.existing().exclude(status=Mailing.Status.FINISHED)

    def live(self) -> "MailingQuerySet":
        """What may start runs and send: neither over, paused, held nor blocked."""
        return self.unfinished().filter(
            paused_at=None, held_at=None, owner__is_active=True
        )

    def idle(self) -> "MailingQuerySet":
        """Neither over nor live: paused, held, or of a blocked owner."""
        return self.unfinished().exclude(pk__in=self.live().values("pk"))

    def with_last_occurrence(self) -> Any:
        """Each row with `last_occurrence`, the newest that has a run."""
        runs = apps.get_model("mailings", "Run").objects.filter(mailing=OuterRef("pk"))
        newest = runs.order_by("-scheduled_for").values("scheduled_for")[:1]
        return self.annotate(last_occurrence=Subquery(newest))

    def due(self, now: datetime) -> list["Mailing"]:
        """Those with an occurrence by `now` that no run was made for."""
        inside = self.filter(start_at__lte=now, end_at__gt=now)
        return [
            mailing
            for mailing in inside.with_last_occurrence().iterator()
            if (due := mailing.next_after(mailing.last_occurrence)) and due <= now
        ]


class Mailing(models.Model):
    class Status(models.TextChoices):
        CREATED = "created", _("Created")
        RUNNING = "running", _("Running")
        FINISHED = "finished", pgettext_lazy("mailing", "Finished")

    class WhenUnknown(models.TextChoices):
        """What becomes of a delivery that the server had and never answered for."""

        KEEP = "keep", _("leave it: some may get nothing")
        RESEND = "resend", _("send it again: some may get it twice")

    Periodicity = recurrence.Periodicity

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="mailings"
    )
    title = models.CharField(
        _("title"),
        max_length=255,
        blank=True,
        validators=[validate_one_line],
        help_text=_("For your own lists. If left out, the subject of the message."),
    )
    message = models.ForeignKey(
        Message,
        models.PROTECT,
        null=True,
        related_name="mailings",
        verbose_name=_("message"),
    )
    all_clients = models.BooleanField(_("all my clients"), default=False)
    lists = models.ManyToManyField(
        ClientList, blank=True, related_name="mailings", verbose_name=_("lists")
    )
    clients = models.ManyToManyField(
        Client, blank=True, related_name="mailings", verbose_name=_("clients")
    )
    start_at = models.DateTimeField(_("start"))
    end_at = models.DateTimeField(_("end"))
    periodicity = models.CharField(
        _("periodicity"),
        max_length=10,
        choices=recurrence.Periodicity,
        default=recurrence.Periodicity.ONCE,
    )
    # The owner's zone when the mailing was made: 09:00 stays 09:00 there, even if
    # the owner moves on.
    timezone = TimeZoneField(_("time zone"), default=settings.TIME_ZONE)
    when_unknown = models.CharField(
        _("if the mail server gives no answer"),
        max_length=10,
        choices=WhenUnknown,
        default=WhenUnknown.KEEP,
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status, default=Status.CREATED
    )
    paused_at = models.DateTimeField(_("paused"), null=True, blank=True, editable=False)
    # The mail server's words, where not a person but the engine has paused it.
    pause_reason = models.CharField(
        _("reason of the pause"), max_length=500, blank=True, editable=False
    )
    held_at = models.DateTimeField(_("held"), null=True, blank=True, editable=False)
    held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    hold_reason = models.CharField(
        _("reason of the hold"), max_length=500, blank=True, editable=False
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # Of the page that asked whether to start it: sent twice, it makes one mailing.
    launch_key = models.UUIDField(null=True, editable=False)

    objects = MailingQuerySet.as_manager()
    # Not the status: time changes it, and the verbs of people have names.
    history = History(
        excluded_fields=[
            *("owner", "message", "status", "held_by", "created_at"),
            "pause_reason",  # the reason of the row itself
            "launch_key",
        ]
    )

    class Meta:
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        ordering = ["-created_at", "-pk"]
        permissions = [
            ("view_all_mailings", "Can see the mailings of all users"),
            ("hold_mailing", "Can hold and release mailings"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(start_at__lt=F("end_at")),
                name="mailing_starts_before_it_ends",
                violation_error_message=_ENDS_TOO_EARLY,
            ),
            models.CheckConstraint(
                condition=Q(status__in=["created", "running", "finished"]),
                name="mailing_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(periodicity__in=recurrence.Periodicity.values),
                name="mailing_periodicity_is_known",
            ),
            models.CheckConstraint(
                condition=Q(when_unknown__in=["keep", "resend"]),
                name="mailing_when_unknown_is_known",
            ),
            models.CheckConstraint(
                condition=Q(paused_at__isnull=False) | Q(pause_reason=""),
                name="mailing_pause_reason_is_of_a_pause",
            ),
            models.CheckConstraint(
                condition=Q(held_at=None, hold_reason="")
                | (Q(held_at__isnull=False) & ~Q(hold_reason="")),
                name="mailing_hold_has_a_reason",
            ),
            models.UniqueConstraint(
                fields=["owner", "launch_key"], name="mailing_is_launched_once"
            ),
            models.CheckConstraint(
                condition=Q(message__isnull=False) | Q(deleted_at__isnull=False),
                name="mailing_has_a_message_until_deleted",
            ),
        ]
        indexes = [
            models.Index(
                fields=["owner", "-created_at"], name="mailing_of_owner_newest"
            ),
            models.Index(
                fields=["end_at"],
                name="mailing_unfinished",
                condition=Q(deleted_at=None) & ~Q(status="finished"),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("mailings:mailing-detail", args=[self.pk])

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """
        Of the constraints, the one that fields don't say: without asking the database,
        as Django does for each. It has the last word when the row is saved.
        """
        if {"start_at", "end_at"}.isdisjoint(exclude or ()) and not (
            self.start_at < self.end_at
        ):
            raise ValidationError(_ENDS_TOO_EARLY)

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    @property
    def is_held(self) -> bool:
        return self.held_at is not None

    def may_be_held_by(self, user: User) -> bool:
        """
        Whether `user`, who may hold mailings, may hold or release this one: managers
        touch no administrators, and lift no hold that another put on their own.
        """
        if user.is_superuser:
            return True
        is_anothers_hold = self.is_held and self.held_by_id != user.pk
        return not self.owner.is_superuser and not (
            self.owner_id == user.pk and is_anothers_hold
        )

    def beside(self) -> dict[str, Any]:
        """What the history keeps besides the fields: message and recipients."""
        message, lists = self.message, self.lists.values_list("pk", "name")
        return {
            "message": {str(message.pk): message.subject} if message else {},
            "lists": {str(pk): name for pk, name in lists},
            "clients": self.clients.count(),
        }

    @property
    def is_live(self) -> bool:
        """The same question as `MailingQuerySet.live`, asked of one mailing."""
        return (
            not self.is_deleted
            and self.status != self.Status.FINISHED
            and not self.is_paused
            and not self.is_held
            and self.owner.is_active
        )

    @property
    def catch_up_limit(self) -> timedelta:
        """How old a missed occurrence may be that is still made up for."""
        if self.periodicity == self.Periodicity.ONCE:
            return self.end_at - self.start_at
        return recurrence.CATCH_UP_LIMITS[self.Periodicity(self.periodicity)]

    def is_window_open(self, now: datetime) -> bool:
        return self.start_at <= now < self.end_at

    def occurrences_after(self, moment: datetime | None) -> "recurrence.Occurrences":
        """The occurrences inside the window, in UTC; only those later than `moment`."""
        return recurrence.occurrences(
            self.start_at,
            self.Periodicity(self.periodicity),
            self.timezone,
            after=moment,
            until=self.end_at,
        )

    def next_occurrence(self, moment: datetime | None) -> datetime | None:
        return next(self.occurrences_after(moment), None)

    def next_after(self, last: datetime | None) -> datetime | None:
        """
        The next occurrence that wants a run, if `last` is the newest that has one.

        One run of a single mailing is enough, even if its start is moved.
        """
        if last is not None and self.periodicity == self.Periodicity.ONCE:
            return None
        return self.next_occurrence(last)

    def next_run(self, now: datetime) -> datetime | None:
        """The next occurrence after `now` that begins by itself: schedule and pages."""
        is_begun = self.status != self.Status.CREATED
        if not self.is_live or (is_begun and self.periodicity == self.Periodicity.ONCE):
            return None
        return self.next_occurrence(now)

    def next_due(self) -> datetime | None:
        """The next occurrence that wants a run."""
        return self.next_after(self.last_occurrence_with_run())

    def last_occurrence_with_run(self) -> datetime | None:
        last: datetime | None = self.runs.aggregate(at=models.Max("scheduled_for"))[
            "at"
        ]
        return last

    def reach(
        self, *, lists: Collection[int] | None = None, picked: int | None = None
    ) -> Reach:
        """
        Whom the settings name. Who has the keys of its lists at hand, and how many
        clients are picked, says so.
        """
        if self.all_clients:
            return Reach(self.owner_id, is_everybody=True)
        if lists is None:
            lists = list(self.lists.order_by().values_list("pk", flat=True))
        single = Client.objects.none() if picked == 0 else self.clients.all()
        return Reach(self.owner_id, lists=lists, picked=single)

    def recipients(self) -> ClientQuerySet:
        """The clients named in the settings, each once."""
        return self.reach().clients()
