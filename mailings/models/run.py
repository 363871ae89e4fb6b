"""The run: one occurrence of a mailing, with its own snapshot and its own books."""

import secrets
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mailings import tokens
from mailings.models.mailing import Mailing
from mailsvc.statements import Parameter
from users.permissions import OwnedQuerySet

# The columns of the ledger, one per delivery state.
STATES = (
    "pending",
    "sending",
    "deferred",
    "accepted",
    "refused",
    "unknown",
    "expired",
    "suppressed",
    "cancelled",
)
OPEN_STATES = ("pending", "sending", "deferred")


def new_key() -> str:
    return secrets.token_hex(8)


class RunQuerySet(OwnedQuerySet["Run"]):
    owner_path = "mailing__owner"
    parent = "mailing"

    def unfinished(self) -> "RunQuerySet":
        return self.filter(state__in=[Run.State.PLANNING, Run.State.SENDING])

    def allowed_to_send(self) -> "RunQuerySet":
        """Of a mailing that is neither over, paused nor held, of an active owner."""
        return self.filter(
            mailing__paused_at=None,
            mailing__held_at=None,
            mailing__deleted_at=None,
            mailing__owner__is_active=True,
        ).exclude(mailing__status=Mailing.Status.FINISHED)

    def with_open_deliveries(self) -> "RunQuerySet":
        return self.filter(Q(pending__gt=0) | Q(sending__gt=0) | Q(deferred__gt=0))

    def ready(self, now: datetime | Parameter) -> "RunQuerySet":
        """Without those that wait until something of ours is mended."""
        return self.filter(Q(waits_until=None) | Q(waits_until__lte=now))

    def over(self, now: datetime) -> "RunQuerySet":
        """Unfinished, though their time is up."""
        return self.unfinished().filter(closes_at__lte=now)


class Run(models.Model):
    class State(models.TextChoices):
        PLANNING = "planning", _("Selecting recipients")
        SENDING = "sending", _("Sending")
        FINISHED = "finished", _("Finished")
        MISSED = "missed", _("Missed")

    mailing = models.ForeignKey(Mailing, models.PROTECT, related_name="runs")
    scheduled_for = models.DateTimeField(_("scheduled for"))
    closes_at = models.DateTimeField(
        _("closes"), help_text=_("Nothing of this run is sent from then on.")
    )
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.PLANNING
    )
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    # The snapshot: what goes out, whatever happens to the message meanwhile.
    subject = models.CharField(_("subject"), max_length=255, blank=True)
    body = models.TextField(_("text"), blank=True)
    body_html = models.TextField(_("HTML version"), blank=True)
    sender_name = models.CharField(max_length=150, blank=True)
    sender_email = models.CharField(max_length=254, blank=True)
    # What goes out can't be read just now: why, and when it is tried again.
    waits_because = models.CharField(max_length=300, blank=True, editable=False)
    waits_until = models.DateTimeField(null=True, editable=False)

    # Part of every Message-ID of this run: stable, and not to be guessed.
    key = models.CharField(max_length=16, default=new_key, editable=False)
    # What makes the links for unsubscribing, and no letter tells.
    unsubscribe_key = models.CharField(
        max_length=43, default=tokens.new_secret, editable=False
    )

    # Recipients are selected in the order of their ids; so far up to this one.
    planned_through = models.BigIntegerField(default=0)

    # The books. The engine moves them in the transaction that moves a delivery.
    planned = models.PositiveIntegerField(_("planned"), default=0)
    pending = models.PositiveIntegerField(_("pending"), default=0)
    sending = models.PositiveIntegerField(_("sending"), default=0)
    deferred = models.PositiveIntegerField(_("deferred"), default=0)
    accepted = models.PositiveIntegerField(_("accepted"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    unknown = models.PositiveIntegerField(_("unknown"), default=0)
    expired = models.PositiveIntegerField(_("expired"), default=0)
    suppressed = models.PositiveIntegerField(_("suppressed"), default=0)
    cancelled = models.PositiveIntegerField(_("cancelled"), default=0)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)

    objects = RunQuerySet.as_manager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-scheduled_for", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["mailing", "scheduled_for"], name="run_once_per_occurrence"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["planning", "sending", "finished", "missed"]),
                name="run_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    planned=F("pending")
                    + F("sending")
                    + F("deferred")
                    + F("accepted")
                    + F("refused")
                    + F("unknown")
                    + F("expired")
                    + F("suppressed")
                    + F("cancelled")
                ),
                name="run_books_balance",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["finished", "missed"])
                | Q(pending=0, sending=0, deferred=0),
                name="run_finishes_when_nothing_is_open",
            ),
            models.CheckConstraint(
                condition=Q(waits_because="", waits_until=None)
                | ~Q(waits_because="") & Q(waits_until__isnull=False),
                name="run_waits_for_a_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=["closes_at"],
                name="run_unfinished",
                condition=Q(state__in=["planning", "sending"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailing} · {self.scheduled_for:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("mailings:run-detail", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.PLANNING, self.State.SENDING)

    @property
    def is_waiting(self) -> bool:
        """Until its files can be read."""
        return self.is_open and bool(self.waits_because)

    @property
    def open_deliveries(self) -> int:
        return self.pending + self.sending + self.deferred

    @property
    def is_busy(self) -> bool:
        """Something happens at this moment; what is deferred only waits."""
        return self.state == self.State.PLANNING or self.pending + self.sending > 0

    @property
    def has_errors(self) -> bool:
        """Not everybody got it, or not for certain."""
        return bool(self.refused or self.unknown or self.expired)

    def version(self) -> tuple[object, ...] | None:
        """
        Another one whenever anything of this run is: its books, deliveries or attempts.
        None while they move. A retry leaves a version behind for good: the run finishes
        at another moment.
        """
        if self.is_open:
            return None
        finished = self.finished_at and self.finished_at.isoformat()
        return (self.pk, self.state, finished, *self.ledger().values())

    def ledger(self) -> dict[str, int]:
        """planned, each state, and attempts: what the reports show and add up."""
        return {name: getattr(self, name) for name in ("planned", *STATES, "attempts")}
