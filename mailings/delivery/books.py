"""
The books of a run. Who moves deliveries moves the figures, in one transaction.

The database holds the equation `planned = pending + … + cancelled` as a constraint:
a move that does not balance can't be committed.
"""

from collections.abc import Mapping
from functools import lru_cache

from django.db.models import F

from mailings.models import Run
from mailsvc.statements import Change, Parameter


def move(run_id: int, changes: Mapping[str, int]) -> None:
    """Adds each change to the run's figure of that name."""
    moved = {str(name): n for name, n in changes.items() if n}
    if moved:
        _added_to(*sorted(moved)).run(run=run_id, **moved)


@lru_cache  # there are not that many moves
def _added_to(*names: str) -> Change:
    run = Run.objects.filter(pk=Parameter("run"))
    return Change(lambda: run, **{name: F(name) + Parameter(name) for name in names})
