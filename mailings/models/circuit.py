"""The state of the mail server as we know it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Circuit(models.Model):
    """
    One row per mail server. While it is open nothing is sent and nobody's retries
    are charged: the server is at fault, and `reason` says in its words why.
    """

    class State(models.TextChoices):
        CLOSED = "closed", _("Working")
        OPEN = "open", _("Not working")

    server = models.CharField(_("server"), max_length=255, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.CLOSED)
    failures = models.PositiveIntegerField(default=0)
    # Of the settings it failed with: others deserve a try at once. Tells no secret.
    fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    reason = models.TextField(_("reason"), blank=True)
    opened_at = models.DateTimeField(_("since"), null=True, blank=True)
    probe_at = models.DateTimeField(_("next try"), null=True, blank=True)

    class Meta:
        verbose_name = _("mail server")
        verbose_name_plural = _("mail servers")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="closed", opened_at=None, probe_at=None)
                | Q(state="open", opened_at__isnull=False, probe_at__isnull=False),
                name="circuit_open_since_and_until",
            ),
        ]

    def __str__(self) -> str:
        return self.server

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN
