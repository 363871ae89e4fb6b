"""Whose database this is, and who works on it: `delivery/identity.py` has the rules."""

import secrets
from datetime import datetime

from django.db import models
from django.db.models import Exists, Q, Subquery
from django.utils.translation import gettext_lazy as _

from mailsvc.statements import Parameter


def new_key() -> str:
    return secrets.token_hex(16)


class Installation(models.Model):
    """
    One row, from the first look of a worker or a command on. While `held_at` is set
    nothing is planned or sent by any host: one of them found the database to be older
    than what was sent with it.
    """

    # Anew with each confirmation: from there on it is a history of its own.
    key = models.CharField(max_length=32, default=new_key)
    held_at = models.DateTimeField(_("held"), null=True)
    held_by_host = models.CharField(max_length=255, blank=True)

    class Meta:
        default_permissions = ()
        permissions = [("confirm_installation", "Can confirm where mail is sent from")]
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="installation_is_alone"),
            models.CheckConstraint(
                condition=Q(held_at=None, held_by_host="")
                | (Q(held_at__isnull=False) & ~Q(held_by_host="")),
                name="installation_is_held_by_a_host",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class HostQuerySet(models.QuerySet["Host"]):
    def admitted(self) -> "HostQuerySet":
        return self.filter(admitted_at__isnull=False)

    def left_waiting(self, since: "datetime | Parameter") -> "HostQuerySet":
        """Not admitted, and no other was seen at work since they came, nor `since`."""
        everybody = Host.objects.order_by().values("installation")
        beats = everybody.annotate(total=models.Sum("beats")).values("total")
        return self.filter(
            ~Exists(Host.objects.filter(beat_at__gt=since)),
            admitted_at=None,
            beats_at_arrival__gte=Subquery(beats),
        )


class Host(models.Model):
    """
    One directory of files (`VAR_DIR`) that works on this database, or wants to.

    `beats` counts how often it has taken work; its file says the same number.
    """

    installation = models.ForeignKey(
        Installation, models.CASCADE, related_name="hosts", db_index=False
    )
    key = models.CharField(max_length=32, unique=True)
    name = models.CharField(_("host"), max_length=255)
    arrived_at = models.DateTimeField(_("first seen"))
    # How many beats all hosts together had then: more of them show that it is alive.
    beats_at_arrival = models.PositiveBigIntegerField()
    admitted_at = models.DateTimeField(_("admitted"), null=True)
    beats = models.PositiveBigIntegerField(default=0)
    beat_at = models.DateTimeField(_("last at work"), null=True)

    objects = HostQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["arrived_at", "pk"]

    def __str__(self) -> str:
        return self.name
