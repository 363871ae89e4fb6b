"""Deliveries and attempts: who is in which state, and what the server said."""

from collections.abc import Collection
from datetime import datetime

from django.db import models
from django.db.models import Exists, F, Max, OuterRef, Q, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from mailings.models.client import Client
from mailings.models.lease import Lease
from mailings.models.run import STATES, Run
from mailings.models.suppression import against
from users.permissions import OwnedQuerySet


class DeliveryQuerySet(OwnedQuerySet["Delivery"]):
    owner_path = "run__mailing__owner"
    parent = "run"

    def waiting(self) -> "DeliveryQuerySet":
        """Not begun, or to be tried again."""
        return self.filter(state__in=["pending", "deferred"])

    def claimable(self, now: datetime | Combinable) -> "DeliveryQuerySet":
        return self.waiting().filter(due_at__lte=now)

    def to(self, *emails: str) -> "DeliveryQuerySet":
        """To these addresses, whatever their case."""
        rows = self.annotate(address=Lower("email"))
        return rows.filter(address__in=[email.lower() for email in emails])

    def suppressed_meanwhile(self) -> "DeliveryQuerySet":
        """Whose address is written to no more, in whatever state they are."""
        return self.filter(Exists(against("run__mailing__owner")))

    def newest_of(self, clients: Collection[int]) -> "DeliveryQuerySet":
        """
        The last one of each of these clients. Grouped, not sorted: for a few rows by
        the key PostgreSQL might go through all there are, backwards.
        """
        of_each = self.filter(client__in=clients).order_by().values("client")
        newest = of_each.annotate(newest=Max("pk")).values("newest")
        return self.filter(pk__in=newest)

    def with_last_reply(self) -> "DeliveryQuerySet":
        """Each row with `last_code` and `last_words` of its last attempt."""
        attempts = Attempt.objects.filter(delivery=OuterRef("pk")).order_by("-number")
        return self.annotate(
            last_code=Subquery(attempts.values("code")[:1]),
            last_words=Subquery(attempts.values("reply")[:1]),
        )


class Delivery(models.Model):
    """One client in one run. Name and address are a copy: the client may go."""

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        SENDING = "sending", _("Sending")
        DEFERRED = "deferred", _("Deferred")
        ACCEPTED = "accepted", _("Accepted")
        REFUSED = "refused", _("Refused")
        UNKNOWN = "unknown", _("Unknown")
        EXPIRED = "expired", _("Expired")
        SUPPRESSED = "suppressed", _("Suppressed")
        CANCELLED = "cancelled", _("Cancelled")

    class Reason(models.TextChoices):
        """Why a delivery ended without a word from the server."""

        NONE = "", ""
        WINDOW_OVER = "window_over", _("the time of the run was over")
        TRIES_OVER = "tries_over", _("given up after the last retry")
        NOT_COMPOSED = "not_composed", _("the message could not be composed")
        CLIENT_DELETED = "client_deleted", _("the client was deleted")
        MAILING_DELETED = "mailing_deleted", _("the mailing was deleted")
        STOPPED = "stopped", _("the mailing was stopped")
        WORKER_DIED = (
            "worker_died",
            _("the worker died while the server had the message"),
        )
        NO_REPLY = "no_reply", _("the server had the message and gave no reply")
        # By the names of the kinds of `Suppression`.
        UNSUBSCRIBED = "unsubscribed", _("the recipient has unsubscribed")
        ADDRESS_REFUSED = (
            "address_refused",
            _("the mail server has refused the address for good"),
        )
        BY_HAND = "by_hand", _("the address was put down as suppressed by hand")

    # No index of its own: that of `delivery_once_per_client_and_run` begins with it.
    run = models.ForeignKey(
        Run, models.CASCADE, db_index=False, related_name="deliveries"
    )
    client = models.ForeignKey(
        Client, models.SET_NULL, null=True, related_name="deliveries"
    )
    email = models.CharField(_("e-mail"), max_length=254)
    full_name = models.CharField(_("full name"), max_length=150)
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.PENDING
    )
    reason = models.CharField(
        _("reason"), max_length=20, choices=Reason, default=Reason.NONE, blank=True
    )
    attempt_count = models.PositiveSmallIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("due"))
    lease = models.ForeignKey(
        Lease, models.PROTECT, null=True, db_index=False, related_name="deliveries"
    )

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "client"], name="delivery_once_per_client_and_run"
            ),
            models.CheckConstraint(
                condition=Q(state__in=STATES), name="delivery_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="sending", lease__isnull=False)
                | (~Q(state="sending") & Q(lease=None)),
                name="delivery_is_leased_while_sending",
            ),
        ]
        indexes = [
            # The queue, in the order in which it is served.
            models.Index(
                fields=["run", "due_at", "id"],
                name="delivery_queue",
                condition=Q(state__in=["pending", "deferred"]),
            ),
            models.Index(
                fields=["lease"],
                name="delivery_leased",
                condition=Q(lease__isnull=False),
            ),
            # A recipient is looked for by address even when the client is gone.
            models.Index(Lower("email"), F("id").desc(), name="delivery_by_address"),
            # What people look for, and little: most of a run is accepted.
            models.Index(
                fields=["run", "state", "id"],
                name="delivery_not_accepted",
                condition=Q(
                    state__in=[
                        "refused",
                        "unknown",
                        "expired",
                        "suppressed",
                        "cancelled",
                    ]
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.full_name} <{self.email}>"

    @property
    def is_open(self) -> bool:
        return self.state in ("pending", "sending", "deferred")


class AttemptQuerySet(OwnedQuerySet["Attempt"]):
    owner_path = "run__mailing__owner"
    parent = "run"


class Attempt(models.Model):
    """One try at one delivery. Written once, never changed."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", _("Accepted")
        REFUSED = "refused", _("Refused")
        DEFERRED = "deferred", _("Deferred")
        UNKNOWN = "unknown", _("Unknown")

    delivery = models.ForeignKey(
        Delivery, models.CASCADE, related_name="attempts", db_index=False
    )
    # The delivery's: a report of a run reads its attempts in order, not all there are.
    # Unchecked, as the delivery's is checked: a check would lock the run's row.
    run = models.ForeignKey(
        Run,
        models.CASCADE,
        related_name="attempt_rows",
        db_index=False,
        db_constraint=False,
    )
    number = models.PositiveSmallIntegerField(_("number"))
    started_at = models.DateTimeField(_("time"))
    duration_ms = models.PositiveIntegerField(_("duration, ms"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    phase = models.CharField(_("phase"), max_length=10)
    code = models.PositiveSmallIntegerField(_("code"), null=True)
    enhanced_code = models.CharField(_("enhanced code"), max_length=12, blank=True)
    # The server's words, decoded and cut: untrusted text wherever it is shown.
    reply = models.TextField(_("server's reply"), blank=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["delivery_id", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "number"], name="attempt_number_once_per_delivery"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["accepted", "refused", "deferred", "unknown"]),
                name="attempt_outcome_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["run", "-started_at", "-id"], name="attempt_newest"),
            # Failures are few, and what people look for.
            models.Index(
                fields=["run", "code", "-started_at"],
                name="attempt_failed",
                condition=~Q(outcome="accepted"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id}#{self.number}: {self.outcome}"
