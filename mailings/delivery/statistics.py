"""
The statistics beside the books: attempts by time and by reply, ends by reason.

`count_attempts` and `count_ends` add to them in the caller's transaction, which holds
the rows of the runs; `recounted` says what counting all rows gives, for who checks.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection, models
from django.db.models import Count, F, Max, Min
from django.db.models.functions import Coalesce, TruncMinute

from mailings.models import (
    Attempt,
    Delivery,
    EndCount,
    PeriodCount,
    ReplyCount,
)
from mailings.models.statistics import period_of

_Key = tuple[Any, ...]
Figures = dict[_Key, _Key]


class _Table(NamedTuple):
    """What tells the rows of a run apart, what is added up, what is widened."""

    model: type[models.Model]
    keys: tuple[str, ...]
    sums: tuple[str, ...]
    span: tuple[str, ...] = ()


_PERIODS = _Table(
    PeriodCount, ("period",), ("accepted", "refused", "deferred", "unknown")
)
_REPLIES = _Table(
    ReplyCount,
    ("outcome", "phase", "code", "enhanced_code"),
    ("attempts",),
    ("first_at", "last_at"),
)
_ENDS = _Table(EndCount, ("state", "reason"), ("deliveries",))
_TABLES = {table.model.__name__: table for table in (_PERIODS, _REPLIES, _ENDS)}


class Tried(NamedTuple):
    """An attempt before it is in the table, by the names of its columns."""

    delivery_id: int
    run_id: int
    number: int
    started_at: datetime
    duration_ms: int
    outcome: str
    phase: str
    code: int | None
    enhanced_code: str
    reply: str


def count_attempts(attempts: Iterable[Tried | Attempt]) -> None:
    """Adds new attempts, in two statements however many runs they are of."""
    replies: dict[_Key, list[datetime]] = defaultdict(list)
    for one in attempts:
        key = (one.run_id, one.outcome, one.phase, one.code or 0, one.enhanced_code)
        replies[key].append(one.started_at)
    periods: dict[_Key, Counter[str]] = defaultdict(Counter)
    for (run_id, outcome, *_), times in replies.items():
        for period, n in _periods_of(times):
            periods[run_id, period][outcome] += n
    _add(
        _PERIODS,
        (
            (*key, *(counts[name] for name in _PERIODS.sums))
            for key, counts in sorted(periods.items())
        ),
    )
    _add(
        _REPLIES,
        (
            (*key, len(times), min(times), max(times))
            for key, times in sorted(replies.items())
        ),
    )


def _periods_of(times: Sequence[datetime]) -> Iterable[tuple[datetime, int]]:
    """How many in each period: of a batch, mostly all in one."""
    first, last = period_of(min(times)), period_of(max(times))
    if first == last:
        return [(first, len(times))]
    return Counter(map(period_of, times)).items()


def count_ends(ends: Mapping[tuple[int, str, str], int]) -> None:
    """Adds deliveries that ended: (run, state, reason) -> how many."""
    _add(_ENDS, ((*key, n) for key, n in sorted(ends.items()) if key[2] and n))


def uncount_ends(ends: Mapping[tuple[int, str, str], int]) -> None:
    """Takes off deliveries that are open again."""
    for (run_id, state, reason), n in sorted(ends.items()):
        EndCount.objects.filter(run=run_id, state=state, reason=reason).update(
            deliveries=F("deliveries") - n
        )


def _add(table: _Table, rows: Iterable[_Key]) -> None:
    """
    Inserts the rows, or adds to those that are there.

    Django's own upsert can only replace values, not add to them.
    """
    values = [_adapted(value) for row in rows for value in row]
    if not values:
        return
    keys = ("run_id", *table.keys)
    columns = (*keys, *table.sums, *table.span)
    name = connection.ops.quote_name(table.model._meta.db_table)
    changes = [f"{each} = {name}.{each} + excluded.{each}" for each in table.sums]
    for each, sign in zip(table.span, "<>", strict=False):
        changes.append(
            f"{each} = CASE WHEN excluded.{each} {sign} {name}.{each}"
            f" THEN excluded.{each} ELSE {name}.{each} END"
        )
    one_row = f"({', '.join(['%s'] * len(columns))})"
    with connection.cursor() as cursor:
        cursor.execute(
            # Identifiers are ours; every value is a parameter.
            f"INSERT INTO {name} ({', '.join(columns)})"  # noqa: S608
            f" VALUES {', '.join([one_row] * (len(values) // len(columns)))}"
            f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(changes)}",
            values,
        )


def _adapted(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value


# --- What counting gives ---


def recounted(run_ids: Sequence[int]) -> Figures:
    """
    The statistics of the runs as counting gives them:
    (name of the model, run, what tells the rows apart) -> figures.
    """
    attempts = Attempt.objects.filter(run__in=run_ids).order_by()
    ended = Delivery.objects.filter(run__in=run_ids).exclude(reason="").order_by()
    figures: Figures = {}
    periods: dict[_Key, Counter[str]] = defaultdict(Counter)
    by_minute = (
        attempts.annotate(minute=TruncMinute("started_at", tzinfo=UTC))
        .values_list("run", "minute", "outcome")
        .annotate(n=Count("pk"))
    )
    for run, minute, outcome, n in by_minute:
        periods[run, period_of(minute)][outcome] += n
    for key, counts in periods.items():
        figures["PeriodCount", *key] = tuple(counts[each] for each in _PERIODS.sums)
    replies = (
        attempts.annotate(reply_code=Coalesce("code", 0))
        .values_list("run", "outcome", "phase", "reply_code", "enhanced_code")
        .annotate(n=Count("pk"), first=Min("started_at"), last=Max("started_at"))
    )
    for row in replies:
        figures["ReplyCount", *row[:5]] = row[5:]
    ends = ended.values_list("run", "state", "reason").annotate(n=Count("pk"))
    for row in ends:
        figures["EndCount", *row[:3]] = row[3:]
    return figures


def stored(run_ids: Sequence[int]) -> Figures:
    """The statistics of the runs as they are kept, in the same form."""
    figures: Figures = {}
    for table in _TABLES.values():
        columns = ("run", *table.keys, *table.sums, *table.span)
        rows: Any = table.model._default_manager.filter(run__in=run_ids).order_by()
        first_sum = 1 + len(table.keys)
        for row in rows.values_list(*columns):
            if any(row[first_sum : first_sum + len(table.sums)]):
                key = (table.model.__name__, *row[:first_sum])
                figures[key] = row[first_sum:]
    return figures


def rebuild(run_ids: Sequence[int]) -> None:
    """Writes the statistics of the runs anew, from their rows."""
    for table in _TABLES.values():
        table.model._default_manager.filter(run__in=run_ids).delete()
    for (name, *key), values in recounted(run_ids).items():
        _add(_TABLES[name], [(*key, *values)])
