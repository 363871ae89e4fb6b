"""Do the books balance?"""

import time
from dataclasses import asdict
from typing import Any

from django.db.models import Sum

from mailings.models import Run, Verification
from mailsvc.commands import Outcome, ServiceCommand
from reports.recount import Drift, drifts


class Command(ServiceCommand):
    help = (
        "Counts the deliveries and attempts of every run anew and compares them with "
        "the figures that the reports show. Mends nothing; may run while mail is being "
        "sent. Managers see the verdict. Exits with 1 and the differences if there are "
        "any."
    )

    def work(self, options: dict[str, Any]) -> Outcome:
        began = time.monotonic()
        found = list(drifts())
        runs = Run.objects.count()
        deliveries = Run.objects.aggregate(sum=Sum("planned"))["sum"] or 0
        Verification.objects.create(
            runs=runs,
            deliveries=deliveries,
            differences=len(found),
            seconds=time.monotonic() - began,
        )
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
