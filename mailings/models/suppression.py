"""Addresses that an owner's mailings write to no more, and the evidence."""

from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from mailsvc.validators import validate_mailbox
from users.permissions import OwnedQuerySet


class SuppressionQuerySet(OwnedQuerySet["Suppression"]):
    view_all = "mailings.view_all_clients"


class Suppression(models.Model):
    """
    One address of one owner. It outlives the client: whoever is imported again, or made
    anew, is still not written to.
    """

    class Kind(models.TextChoices):
        """Why. The reasons of deliveries that end for it have the same names."""

        UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
        ADDRESS_REFUSED = "address_refused", _("Refused by the mail server")
        BY_HAND = "by_hand", _("Put down by hand")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="suppressions"
    )
    # In lower case: addresses that differ in nothing else are one.
    email = models.CharField(_("e-mail"), max_length=254, validators=[validate_mailbox])
    kind = models.CharField(
        _("why"), max_length=20, choices=Kind, default=Kind.BY_HAND, editable=False
    )
    since = models.DateTimeField(_("suppressed since"), default=now, editable=False)
    # The evidence. Texts are copies: deliveries and mailings may go.
    words = models.CharField(_("evidence"), max_length=1000, blank=True)
    mailing = models.CharField(_("mailing"), max_length=255, blank=True, editable=False)
    delivery = models.ForeignKey(
        "mailings.Delivery",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="suppressions",
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")
        ordering = ["-since", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "email"], name="suppression_once_per_owner_and_address"
            ),
            models.CheckConstraint(
                condition=Q(email=Lower("email")),
                name="suppression_address_is_lower_case",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["unsubscribed", "address_refused", "by_hand"]),
                name="suppression_kind_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-since"], name="suppression_newest"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_unsubscribed(self) -> bool:
        return self.kind == self.Kind.UNSUBSCRIBED


def against(owner: str, email: str = "email") -> "QuerySet[Suppression]":
    """For a sub-query: what stands against the outer row, by its fields' names."""
    return Suppression.objects.filter(
        owner=OuterRef(owner), email=Lower(OuterRef(email))
    ).order_by()
