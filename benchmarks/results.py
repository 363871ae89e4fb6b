"""What a run gave, and the table of all of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Result:
    """One system did the work once."""

    system: str
    messages: int
    seconds: float
    cpu: float | None = None  # seconds, of all its processes
    peak_mb: float | None = None  # of the largest of them
    bytes_each: float | None = None  # in the database
    first: float | None = None  # seconds until the first message began to leave
    database_cpu: float | None = None  # seconds, of the database's processes
    busy: float | None = None  # processors of the machine that worked, on the average
    server_busy: float | None = None  # of one processor, by the mail server

    @property
    def rate(self) -> float:
        return self.messages / self.seconds


def table(results: Sequence[Result], yardsticks: Sequence[str]) -> str:
    """
    Markdown: a row for each system. Rates are medians with their range; a ratio is
    the median of the ratios within each repeat.
    """
    by_system: dict[str, list[Result]] = defaultdict(list)
    for each in results:
        by_system[each.system].append(each)
    shown = [name for name in yardsticks if name in by_system]
    heads = ["system", "messages", "msg/s (range)", *(f"× {name}" for name in shown)]
    heads += ["CPU s / 1,000", "database's", "peak MB", "bytes each", "first after s"]
    heads += ["processors busy", "mail server's"]
    rows = [heads, ["---"] * len(heads)]
    for name, runs in by_system.items():
        rows.append(
            [
                name,
                f"{runs[0].messages:,}",
                _rates(runs),
                *(_ratio(runs, by_system[other]) for other in shown),
                _figure(1000 * r.cpu / r.messages for r in runs if r.cpu is not None),
                _figure(
                    1000 * r.database_cpu / r.messages
                    for r in runs
                    if r.database_cpu is not None
                ),
                _figure((r.peak_mb for r in runs if r.peak_mb is not None), 0),
                _figure((r.bytes_each for r in runs if r.bytes_each is not None), 0),
                _figure((r.first for r in runs if r.first is not None), 2),
                _figure((r.busy for r in runs if r.busy is not None), 2),
                _figure((r.server_busy for r in runs if r.server_busy is not None), 2),
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _rates(runs: Sequence[Result]) -> str:
    rates = [each.rate for each in runs]
    return f"{median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})"


def _ratio(runs: Sequence[Result], others: Sequence[Result]) -> str:
    pairs = zip(runs, others, strict=False)
    return f"{median(one.rate / other.rate for one, other in pairs):.3g}"


def _figure(values: Iterable[float], digits: int = 3) -> str:
    found = list(values)
    return f"{median(found):,.{digits}f}" if found else "–"
