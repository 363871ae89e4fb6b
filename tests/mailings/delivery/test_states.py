"""
Everything that may happen to deliveries, in any order: claims, replies, lost replies,
deaths at every step, recovery (killed half-way, too), late writes of pumps that slept,
blocks, holds, pauses, stops and tries anew. Whatever hypothesis thinks of, nobody is
lost, nobody gets it twice without being asked for, and the books balance.
"""

import importlib
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase
from hypothesis import settings as limits
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mailings import delivery, lifecycle
from mailings.delivery import journal
from mailings.delivery import record as recording
from mailings.delivery.claim import Claim, claim, give_back, take_lease
from mailings.delivery.journal import Journal, Result
from mailings.delivery.plan import expand
from mailings.delivery.record import record
from mailings.delivery.replies import Outcome, Verdict
from mailings.delivery.replies import Phase as Step
from mailings.delivery.statistics import recounted, stored
from mailings.models import Client, Delivery, Lease, Mailing, Message, Run
from mailings.retrying import Failure, retry_failed
from users.models import User

pytestmark = pytest.mark.django_db

RECOVERING = importlib.import_module("mailings.delivery.recover")
RECIPIENTS = 5
DELAYS = (60, 300)
OUTCOMES = {
    "accepted": Outcome(Verdict.ACCEPTED, Step.DOT, 250, "2.0.0", "2.0.0 Ok"),
    "refused": Outcome(Verdict.REFUSED, Step.RCPT, 550, "5.1.1", "5.1.1 Nobody"),
    "deferred": Outcome(Verdict.DEFERRED, Step.RCPT, 451, "4.7.1", "4.7.1 Later"),
    "unknown": Outcome(Verdict.UNKNOWN, Step.DOT, None, "", "No reply."),
}


class Killed(BaseException):
    """The process is gone from one statement to the next."""


def _die(*args: object) -> None:
    raise Killed


class OnePump:
    """What the pump, its courier and its journal do, one step at a time."""

    def __init__(self, now: datetime) -> None:
        self.journal = Journal.create(settings.DELIVERY["journal_dir"])
        self.lease = take_lease(
            host=journal.host(),
            boot_id=journal.boot_id(),
            pid=1,
            journal=self.journal.path.name,
            now=now,
            seconds=60,
        )
        self.claims: list[Claim] = []
        self.results: list[Result] = []

    def may_hand_over(self, delivery_id: int) -> bool:
        self.journal.handing_over(delivery_id)
        return not self.journal.is_taken

    def hear(self, delivery_id: int, outcome: Outcome) -> None:
        result = Result(delivery_id, outcome, datetime.now(UTC), 1)
        self.journal.received(result)
        self.results.append(result)

    def flush(self, now: datetime) -> None:
        record(self.lease, self.results, now=now, retry_delays=DELAYS)
        self.results.clear()


