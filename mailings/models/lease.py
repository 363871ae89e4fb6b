"""A lease: a pump's right to the deliveries that it has claimed."""

from datetime import datetime

from django.db import models


class LeaseQuerySet(models.QuerySet["Lease"]):
    def expired(self, now: datetime) -> "LeaseQuerySet":
        return self.filter(expires_at__lte=now)

    def current(self, now: datetime) -> "LeaseQuerySet":
        return self.filter(expires_at__gt=now)


class Lease(models.Model):
    """
    One row per pump at work, renewed by its heartbeat, deleted when it ends.

    Deliveries in state `sending` point to it: an outcome is only recorded while they
    still do (the fence), and a row that outlives its pump tells what was in doubt.
    """

    host = models.CharField(max_length=255)
    boot_id = models.CharField(max_length=64)
    pid = models.PositiveIntegerField()
    journal = models.CharField(max_length=100, unique=True)
    # Goes on claiming; a draining pump only waits for replies.
    claiming = models.BooleanField(default=True)
    started_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    objects = LeaseQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"
