"""
Mailings, runs, deliveries and attempts by COPY, with the books and the statistics that
the engine would have kept for them. Needs Django set up, on PostgreSQL.

Each hundred recipients of a run fare alike: _FATES says how.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import Group
from django.db import connection, models

from mailings.models import (
    Attempt,
    Canary,
    Client,
    Delivery,
    EndCount,
    Host,
    Installation,
    Mailing,
    Message,
    PeriodCount,
    ReplyCount,
    Run,
)
from mailings.models.run import STATES
from reports.recount import drifts
from users.models import User

OWNERS = 50
_LARGE = 0.05  # of all attempts are of the first mailing
_SPREAD = 3 * 3600  # seconds over which a run sends
_HOUR = 6  # at which each run begins
_RUNS_AT_ONCE = 500
_NULL = "\\N"  # of COPY
_OUTCOMES = ("accepted", "refused", "deferred", "unknown")


class Size(NamedTuple):
    mailings: int
    runs: int
    attempts: int


class _Try(NamedTuple):
    outcome: str
    phase: str
    code: int
    enhanced_code: str
    reply: str


_OK = _Try("accepted", "dot", 250, "2.0.0", "2.0.0 Ok: queued as 4Xq2Zt1Kb7z")
_GREY = _Try("deferred", "rcpt", 451, "4.7.1", "4.7.1 Greylisted, come back later")
_FULL = _Try("deferred", "rcpt", 452, "4.2.2", "4.2.2 Mailbox full")
_NOBODY = _Try("refused", "rcpt", 550, "5.1.1", "5.1.1 No such user here")
_POLICY = _Try("refused", "dot", 554, "5.7.1", "5.7.1 Refused by local policy")
_LOST = _Try("unknown", "dot", 0, "", "No answer in time.")


class _Fate(NamedTuple):
    state: str
    reason: str
    tries: tuple[_Try, ...]


# How many of each hundred.
_FATES = {
    _Fate("accepted", "", (_OK,)): 82,
    _Fate("accepted", "", (_GREY, _OK)): 8,
    _Fate("refused", "", (_NOBODY,)): 4,
    _Fate("refused", "", (_POLICY,)): 2,
    _Fate("expired", "tries_over", (_FULL, _FULL, _FULL)): 2,
    _Fate("unknown", "no_reply", (_LOST,)): 1,
    _Fate("cancelled", "client_deleted", ()): 1,
}
_HUNDRED = [fate for fate, number in _FATES.items() for _ in range(number)]
_WAITING = _Fate("pending", "", ())
_PER_HUNDRED = sum(len(fate.tries) for fate in _HUNDRED)
_CLOCK = [
    f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}+00"
    for second in range(86_400)
]


def fill(size: Size) -> None:
    """Everything, indexed and analysed."""
    _worker()
    owners = _people()
    mailings = _mailings(owners, size)
    shares = list(_shares(size))
    _clients(owners, max(shares), max(shares[size.runs // size.mailings :], default=0))
    with _without_indexes(Delivery, Attempt):
        _write_runs(mailings, shares)
    with connection.cursor() as cursor:
        for model in (Client, Run, Delivery, Attempt):
            table = model._meta.db_table
            last = model._default_manager.aggregate(last=models.Max("pk"))["last"]
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)",
                [table, last or 1],
            )
        cursor.execute("VACUUM ANALYZE")


def check(runs: int = 20) -> None:
    """Some runs are counted anew, by what `verify_stats` counts with."""
    keys = list(Run.objects.order_by("?").values_list("pk", flat=True)[:runs])
    wrong = list(drifts(Run.objects.filter(pk__in=keys)))
    if wrong:
        raise SystemExit(f"The books are not what counting gives: {wrong[:3]}")


def _worker() -> None:
    """As if one were at work for as long as anybody measures."""
    now = datetime.now(UTC)
    later = now + timedelta(days=1)
    Canary.objects.create(pk=1, worked_at=now, acknowledged_at=later)
    Host.objects.create(
        installation=Installation.objects.create(pk=1),
        key="benchmark",
        name="benchmark",
        arrived_at=now,
        beats_at_arrival=0,
        admitted_at=now,
        beats=1,
        beat_at=later,
    )


def _people() -> list[User]:
    people = [
        User(email=f"owner{number}@example.com", full_name=f"Owner {number}")
        for number in range(OWNERS)
    ]
    manager = User(email="manager@example.com", full_name="Manager")
    User.objects.bulk_create([*people, manager])
    manager.groups.add(Group.objects.get(name="Managers"))
    return people


def _today() -> datetime:
    return datetime.now(UTC).replace(hour=_HOUR, minute=0, second=0, microsecond=0)


def _mailings(owners: list[User], size: Size) -> list[Mailing]:
    """Every tenth is still running."""
    messages = Message.objects.bulk_create(
        Message(owner=owner, subject=f"News of {owner}", body="The news.")
        for owner in owners
    )
    first = _today() - timedelta(days=size.runs // size.mailings)
    return Mailing.objects.bulk_create(
        Mailing(
            owner=owners[number % OWNERS],
            message=messages[number % OWNERS],
            title=f"Mailing {number}",
            start_at=first,
            end_at=_today() + timedelta(days=0 if number % 10 else 30),
            periodicity="daily",
            status="finished" if number % 10 else "running",
            all_clients=True,
        )
        for number in range(size.mailings)
    )


def _shares(size: Size) -> Iterator[int]:
    """How many attempts each run has: the first mailing is large, the others alike."""
    of_each = size.runs // size.mailings
    large = int(size.attempts * _LARGE / of_each) if size.mailings > 1 else 0
    others = size.runs - of_each if large else size.runs
    each, more = divmod(size.attempts - (large * of_each if large else 0), others)
    if large:
        yield from [large] * of_each
    yield from (each + (place < more) for place in range(others))


def _clients(owners: list[User], largest: int, usual: int) -> None:
    """The first owner, who has the large mailing, has many; the others, some."""
    key = 0
    columns = "id owner_id email full_name comment created_at"
    with _Copy(Client, columns) as copy:
        for place, owner in enumerate(owners):
            for number in range(usual if place else largest):
                key += 1
                address = f"person{number}@host{place}.example.com"
                copy.add(f"{key}\t{owner.pk}\t{address}\tPerson {number}\t\t{_today()}")


def _write_runs(mailings: list[Mailing], shares: list[int]) -> None:
    """Deliveries and attempts by COPY; what is counted of them, by the ORM."""
    first_client = dict(
        Client.objects.order_by().values_list("owner").annotate(first=models.Min("pk"))
    )
    of_each = len(shares) // len(mailings)
    runs: list[Run] = []
    counts: list[models.Model] = []
    with _Rows() as rows:
        for place, attempts in enumerate(shares):
            mailing = mailings[place // of_each]
            nth = place % of_each
            is_open = mailing.status == "running" and nth == of_each - 1
            day = mailing.start_at + timedelta(days=nth)
            run = Run(
                pk=place + 1,
                mailing=mailing,
                scheduled_for=day,
                closes_at=day + timedelta(days=1),
                started_at=day,
                finished_at=None if is_open else day + timedelta(hours=4),
                state="sending" if is_open else "finished",
                subject="News",
                body="The news.",
            )
            fates = list(_fates(attempts, is_open=is_open))
            counts += rows.add(run, first_client[mailing.owner_id], fates)
            runs.append(run)
            if len(runs) == _RUNS_AT_ONCE:
                _save(runs, counts)
    _save(runs, counts)


def _save(runs: list[Run], counts: list[models.Model]) -> None:
    Run.objects.bulk_create(runs)
    for model in (PeriodCount, ReplyCount, EndCount):
        rows = [row for row in counts if isinstance(row, model)]
        model._default_manager.bulk_create(rows, batch_size=1_000)
    runs.clear()
    counts.clear()


def _fates(attempts: int, *, is_open: bool) -> Iterator[_Fate]:
    """So many that they make that many attempts."""
    hundreds, left = divmod(attempts, _PER_HUNDRED)
    for fate in _HUNDRED * hundreds:
        yield _WAITING if is_open and not fate.tries else fate
    for _ in range(left):
        yield _HUNDRED[0]


class _Rows:
    """Deliveries and attempts on their way into the database."""

    def __enter__(self) -> "_Rows":
        self.delivery = self.attempt = 0
        self.deliveries = _Copy(
            Delivery,
            "id run_id client_id email full_name state reason attempt_count due_at"
            " lease_id",
        )
        self.attempts = _Copy(
            Attempt,
            "id delivery_id run_id number started_at duration_ms outcome phase code"
            " enhanced_code reply",
        )
        return self

    def add(self, run: Run, client: int, fates: list[_Fate]) -> list[models.Model]:
        """Writes a run's rows, fills in its books, returns its statistics."""
        periods: dict[int, Counter[str]] = defaultdict(Counter)
        replies: dict[_Try, list[int]] = {}
        day = f"{run.scheduled_for:%Y-%m-%d} "
        waiting = f"{run.scheduled_for}"
        host = (run.mailing_id - 1) % OWNERS
        deliveries, attempts = self.deliveries.lines, self.attempts.lines
        key, delivery = self.attempt, self.delivery
        for place, fate in enumerate(fates):
            delivery += 1
            began = _HOUR * 3600 + place * _SPREAD // len(fates)
            deliveries.append(
                f"{delivery}\t{run.pk}\t{client + place}\tperson{place}@host{host}"
                f".example.com\tPerson {place}\t{fate.state}\t{fate.reason}"
                f"\t{len(fate.tries)}\t{waiting}\t{_NULL}"
            )
            for number, one in enumerate(fate.tries):
                key += 1
                at = began + 300 * number
                attempts.append(
                    f"{key}\t{delivery}\t{run.pk}\t{number + 1}\t{day}{_CLOCK[at]}\t12"
                    f"\t{one.outcome}\t{one.phase}\t{one.code or _NULL}"
                    f"\t{one.enhanced_code}\t{one.reply}"
                )
                periods[at // 900][one.outcome] += 1
                replies.setdefault(one, []).append(at)
        self.attempt, self.delivery = key, delivery
        self.deliveries.flush_if_large()
        self.attempts.flush_if_large()
        _fill_in_books(run, fates)
        return _statistics(run, fates, periods, replies)

    def __exit__(self, *_: object) -> None:
        self.deliveries.flush()
        self.attempts.flush()


def _fill_in_books(run: Run, fates: list[_Fate]) -> None:
    states = Counter(fate.state for fate in fates)
    for state in STATES:
        setattr(run, state, states[state])
    run.planned = len(fates)
    run.attempts = sum(len(fate.tries) for fate in fates)


def _statistics(
    run: Run,
    fates: list[_Fate],
    periods: dict[int, Counter[str]],
    replies: dict[_Try, list[int]],
) -> list[models.Model]:
    midnight = run.scheduled_for.replace(hour=0)
    ends = Counter((fate.state, fate.reason) for fate in fates if fate.reason)
    return [
        *(
            PeriodCount(
                run=run,
                period=midnight + timedelta(seconds=900 * quarter),
                **{name: counts[name] for name in _OUTCOMES},
            )
            for quarter, counts in periods.items()
        ),
        *(
            ReplyCount(
                run=run,
                outcome=one.outcome,
                phase=one.phase,
                code=one.code,
                enhanced_code=one.enhanced_code,
                attempts=len(times),
                first_at=midnight + timedelta(seconds=min(times)),
                last_at=midnight + timedelta(seconds=max(times)),
            )
            for one, times in replies.items()
        ),
        *(
            EndCount(run=run, state=state, reason=reason, deliveries=number)
            for (state, reason), number in ends.items()
        ),
    ]


class _Copy:
    """Lines of text for COPY, a few at a time."""

    _AT_ONCE = 50_000

    def __init__(self, model: type[models.Model], columns: str) -> None:
        self.sql = (
            f"COPY {model._meta.db_table} ({', '.join(columns.split())}) FROM STDIN"
        )
        self.lines: list[str] = []

    def __enter__(self) -> "_Copy":
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def add(self, line: str) -> None:
        self.lines.append(line)
        self.flush_if_large()

    def flush_if_large(self) -> None:
        if len(self.lines) >= self._AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if not self.lines:
            return
        self.lines.append("")
        cursor: Any
        with connection.cursor() as cursor, cursor.copy(self.sql) as copy:
            copy.write("\n".join(self.lines))
        self.lines.clear()


@contextmanager
def _without_indexes(*tables: type[models.Model]) -> Iterator[None]:
    """
    Rows are written without foreign keys and indexes, which are made anew afterwards
    from the database's own words for them.
    """
    names = [model._meta.db_table for model in tables]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), contype"
            " FROM pg_constraint WHERE contype IN ('f', 'p', 'u')"
            " AND (conrelid = ANY(%s::regclass[]) OR confrelid = ANY(%s::regclass[]))",
            [names, names],
        )
        constraints = sorted(cursor.fetchall(), key=lambda row: row[3] == "f")
        for table, name, _, _ in reversed(constraints):
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)",
            [names],
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        yield
        for _, definition in indexes:
            cursor.execute(definition)
        for table, name, definition, _ in constraints:
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
