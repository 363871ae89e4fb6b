"""
Addresses that the mail server has refused for good are written to no more, and what
still waits for them ends with them.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Lower

from mailings.delivery.grounds import Grounds, grounds
from mailings.delivery.replies import Outcome, Phase, Verdict
from mailings.models import Attempt, Delivery, Lease, Run, Suppression

_REFUSED = Suppression.Kind.ADDRESS_REFUSED


class _Row(NamedTuple):
    delivery_id: int
    address: str
    owner_id: int
    mailing: str


def suppress_refused(
    outcomes: Mapping[int, Outcome], *, now: datetime
) -> Counter[tuple[int, str]]:
    """
    Puts down the addresses that these outcomes, by delivery, are grounds to.

    To be called after the deliveries are locked and before any run is. Deliveries that
    waited for the addresses end here; returns how many, by run and state they had, for
    the books. One that somebody else holds at this moment is left to the next claim.
    """
    telling = _telling(outcomes)
    if not telling:
        return Counter()
    rows = sorted(  # two that put down the same ones do not wait crosswise
        map(
            _Row._make,
            Delivery.objects.filter(pk__in=telling)
            .annotate(address=Lower("email"))
            .values_list("pk", "address", "run__mailing__owner", "run__mailing__title"),
        ),
        key=lambda row: (row.owner_id, row.address),
    )
    Suppression.objects.bulk_create(
        (_suppression(row, outcomes[row.delivery_id], now) for row in rows),
        ignore_conflicts=True,
    )
    return _end_waiting({(row.owner_id, row.address) for row in rows})


def claimed_though_suppressed(lease: Lease) -> set[int]:
    """Deliveries of the lease whose addresses were suppressed since the claim."""
    rows = Delivery.objects.filter(lease=lease).suppressed_meanwhile()
    return set(rows.values_list("pk", flat=True))


def _telling(outcomes: Mapping[int, Outcome]) -> set[int]:
    found = {pk: grounds(outcome) for pk, outcome in outcomes.items()}
    at_once = {pk for pk, what in found.items() if what is Grounds.AT_ONCE}
    return at_once | _refused_by_last_run(
        [pk for pk, what in found.items() if what is Grounds.IF_REPEATED]
    )


def _refused_by_last_run(delivery_ids: Collection[int]) -> set[int]:
    """
    Those whose address was refused like this by the last other run that got a verdict
    on it. One that was accepted since then begins anew.
    """
    if not delivery_ids:
        return set()
    verdicts = (
        Attempt.objects.annotate(address=Lower("delivery__email"))
        .filter(
            address=Lower(OuterRef("email")),
            run__mailing__owner=OuterRef("run__mailing__owner"),
            outcome__in=[Attempt.Outcome.ACCEPTED, Attempt.Outcome.REFUSED],
        )
        .exclude(run=OuterRef("run"))
        # Not by the key alone: the database would walk through all attempts by it.
        .order_by("-started_at", "-pk")
    )
    deliveries = Delivery.objects.filter(pk__in=delivery_ids)
    last = dict(
        deliveries.annotate(last=Subquery(verdicts.values("pk")[:1])).values_list(
            "pk", "last"
        )
    )
    attempts = Attempt.objects.in_bulk(set(last.values()) - {None})
    return {
        pk
        for pk, attempt in last.items()
        if attempt is not None
        and grounds(_outcome_of(attempts[attempt])) is not Grounds.NONE
    }


def _outcome_of(attempt: Attempt) -> Outcome:
    return Outcome(
        Verdict(attempt.outcome),
        Phase(attempt.phase),
        attempt.code,
        attempt.enhanced_code,
        attempt.reply,
    )


def _suppression(row: _Row, outcome: Outcome, now: datetime) -> Suppression:
    return Suppression(
        owner_id=row.owner_id,
        email=row.address,
        kind=_REFUSED,
        since=now,
        words=f"{outcome.code} {outcome.text}"[:1000],
        mailing=row.mailing,
        delivery_id=row.delivery_id,
    )


def _end_waiting(addresses: set[tuple[int, str]]) -> Counter[tuple[int, str]]:
    owners = {owner for owner, _address in addresses}
    runs = Run.objects.unfinished().filter(mailing__owner__in=owners)
    waiting = (
        Delivery.objects.to(*(address for _owner, address in addresses))
        .waiting()
        .filter(run__in=runs)
        .select_for_update(of=("self",), skip_locked=True)
        .order_by("pk")
        .values_list("pk", "run_id", "state", "run__mailing__owner", "email")
    )
    rows = [row[:3] for row in waiting if (row[3], row[4].lower()) in addresses]
    if rows:
        Delivery.objects.filter(pk__in=[row[0] for row in rows]).update(
            state=Delivery.State.SUPPRESSED, reason=_REFUSED
        )
    return Counter((run_id, state) for _pk, run_id, state in rows)
