"""What became of a mailing, run by run."""

from typing import Any

from django.core.management.base import CommandParser

from mailings.management.lookups import mailing_of
from mailings.models import Mailing
from mailsvc.commands import Outcome, ServiceCommand
from reports.ledger import COUNTERS, figures_of


class Command(ServiceCommand):
    help = (
        "Shows the books of a mailing: for each run how many recipients were planned, "
        "how many are in which state, and how many attempts were made. Times are in "
        "the time zone of the mailing (in UTC with --json)."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "mailing", metavar="ID", type=int, help="the number of the mailing"
        )

    def work(self, options: dict[str, Any]) -> Outcome:
        mailing = mailing_of(options["mailing"])
        figures = figures_of(mailing)
        return Outcome(data=figures, text=_in_words(mailing, figures))


def _in_words(mailing: Mailing, figures: dict[str, Any]) -> str:
    head = f"Mailing {mailing.pk} “{mailing.title}”: {mailing.status}"
    if not figures["runs"]:
        return f"{head}\nNo runs yet."
    rows = [["run", "scheduled for", *COUNTERS]]
    for run in figures["runs"]:
        local = run["scheduled_for"].astimezone(mailing.timezone)
        counters = [str(run[name]) for name in COUNTERS]
        rows.append([str(run["run"]), f"{local:%Y-%m-%d %H:%M}", *counters])
    totals = [str(figures["totals"][name]) for name in COUNTERS]
    rows.append(["", "total", *totals])
    return "\n".join([head, *_aligned(rows)])


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
