"""
Outcomes into the database: attempts, states and books in one transaction.

The fence: an outcome counts only while the delivery is still leased to the pump that
brings it. What comes too late, or for the second time, changes nothing.
"""

import logging
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

from django.db import transaction

from mailings.delivery.books import move
from mailings.delivery.journal import Result
from mailings.delivery.replies import Outcome, Phase, Verdict
from mailings.delivery.retry import next_attempt
from mailings.delivery.statistics import Tried, count_attempts, count_ends
from mailings.delivery.suppress import suppress_refused
from mailings.models import Attempt, Delivery, Lease, Mailing, Run
from mailsvc.many import insert
from mailsvc.statements import Change, Parameter, Statement

logger = logging.getLogger(__name__)

_AGAIN = (Verdict.DEFERRED, Verdict.UNKNOWN)  # perhaps: their run has a say in it
_chance = random.Random()  # noqa: S311 - spreads retries, guards no secret


class _Row(NamedTuple):
    pk: int
    run_id: int
    attempt_count: int


class _Run(NamedTuple):
    pk: int
    closes_at: datetime
    when_unknown: str


class _Fate(NamedTuple):
    """Where a delivery goes."""

    state: str
    reason: str = ""
    due_at: datetime | None = None


# The server's last word on it.
_ENDED = {
    verdict: _Fate(str(verdict)) for verdict in (Verdict.ACCEPTED, Verdict.REFUSED)
}


@transaction.atomic
def record(
    lease: Lease,
    results: Sequence[Result],
    *,
    now: datetime,
    retry_delays: Sequence[float],
    unknown_reason: str = Delivery.Reason.NO_REPLY,
) -> int:
    """Writes `results` down; returns how many of them still counted."""
    rows = _leased({result.delivery_id for result in results}, lease)
    counted = [result for result in results if result.delivery_id in rows]
    if not counted:
        return 0
    attempts = [_attempt(result, rows[result.delivery_id]) for result in counted]
    insert(Attempt, Tried._fields, attempts)
    runs = _runs_of(
        rows[each.delivery_id] for each in counted if each.outcome.verdict in _AGAIN
    )
    # One moment per number of tries and batch keeps this to a few statements.
    retry_at = {
        tries: next_attempt(tries, now=now, delays=retry_delays, chance=_chance)
        for tries in {row.attempt_count + 1 for row in rows.values()}
    }
    fates: dict[_Fate, list[_Row]] = defaultdict(list)
    for result in counted:
        row = rows[result.delivery_id]
        fate = _fate(
            result.outcome,
            retry_at[row.attempt_count + 1],
            runs[row.run_id] if result.outcome.verdict in _AGAIN else None,
            unknown_reason,
        )
        fates[fate].append(row)
    suppressed = suppress_refused(
        {result.delivery_id: result.outcome for result in counted}, now=now
    )
    _move(fates, suppressed)
    _tell(attempts)
    count_attempts(attempts)  # after the books: their rows are the lock
    count_ends(_ends(fates, suppressed))
    return len(counted)


def _leased(delivery_ids: Collection[int], lease: Lease) -> dict[int, _Row]:
    """Those that are still leased, and locked from now on."""
    rows = _locked().rows(keys=list(delivery_ids))
    # Not a condition: the database would look through all that was ever leased.
    return {row[0]: _Row._make(row[:-1]) for row in rows if row[-1] == lease.pk}


@cache
def _locked() -> Statement:
    return Statement(
        lambda: (
            Delivery.objects.filter(pk__among=Parameter("keys"))
            .select_for_update()
            .order_by("pk")
            .values_list(*_Row._fields, "lease_id")
        )
    )


def _runs_of(rows: Iterable[_Row]) -> dict[int, _Run]:
    """What of the runs decides where their deliveries go that did not end."""
    keys = {row.run_id for row in rows}
    if not keys:
        return {}
    runs = Run.objects.filter(pk__among=keys)
    values = runs.values_list("pk", "closes_at", "mailing__when_unknown")
    return {run.pk: run for run in map(_Run._make, values)}


