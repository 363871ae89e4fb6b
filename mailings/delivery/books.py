"""
The books of a run. Who moves deliveries moves the figures, in one transaction.

The database holds the equation `planned = pending + … + cancelled` as a constraint:
a move that does not balance can't be committed.
"""

from collections.abc import Mapping

from django.db.models import F

from mailings.models import Run


def move(run_id: int, changes: Mapping[str, int]) -> None:
    """Adds each change to the run's figure of that name."""
    moved = {name: F(name) + n for name, n in changes.items() if n}
    if moved:
        Run.objects.filter(pk=run_id).update(**moved)
