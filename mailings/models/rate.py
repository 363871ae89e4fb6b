"""How much was sent lately, where there are limits."""

from django.db import models


class RateWindow(models.Model):
    """
    One row per limit and whom it is for. `taken` has pairs of a moment (seconds since
    1970) and how many letters were taken then; all pumps on all hosts count here.
    """

    key = models.CharField(max_length=300, unique=True)
    taken = models.JSONField(default=list)
    over_at = models.DateTimeField(db_index=True)  # from then on it tells nothing

    def __str__(self) -> str:
        return self.key
