"""Mails about accounts that wait to be sent: confirmations, resets, warnings."""

from django.db import models
from django.utils.timezone import now


class AccountMail(models.Model):
    """
    Gone as soon as it is sent, or once the link in it is worth nothing.

    A row of our own and not an argument of a task: what was done, tasks included, is
    kept for a while by Django-Q2, and nobody shall find links to accounts there.
    """

    to = models.EmailField()
    subject = models.CharField(max_length=255)
    text = models.TextField()
    created_at = models.DateTimeField(default=now)
    due_at = models.DateTimeField(default=now, db_index=True)
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        default_permissions = ()
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.subject} → {self.to}"