class Deliveries(RuleBasedStateMachine):
    def __init__(self, owner: User) -> None:
        super().__init__()
        self.world = transaction.atomic()
        self.world.__enter__()
        self.owner = owner
        self.now = timezone.now()
        self.pumps: list[OnePump] = []
        self.taken: Counter[int] = Counter()  # by the mail server, once it has them
        self.asked: Counter[int] = Counter()  # tries that people wanted, in doubt
        self.run = self._given_run()

    def _given_run(self) -> Run:
        Client.objects.bulk_create(
            Client(owner=self.owner, email=f"c{n}@example.com", full_name=f"C{n}")
            for n in range(RECIPIENTS)
        )
        message = Message.objects.create(owner=self.owner, subject="Hi", body="Text")
        self.mailing = Mailing.objects.create(
            owner=self.owner,
            message=message,
            all_clients=True,
            start_at=self.now - timedelta(minutes=1),
            end_at=self.now + timedelta(days=1),
        )
        run = lifecycle.send_now(self.mailing, now=self.now)
        assert run is not None
        expand(run.pk, self.now)
        return run

    # --- pumps ---

    @initialize()
    def begin(self) -> None:
        self.claim(size=3, fresh=True)

    @rule(size=st.integers(1, 4), fresh=st.booleans())
    def claim(self, size: int, fresh: bool) -> None:  # noqa: FBT001
        if fresh or not self.pumps:
            self.pumps.append(OnePump(self.now))
        pump = self.pumps[-1]
        may = Run.objects.allowed_to_send().filter(pk=self.run.pk).exists()
        claims = claim(pump.lease, size=size, now=self.now)
        assert may or not claims
        pump.claims += claims

    @precondition(lambda self: self._busy())
    @rule(outcome=st.sampled_from([*OUTCOMES, "broken"]), took=st.booleans())
    def send(self, outcome: str, took: bool) -> None:  # noqa: FBT001
        pump = self._busy()[0]
        one = pump.claims[0].delivery_id
        if not pump.may_hand_over(one):
            pump.claims.clear()
            return
        if outcome == "broken":  # before the dot: back in the pump's own queue
            pump.journal.not_taken(one)
            return
        del pump.claims[0]
        if outcome == "accepted" or (outcome == "unknown" and took):
            self.taken[one] += 1
        pump.hear(one, OUTCOMES[outcome])

    @precondition(lambda self: self.pumps)
    @rule(step=st.sampled_from(["idle", "announced", "handed over", "heard"]))
    def die(self, step: str) -> None:
        pump = self.pumps[0]
        if step != "idle" and pump.claims:
            one = pump.claims[0].delivery_id
            if pump.may_hand_over(one) and step != "announced":
                self.taken[one] += 1
                if step == "heard":
                    pump.hear(one, OUTCOMES["accepted"])
        self._bury(pump)

    @precondition(lambda self: self._hearing())
    @rule(crash=st.sampled_from(["", "", "before commit", "after commit", "unheard"]))
    def flush(self, crash: str) -> None:
        pump = self._hearing()[0]
        if crash == "unheard":  # the database's answer is lost: all of it again
            record(pump.lease, pump.results, now=self.now, retry_delays=DELAYS)
        if crash != "before commit":
            pump.flush(self.now)
        if crash.endswith("commit"):
            self._bury(pump)

    # --- recovery, time and people ---

    @rule(
        how=st.sampled_from(["of the dead", "of the sleeping", "killed half-way"]),
        wakes=st.booleans(),
    )
    def recover(self, how: str, wakes: bool) -> None:  # noqa: FBT001
        """
        Of the sleeping: living pumps, past their leases, are taken for dead ones. Then
        they may wake and write down what they have.
        """
        later = self.now + timedelta(seconds=0 if how == "of the dead" else 61)
        with pytest.MonkeyPatch.context() as patch:
            if how == "killed half-way":
                patch.setattr(RECOVERING, "give_back", _die)
            try:
                with transaction.atomic():
                    delivery.recover(later)
            except Killed:
                pass
        for pump in self._hearing() if wakes else []:
            pump.flush(self.now)

    @rule(
        what=st.sampled_from(
            ["wait", "sweep", "hand back", "block", "pause", "stop", "try again"]
        )
    )
    def meanwhile(self, what: str) -> None:
        getattr(self, f"_{what.replace(' ', '_')}")()

    def _wait(self) -> None:
        """Until retries are due; the living renew their leases."""
        self.now += timedelta(minutes=10)
        Lease.objects.update(expires_at=self.now + timedelta(seconds=60))

    def _sweep(self) -> None:
        lifecycle.settle(self.now, go_on=False)

    def _hand_back(self) -> None:
        for pump in self._busy():
            give_back(pump.lease, [each.delivery_id for each in pump.claims])
            pump.claims.clear()

    def _block(self) -> None:
        """Or unblock."""
        self.owner.is_active = not self.owner.is_active
        self.owner.save(update_fields=["is_active"])

    def _pause(self) -> None:
        """Or resume."""
        self.mailing.refresh_from_db()
        verb = lifecycle.resume if self.mailing.is_paused else lifecycle.pause
        with suppress(lifecycle.NotPossible):
            verb(self.mailing, by=self.owner)

    def _stop(self) -> None:
        with suppress(lifecycle.NotPossible):
            lifecycle.stop(self.mailing, by=self.owner)

    def _try_again(self) -> None:
        doubtful = self.run.deliveries.filter(state="unknown", client__isnull=False)
        keys = list(doubtful.values_list("pk", flat=True))
        with suppress(lifecycle.NotPossible):
            retry_failed(self.run, by=self.owner, failures=list(Failure))
            self.asked.update(keys)
            self.now = max(self.now, timezone.now())

    # --- what holds, whatever happens ---

    @invariant()
    def all_is_well(self) -> None:
        state_of = dict(self.run.deliveries.values_list("pk", "state"))
        self.run.refresh_from_db()
        figures = {name: n for name, n in self.run.ledger().items() if n}
        figures.pop("attempts", 0)
        assert figures == {"planned": RECIPIENTS, **Counter(state_of.values())}
        for one, copies in self.taken.items():
            assert copies <= 1 + self.asked[one], "nobody gets it twice unasked"
            if not self.asked[one]:
                assert state_of[one] in ("accepted", "unknown", "sending")
        for one, state in state_of.items():
            assert state != "accepted" or self.taken[one], "the server has not got it"

    def teardown(self) -> None:
        try:
            self._come_to_an_end()
        finally:
            for pump in self.pumps:
                pump.journal.close(forget=True)
            transaction.set_rollback(True)
            self.world.__exit__(None, None, None)

    def _come_to_an_end(self) -> None:
        """All pumps die; a good one finishes what is left; nobody is missing."""
        for pump in [*self.pumps]:
            self._bury(pump)
        delivery.recover(self.now)
        if not self.owner.is_active:
            self._block()
        if self.mailing.is_paused:
            self._pause()
        self.now += timedelta(hours=1)
        last = OnePump(self.now)
        self.pumps.append(last)
        for one in claim(last.lease, size=RECIPIENTS, now=self.now):
            assert last.may_hand_over(one.delivery_id)
            self.taken[one.delivery_id] += 1
            last.hear(one.delivery_id, OUTCOMES["accepted"])
        last.flush(self.now)
        self._sweep()
        self.all_is_well()
        assert stored([self.run.pk]) == recounted([self.run.pk])
        assert self.run.open_deliveries == 0
        assert not Delivery.objects.exclude(lease=None).exists()

    # --- helpers ---

    def _busy(self) -> list[OnePump]:
        return [pump for pump in self.pumps if pump.claims]

    def _hearing(self) -> list[OnePump]:
        return [pump for pump in self.pumps if pump.results]

    def _bury(self, pump: OnePump) -> None:
        pump.journal.close(forget=False)
        self.pumps.remove(pump)


