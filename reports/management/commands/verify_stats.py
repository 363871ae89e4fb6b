"""Do the books balance?"""

from dataclasses import asdict
from typing import Any

from django.db.models import Sum

from mailings.models import Run
from mailsvc.commands import Outcome, ServiceCommand
from reports.ledger import Drift, drifts


class Command(ServiceCommand):
    help = (
        "Counts the deliveries and attempts of every run anew and compares them with "
        "the counters that the reports show. Changes nothing; may run while mail is "
        "being sent. Exits with 1 and the differences if there are any."
    )

    def work(self, options: dict[str, Any]) -> Outcome:
        found = list(drifts())
        runs = Run.objects.count()
        deliveries = Run.objects.aggregate(sum=Sum("planned"))["sum"] or 0
        return Outcome(
            data={
                "runs": runs,
                "deliveries": deliveries,
                "differences": [asdict(drift) for drift in found],
            },
            text="\n".join(
                [
                    *map(_in_words, found),
                    f"{runs} runs, {deliveries} deliveries checked",
                ]
            ),
            failure=f"The books do not balance: {len(found)} differences."
            if found
            else "",
        )


def _in_words(drift: Drift) -> str:
    return (
        f"run {drift.run}: {drift.figure} is {drift.counter}, "
        f"counting gives {drift.counted}"
    )
