"""
The figures for who watches the installation: what /metrics and /readyz tell.

Asked of the database anew each time, so they are right however many processes and
hosts there are; from counters and the indices of the queue, never by counting rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import Error
from django.db.models import Count, Min, OuterRef, Subquery, Sum
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mailings.condition import Condition, condition
from mailings.models import Attempt, Delivery, Lease, Mailing, ReplyCount, Run
from mailings.models.run import OPEN_STATES
from mailsvc import cache

# A run begins within a minute of its time, or within three if its alarm was lost.
OVERDUE_AFTER = 300.0  # seconds
CONTENT_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True)
class Fact:
    """One thing that has to be well before the installation is ready."""

    is_well: bool
    words: str


def readiness(now: datetime) -> dict[str, Fact]:
    """Name -> fact, in English: programs read it."""
    facts = {"cache": Fact(cache.is_up(), "")}
    try:
        state = condition(now)
        # While sending is held no run is begun, and none is missed.
        overdue = 0.0 if state.held else oldest_overdue(now)
    except Error as error:
        return {"database": Fact(is_well=False, words=type(error).__name__)} | facts
    last = state.worker.since.isoformat(timespec="seconds") if state.worker else "never"
    return {
        "database": Fact(is_well=True, words=""),
        **facts,
        "worker": Fact(not state.is_worker_missed, f"last sign {last}"),
        "overdue": Fact(overdue <= OVERDUE_AFTER, f"{overdue:.0f} s"),
    }


def remarks(now: datetime) -> dict[str, str]:
    """What does not make it unready: it waits for others, and says for whom."""
    try:
        state = condition(now)
    except Error:
        return {}
    return {
        "mail_server": state.circuit.words if state.circuit else "well",
        "sending": "held" if state.held else "free",
    }


def oldest_overdue(now: datetime) -> float:
    """For how many seconds the oldest run has been due without being begun."""
    rows: list[Any] = Mailing.objects.live().due(now)
    due = (each.next_after(each.last_occurrence) for each in rows)
    return max(((now - at).total_seconds() for at in due), default=0.0)


def text() -> bytes:
    """All figures in Prometheus' format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(timezone.now()))
    return generate_latest(registry)


class _Figures(Collector):
    """Of one scrape."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def describe(self) -> list[Metric]:
        return []  # else the registry would collect to find the names out

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "mailsvc_up", "Whether a part of the installation works.", labels=["part"]
        )
        up.add_metric(["cache"], cache.is_up())
        try:
            state = condition(self.now)
            figures = [
                *_of_condition(state),
                *_of_runs(),
                *_of_time(self.now),
                _attempts(),
                _gauge(
                    "mailsvc_pumps",
                    "Processes that send.",
                    Lease.objects.current(self.now).count(),
                ),
            ]
        except Error:
            up.add_metric(["database"], 0)
            yield up
            return
        up.add_metric(["database"], 1)
        up.add_metric(["worker"], state.is_worker_alive)
        up.add_metric(["mail_server"], not state.circuit)
        yield up
        yield from figures


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _of_condition(state: Condition) -> Iterator[Metric]:
    held = bool(state.held)
    yield _gauge("mailsvc_sending_held", "Sending is held until confirmed.", held)
    circuit = GaugeMetricFamily(
        "mailsvc_circuit_open", "The mail server takes no mail.", labels=["server"]
    )
    circuit.add_metric([state.server], bool(state.circuit))
    yield circuit
    if state.circuit:
        yield _gauge(
            "mailsvc_circuit_opened_timestamp_seconds",
            "Since when the mail server takes no mail.",
            state.circuit.since.timestamp(),
        )
    if state.worker:
        yield _gauge(
            "mailsvc_worker_last_sign_timestamp_seconds",
            "When the worker last did a task and took its result in.",
            state.worker.since.timestamp(),
        )


def _of_runs() -> Iterator[Metric]:
    """From the books of the runs under way."""
    sums = {f"sum_{state}": Sum(state, default=0) for state in OPEN_STATES}
    rows: Any = Run.objects.unfinished().order_by().values("state")
    found = {row["state"]: row for row in rows.annotate(runs=Count("pk"), **sums)}
    queue = GaugeMetricFamily(
        "mailsvc_queue_deliveries",
        "Deliveries that are not final, by state.",
        labels=["state"],
    )
    for state in OPEN_STATES:
        queue.add_metric([state], sum(row[f"sum_{state}"] for row in found.values()))
    yield queue
    runs = GaugeMetricFamily(
        "mailsvc_runs_unfinished", "Runs under way, by state.", labels=["state"]
    )
    for name in (Run.State.PLANNING, Run.State.SENDING):
        runs.add_metric([name], found[name]["runs"] if name in found else 0)
    yield runs


def _of_time(now: datetime) -> Iterator[Metric]:
    # The first of each run's queue, by its index: no queue is read to its end.
    queue = Delivery.objects.waiting().filter(run=OuterRef("pk")).order_by("due_at")
    runs = Run.objects.unfinished().allowed_to_send().filter(closes_at__gt=now)
    due = runs.annotate(first=Subquery(queue.values("due_at")[:1]))
    first = due.order_by().aggregate(oldest=Min("first"))["oldest"]
    age = (now - first).total_seconds() if first else 0.0
    yield _gauge(
        "mailsvc_queue_oldest_due_seconds",
        "For how long the oldest delivery that may be sent has been due.",
        max(age, 0.0),
    )
    yield _gauge(
        "mailsvc_runs_oldest_overdue_seconds",
        "For how long the oldest run has been due without being begun.",
        oldest_overdue(now),
    )


def _attempts() -> Metric:
    attempts = CounterMetricFamily(
        "mailsvc_attempts", "Attempts at deliveries, by outcome.", labels=["outcome"]
    )
    rows = ReplyCount.objects.order_by().values_list("outcome")
    totals = dict(rows.annotate(total=Sum("attempts")))
    for outcome in Attempt.Outcome.values:
        attempts.add_metric([outcome], totals.get(outcome, 0))
    return attempts
