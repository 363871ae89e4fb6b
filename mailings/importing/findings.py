"""What a check has found: how many of each verdict, and the first of them."""

from typing import Any

from mailings.importing.reading import Row
from mailings.importing.saving import Plan
from mailings.models import Client, Suppression
from users.models import User

SHOWN = 5  # rows of each verdict
_LONGEST = 200  # characters of a row that is shown


class Findings:
    def __init__(self, owner: User) -> None:
        self._owner = owner
        self._counts = dict.fromkeys(
            ("created", "updated", "unchanged", "rejected", "suppressed"), 0
        )
        self._shown: dict[str, list[Any]] = {
            "created": [],
            "updated": [],
            "unchanged": [],
            "rejected": [],
        }

    def rejected(self, row: Row, reason: str) -> None:
        text = " · ".join(cell for cell in row.cells if cell)[:_LONGEST]
        self._add("rejected", {"row": row.number, "text": text, "reason": reason})

    def add(self, plan: Plan) -> None:
        for client in plan.new:
            self._add("created", _shown(client))
        for client in plan.changed:
            name, comment = plan.before[client.pk]
            was = {"was_name": name, "was_comment": comment}
            self._add("updated", _shown(client) | was)
        for client in plan.same:
            self._add("unchanged", _shown(client))
        addresses = [client.email.lower() for client in plan.clients]
        self._counts["suppressed"] += Suppression.objects.filter(
            owner=self._owner, email__in=addresses
        ).count()

    def as_values(self) -> dict[str, Any]:
        """For the fields of `Import`; `expected` is exact now."""
        counts = self._counts
        rows = sum(counts.values()) - counts["suppressed"]
        return {**counts, "found": self._shown, "expected": rows}

    def _add(self, verdict: str, shown: dict[str, Any]) -> None:
        self._counts[verdict] += 1
        if len(self._shown[verdict]) < SHOWN:
            self._shown[verdict].append(shown)


def _shown(client: Client) -> dict[str, Any]:
    return {
        "email": client.email,
        "name": client.full_name,
        "comment": client.comment[:_LONGEST],
    }