def explore(owner: User, *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        lambda: Deliveries(owner),
        settings=limits(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # a counter-example is short enough as it is
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_order_of_events_loses_or_doubles_anybody(alice: User) -> None:
    """
    Y7. Anything in any order, and recovery is killed half-way again and again.

    The books balance after every step, nobody is lost, nobody gets it twice unasked.
    """
    explore(alice, examples=40, steps=20)


def _of_any_lease(delivery_ids: Collection[int], lease: Lease) -> dict[int, Any]:
    """For a `record` that forgets whose deliveries they are."""
    rows = Delivery.objects.filter(pk__in=delivery_ids).select_for_update()
    values = rows.order_by("pk").values_list(*recording._Row._fields)
    return {row[0]: recording._Row._make(row) for row in values}


def test_without_the_fence_somebody_is_found_out(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine above sees it when outcomes count without a lease."""
    monkeypatch.setattr(recording, "_leased", _of_any_lease)
    with pytest.raises((AssertionError, IntegrityError)):
        explore(alice, examples=40, steps=20)


def test_without_the_record_of_what_is_in_doubt_somebody_is_found_out(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine above sees it when nothing is put down before a body leaves."""
    monkeypatch.setattr(Journal, "handing_over", lambda self, delivery_id: None)
    with pytest.raises(AssertionError):
        explore(alice, examples=40, steps=20)