def _ends(
    fates: dict[_Fate, list[_Row]], suppressed: Counter[tuple[int, str]]
) -> Counter[tuple[int, str, str]]:
    ends = Counter(
        (row.run_id, fate.state, str(fate.reason))
        for fate, moved in fates.items()
        for row in moved
    )
    state, reason = Delivery.State.SUPPRESSED, Delivery.Reason.ADDRESS_REFUSED
    for (run_id, _was), n in suppressed.items():
        ends[run_id, state, reason] += n
    return ends


def _tell(attempts: Iterable[Tried]) -> None:
    """
    A line each, for who looks for something: the rows tell it all. Without the reply,
    in which servers like to repeat the recipient's address.
    """
    if not logger.isEnabledFor(logging.DEBUG):
        return
    for one in attempts:
        logger.debug(
            "Attempt: %s at %s, %s %s, %d ms",
            one.outcome,
            one.phase,
            one.code or "no code",
            one.enhanced_code or "-",
            one.duration_ms,
            extra={
                "run": one.run_id,
                "delivery": one.delivery_id,
                "attempt": one.number,
            },
        )


def not_composed(text: str) -> Outcome:
    """What stands in the log of a recipient that no message could be made for."""
    return Outcome(Verdict.REFUSED, Phase.COMPOSE, None, "", text)


def _attempt(result: Result, row: _Row) -> Tried:
    outcome = result.outcome
    return Tried(
        result.delivery_id,
        row.run_id,
        row.attempt_count + 1,
        result.started_at,
        result.duration_ms,
        str(outcome.verdict),
        str(outcome.phase),
        outcome.code,
        outcome.enhanced_code,
        outcome.text,
    )


def _fate(
    outcome: Outcome,
    retry_at: datetime | None,
    run: _Run | None,
    unknown_reason: str,
) -> _Fate:
    if run is None:  # the server's last word
        if outcome.phase is Phase.COMPOSE:
            return _Fate(Delivery.State.REFUSED, Delivery.Reason.NOT_COMPOSED)
        return _ENDED[outcome.verdict]
    may_retry = retry_at is not None and retry_at < run.closes_at
    if outcome.verdict is Verdict.DEFERRED:
        if retry_at is None:
            return _Fate(Delivery.State.EXPIRED, Delivery.Reason.TRIES_OVER)
        if not may_retry:
            return _Fate(Delivery.State.EXPIRED, Delivery.Reason.WINDOW_OVER)
        return _Fate(Delivery.State.DEFERRED, due_at=retry_at)
    if may_retry and run.when_unknown == Mailing.WhenUnknown.RESEND:
        return _Fate(Delivery.State.PENDING, due_at=retry_at)
    return _Fate(Delivery.State.UNKNOWN, unknown_reason)


def _move(fates: dict[_Fate, list[_Row]], suppressed: Counter[tuple[int, str]]) -> None:
    """Every delivery to its fate, and the books with it and with the suppressed."""
    books: dict[int, Counter[str]] = defaultdict(Counter)
    for fate, rows in fates.items():
        # One more try than before: equal within a group of the same number.
        for tries, group in _by_tries(rows):
            _moved(is_due=fate.due_at is not None).run(
                keys=[row.pk for row in group],
                state=str(fate.state),
                reason=str(fate.reason),
                tries=tries,
                due_at=fate.due_at,
            )
        for run_id, n in Counter(row.run_id for row in rows).items():
            books[run_id].update({fate.state: n, "attempts": n, "sending": -n})
    for (run_id, was), n in suppressed.items():
        books[run_id].update({Delivery.State.SUPPRESSED: n, was: -n})
    for run_id in sorted(books):  # one order for all: no deadlocks
        move(run_id, books[run_id])


@cache
def _moved(*, is_due: bool) -> Change:
    return Change(
        lambda: Delivery.objects.filter(pk__among=Parameter("keys")),
        state=Parameter("state"),
        reason=Parameter("reason"),
        lease=None,
        attempt_count=Parameter("tries"),
        **({"due_at": Parameter("due_at")} if is_due else {}),
    )


def _by_tries(rows: Iterable[_Row]) -> Iterable[tuple[int, list[_Row]]]:
    groups: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        groups[row.attempt_count + 1].append(row)
    return groups.items()
