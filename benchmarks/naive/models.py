"""The tables of the loop that everybody writes first."""

from django.db import models


class Recipient(models.Model):
    email = models.EmailField()
    full_name = models.CharField(max_length=150)
    status = models.CharField(max_length=10, default="new")

    def __str__(self) -> str:
        return self.email


class Attempt(models.Model):
    recipient = models.ForeignKey(Recipient, models.CASCADE)
    at = models.DateTimeField(auto_now_add=True)
    status = models.CharField(max_length=10)
    reply = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.recipient_id}: {self.status}"
