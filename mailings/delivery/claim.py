"""
Taking work: deliveries are leased in batches, fairly over owners and runs.

A claimed row is `sending` and points to the lease; nobody else sees it. On PostgreSQL
two pumps pass each other by SKIP LOCKED, on SQLite by its single writer.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import cache, lru_cache
from itertools import chain, zip_longest
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef

from mailings.delivery import identity
from mailings.delivery.books import move
from mailings.delivery.statistics import count_ends
from mailings.models import Delivery, Installation, Lease, Run, Suppression
from mailsvc.statements import Change, Parameter, Statement

_RUNS_AT_ONCE = 16  # runs that share one claim


class Claim(NamedTuple):
    """One delivery that is ours to send."""

    delivery_id: int
    run_id: int
    email: str
    full_name: str
    attempt_count: int


class _Row(NamedTuple):
    pk: int
    email: str
    full_name: str
    attempt_count: int
    state: str


class NoSeat(Exception):
    """As many pumps as may work at once are claiming already."""


def seat_is_free(now: datetime, *, seats: int) -> bool:
    """Fewer pumps than that are claiming; whether one gets the seat, its lease says."""
    return Lease.objects.current(now).filter(claiming=True).count() < seats


def take_lease(
    *,
    host: str,
    boot_id: str,
    pid: int,
    journal: str,
    now: datetime,
    seconds: float,
    seats: int | None = None,
) -> Lease:
    """Raises NoSeat if there are `seats`, and none is free. One after the other."""
    lease = Lease(
        host=host,
        boot_id=boot_id,
        pid=pid,
        journal=journal,
        started_at=now,
        expires_at=now + timedelta(seconds=seconds),
    )
    if seats is None:
        lease.save()
        return lease
    with transaction.atomic():
        list(Installation.objects.select_for_update())  # its row is the queue's head
        if not seat_is_free(now, seats=seats):
            raise NoSeat
        lease.save()
    return lease


def renew(lease: Lease, *, now: datetime, seconds: float, claiming: bool) -> bool:
    """False: the lease is gone, somebody has recovered what it held."""
    return bool(
        Lease.objects.filter(pk=lease.pk).update(
            expires_at=now + timedelta(seconds=seconds), claiming=claiming
        )
    )


class _Due(NamedTuple):
    run_id: int
    owner_id: int


def due_runs(now: datetime, *, only: Collection[int] | None = None) -> list[_Due]:
    """The runs with deliveries to send now, owners taking turns."""
    among = list(only) if only is not None else None
    by_owner: dict[int, list[_Due]] = defaultdict(list)
    for row in _runs_due(some=only is not None).rows(now=now, only=among):
        by_owner[row[1]].append(_Due._make(row))
    queues = list(by_owner.values())
    for queue in queues:
        random.shuffle(queue)
    random.shuffle(queues)
    turns = chain.from_iterable(zip_longest(*queues))
    return [run for run in turns if run is not None]


@cache
def _runs_due(*, some: bool) -> Statement:
    now = Parameter("now")
    runs = (
        Run.objects.unfinished()
        .allowed_to_send()
        .ready(now)
        .filter(closes_at__gt=now)
        .filter(Exists(Delivery.objects.claimable(now).filter(run=OuterRef("pk"))))
    )
    if some:
        runs = runs.filter(pk__among=Parameter("only"))
    return Statement(lambda: runs.order_by().values_list("pk", "mailing__owner_id"))


@transaction.atomic
def claim(
    lease: Lease,
    *,
    size: int,
    now: datetime,
    only: Collection[int] | None = None,
) -> list[Claim]:
    """
    Up to `size` deliveries that are due, now leased. `only` limits it to these runs.

    Nothing if the lease is gone: somebody has recovered what it held. Raises NotOurs if
    this host may not work on this database.
    """
    if not _lease_locked().rows(lease=lease.pk):
        return []
    # Sorted: two claims that move the books of the same runs do not lock crosswise.
    runs = sorted(due_runs(now, only=only)[:_RUNS_AT_ONCE])
    claims: list[Claim] = []
    for index, run in enumerate(runs):
        share = -(-(size - len(claims)) // (len(runs) - index))
        claims += _claim_of(run, lease, share, now)
    if claims and not identity.may_work(now):
        raise identity.NotOurs
    return claims


@cache
def _lease_locked() -> Statement:
    leases = Lease.objects.select_for_update().filter(pk=Parameter("lease"))
    return Statement(lambda: leases.order_by().values_list("pk"))


def _claim_of(run: _Due, lease: Lease, size: int, now: datetime) -> list[Claim]:
    run_id = run.run_id
    while rows := _due(run_id, size, now):
        kinds = _suppressed(run.owner_id, rows)
        wanted = [row for row in rows if row.email.lower() not in kinds]
        if wanted:
            _leased().run(keys=[row.pk for row in wanted], lease=lease.pk)
            move(run_id, {**_left(wanted), "sending": len(wanted)})
        if len(wanted) < len(rows):
            _end_suppressed(run_id, rows, kinds)
        if wanted:
            return [Claim(row.pk, run_id, *row[1:4]) for row in wanted]
    return []


@cache
def _leased() -> Change:
    return Change(
        lambda: Delivery.objects.filter(pk__among=Parameter("keys")),
        state=Delivery.State.SENDING,
        lease=Parameter("lease"),
    )


def _due(run_id: int, size: int, now: datetime) -> list[_Row]:
    return list(map(_Row._make, _first_due(size).rows(run=run_id, now=now)))


@lru_cache
def _first_due(size: int) -> Statement:
    return Statement(
        lambda: (
            Delivery.objects.claimable(Parameter("now"))
            .filter(run=Parameter("run"))
            .order_by("due_at", "pk")
            .select_for_update(skip_locked=True)
            .values_list(*_Row._fields)[:size]
        )
    )


def _suppressed(owner_id: int, rows: Collection[_Row]) -> dict[str, str]:
    """
    Address -> kind of those that were suppressed since the run was planned.

    On its own: as a part of the claim it would be asked of everybody who waits.
    """
    emails = [row.email.lower() for row in rows]
    return dict(_suppressed_of().rows(owner=owner_id, emails=emails))


@cache
def _suppressed_of() -> Statement:
    return Statement(
        lambda: (
            Suppression.objects.filter(
                owner=Parameter("owner"), email__among=Parameter("emails")
            )
            .order_by()
            .values_list("email", "kind")
        )
    )


def _left(rows: Collection[_Row]) -> dict[str, int]:
    """The states that the rows were in, for the books."""
    return {state: -n for state, n in Counter(row.state for row in rows).items()}


def _end_suppressed(
    run_id: int, rows: Collection[_Row], kinds: Mapping[str, str]
) -> None:
    groups: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        if row.email.lower() in kinds:
            groups[kinds[row.email.lower()]].append(row)
    ended = [row for group in groups.values() for row in group]
    for kind, group in groups.items():
        Delivery.objects.filter(pk__among=[row.pk for row in group]).update(
            state=Delivery.State.SUPPRESSED, reason=kind
        )
    move(run_id, {**_left(ended), "suppressed": len(ended)})
    count_ends(
        {
            (run_id, str(Delivery.State.SUPPRESSED), kind): len(group)
            for kind, group in groups.items()
        }
    )


@transaction.atomic
def give_back(
    lease: Lease, delivery_ids: Collection[int], *, due_at: datetime | None = None
) -> None:
    """Claimed, and not sent: back to where they were, or to be tried at `due_at`."""
    if not delivery_ids:
        return
    rows = list(
        Delivery.objects.filter(pk__among=delivery_ids, lease=lease)
        .select_for_update()
        .order_by("pk")
        .values_list("pk", "run_id", "attempt_count")
    )
    books: dict[int, Counter[str]] = defaultdict(Counter)
    changes: dict[str, object] = {"lease": None}
    if due_at is not None:
        changes["due_at"] = due_at
    for state, tried in (("pending", False), ("deferred", True)):
        mine = [row for row in rows if (row[2] > 0) is tried]
        if not mine:
            continue
        Delivery.objects.filter(pk__among=[row[0] for row in mine]).update(
            state=state, **changes
        )
        for row in mine:
            books[row[1]].update({state: 1, "sending": -1})
    for run_id in sorted(books):
        move(run_id, books[run_id])
