"""Does the worker truly work? A task that runs each minute leaves its mark here."""

from django.db import models


class Canary(models.Model):
    """
    One row. `worked_at` is stamped by the task, `acknowledged_at` by the process that
    takes results in; Django-Q2 can lose either and go on saying that all is well.
    """

    worked_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="canary_is_alone"),
        ]

    def __str__(self) -> str:
        return f"worked {self.worked_at}, acknowledged {self.acknowledged_at}"
