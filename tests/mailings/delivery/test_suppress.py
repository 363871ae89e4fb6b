"""Suppressed addresses in the engine, against a real mail server on this machine."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from mailings import delivery, suppressing
from mailings.delivery import PumpReport
from mailings.delivery.journal import Result
from mailings.delivery.plan import expand
from mailings.delivery.record import record
from mailings.delivery.replies import Exchange, Phase, Reply, outcome
from mailings.lifecycle import NotPossible
from mailings.models import Delivery, Run, Suppression
from mailings.retrying import Failure, retry_failed
from tests import recipes
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger, states
from tests.support.smtp_script import USUAL, delayed, reply
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db

GONE = reply(550, "5.1.1 No such user")
BARE = reply(550, "Unknown")
FULL = reply(552, "5.2.2 Mailbox full")


def suppressions() -> list[tuple[str, str]]:
    rows = Suppression.objects.order_by("email")
    return list(rows.values_list("email", "kind"))


def suppress(owner: User, email: str, kind: str = "unsubscribed") -> None:
    Suppression.objects.create(owner=owner, email=email, kind=kind)


def reasons(run: Run) -> dict[str, str]:
    rows = run.deliveries.exclude(reason="")
    return dict(rows.values_list("email", "reason"))


# --- what the server says ---


def test_an_address_that_does_not_exist_is_suppressed_with_the_evidence(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    smtp_server.script["rcpt"] = {"c1@example.com": GONE}
    run = given_run(3, title="News")
    pump()
    row = Suppression.objects.get()
    assert (row.owner, row.email, row.kind) == (
        alice,
        "c1@example.com",
        "address_refused",
    )
    assert (row.words, row.mailing) == ("550 5.1.1 No such user", "News")
    assert row.delivery == run.deliveries.get(email="c1@example.com")
    assert ledger(run) == {"planned": 3, "accepted": 2, "refused": 1, "attempts": 3}


def test_the_next_run_leaves_it_out_and_its_books_say_so(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["rcpt"] = {"c1@example.com": [GONE, USUAL]}
    given_run(3)
    pump()
    run = given_run()
    pump()
    assert ledger(run) == {
        "planned": 3,
        "accepted": 2,
        "suppressed": 1,
        "attempts": 2,
    }
    assert reasons(run) == {"c1@example.com": "address_refused"}
    assert len(smtp_server.received) == 4


@pytest.mark.parametrize("first", [BARE, FULL])
@pytest.mark.parametrize("second", [BARE, FULL])
def test_a_vague_refusal_counts_when_the_next_run_gets_one_too(
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    first: bytes,
    second: bytes,
) -> None:
    smtp_server.script["rcpt"] = {"c1@example.com": [first, second]}
    given_run(2)
    pump()
    assert suppressions() == []
    given_run()
    pump()
    assert suppressions() == [("c1@example.com", "address_refused")]


def test_twice_in_one_run_is_once(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    smtp_server.script["rcpt"] = {"c1@example.com": BARE}
    run = given_run(2)
    pump()
    retry_failed(run, by=alice, failures=[Failure.REFUSED])
    pump()
    assert ledger(run)["attempts"] == 3
    assert suppressions() == []


def test_an_accepted_message_in_between_begins_anew(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["rcpt"] = {"c1@example.com": [BARE, USUAL, BARE]}
    for _ in range(3):
        given_run(2)
        pump()
    assert suppressions() == []


def test_other_owners_refusals_do_not_count(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, bob: User
) -> None:
    smtp_server.script["rcpt"] = {"c1@example.com": BARE}
    given_run(2)
    given_run(2, owner=bob)
    pump()
    assert suppressions() == []


@pytest.mark.parametrize(
    "answer",
    [
        reply(550, "5.7.1 Not from you"),
        reply(451, "4.1.1 Not now"),
        reply(554, "5.6.0 Bad contents"),
    ],
)
def test_what_does_not_speak_of_the_address_suppresses_nobody(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, answer: bytes
) -> None:
    smtp_server.script["rcpt"] = {"c1@example.com": answer}
    for _ in range(2):
        given_run(2)
        pump()
    assert suppressions() == []


def test_what_waits_in_other_runs_of_the_owner_ends_with_it(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, bob: User
) -> None:
    smtp_server.script["rcpt"] = {
        "c1@example.com": [reply(451, "4.7.1 Later")] * 2 + [GONE]
    }
    waiting = given_run(3)
    others = given_run(3, owner=bob)
    pump()
    assert states(waiting)["c1@example.com"] == "deferred"
    assert states(others)["c1@example.com"] == "deferred"
    given_run()
    pump()
    assert states(waiting)["c1@example.com"] == "suppressed"
    assert states(others)["c1@example.com"] == "deferred"
    assert ledger(waiting) == {
        "planned": 3,
        "accepted": 2,
        "suppressed": 1,
        "attempts": 3,
    }


def statements_of_recording(run: Run, refusals: int, words: str) -> int:
    """How many it takes to write down so many refusals, some of them repeated."""
    now = timezone.now()
    lease = recipes.lease()
    claimed = list(run.deliveries.order_by("pk")[:refusals])
    Delivery.objects.filter(pk__in=[each.pk for each in claimed]).update(
        state="sending", lease=lease
    )
    Run.objects.filter(pk=run.pk).update(
        pending=run.planned - refusals, sending=refusals
    )
    said = outcome(Exchange(Phase.RCPT, Reply(550, words)))
    results = [Result(each.pk, said, datetime.now(UTC), 1) for each in claimed]
    with CaptureQueriesContext(connection) as captured:
        assert record(lease, results, now=now, retry_delays=[60]) == refusals
    return len(captured)


@pytest.mark.parametrize(("words", "runs"), [("5.1.1 No such user", 1), ("Who?", 2)])
def test_a_batch_of_refusals_costs_the_same_whatever_its_size(
    given_run: GivenRun, words: str, runs: int, alice: User, bob: User
) -> None:
    counts = []
    for owner, size in ((alice, 2), (bob, 60)):
        for _ in range(runs):
            run = given_run(size, owner=owner)
            expand(run.pk, timezone.now())
            run.refresh_from_db()
            counts.append(statements_of_recording(run, size, words))
            assert ledger(run)["refused"] == size
        assert Suppression.objects.owned_by(owner).count() == size
    assert counts[:runs] == counts[runs:]


# --- planning ---


@pytest.mark.parametrize("kind", Suppression.Kind.values)
def test_who_is_suppressed_is_planned_and_never_written_to(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User, kind: str
) -> None:
    suppress(alice, "c0@example.com", kind)
    run = given_run(3)
    pump()
    assert ledger(run) == {
        "planned": 3,
        "accepted": 2,
        "suppressed": 1,
        "attempts": 2,
    }
    assert reasons(run) == {"c0@example.com": kind}
    assert "c0@example.com" not in {mail.recipient for mail in smtp_server.received}


def test_the_case_of_the_address_does_not_matter(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    recipes.client(alice, email="Ivan@Example.COM")
    suppress(alice, "ivan@example.com")
    run = given_run(0)
    pump()
    assert ledger(run) == {"planned": 1, "suppressed": 1}


def test_each_owner_has_addresses_of_their_own(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User, bob: User
) -> None:
    suppress(alice, "c0@example.com")
    run = given_run(1, owner=bob)
    pump()
    assert ledger(run) == {"planned": 1, "accepted": 1, "attempts": 1}


def test_a_run_of_suppressed_ones_only_finishes(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    suppress(alice, "c0@example.com")
    run = given_run(1)
    assert pump() == PumpReport()
    delivery.close(timezone.now())
    run.refresh_from_db()
    assert run.state == "finished"


# --- between planning and sending ---


def test_what_slipped_through_is_found_at_the_claim(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    run = given_run(20)
    expand(run.pk, timezone.now())
    for number in range(15):  # by nobody who would end what waits
        suppress(alice, f"c{number}@example.com")
    pump()
    assert ledger(run) == {
        "planned": 20,
        "accepted": 5,
        "suppressed": 15,
        "attempts": 5,
    }
    assert len(smtp_server.received) == 5


def test_a_whole_claim_of_suppressed_ones_keeps_nobody_waiting(
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    alice: User,
    settings: Settings,
) -> None:
    settings.DELIVERY = {**settings.DELIVERY, "connections": 1, "batch": 4}
    run = given_run(20)
    expand(run.pk, timezone.now())
    for number in range(19):
        suppress(alice, f"c{number}@example.com")
    pump()
    assert ledger(run) == {
        "planned": 20,
        "accepted": 1,
        "suppressed": 19,
        "attempts": 1,
    }


def test_who_unsubscribes_while_the_letter_is_in_hand_does_not_get_it(
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    settings: Settings,
) -> None:
    """
    Y24. Somebody unsubscribes while the worker has their letter.

    They do not get it.
    """
    settings.DELIVERY = {**settings.DELIVERY, "connections": 1}
    smtp_server.script["dot"] = delayed(0.4)
    run = given_run(8)
    gone: list[str] = []

    def unsubscribe_last(report: PumpReport) -> None:
        last = run.deliveries.filter(state="sending").order_by("pk").last()
        if not gone and last is not None:
            gone.append(last.email)
            url = recipes.unsubscribe_token(last)
            assert suppressing.unsubscribe(url)

    pump(on_progress=unsubscribe_last)
    assert ledger(run) == {
        "planned": 8,
        "accepted": 7,
        "suppressed": 1,
        "attempts": 7,
    }
    assert reasons(run) == dict.fromkeys(gone, "unsubscribed")
    assert gone[0] not in {mail.recipient for mail in smtp_server.received}


def test_a_retry_that_is_due_after_unsubscribing_is_not_made(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    smtp_server.script["rcpt"] = reply(451, "4.7.1 Later")
    run = given_run(1)
    pump()
    suppress(alice, "c0@example.com")
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        pump()
    assert ledger(run) == {"planned": 1, "suppressed": 1, "attempts": 1}


def test_who_is_suppressed_is_not_tried_again_until_allowed(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    smtp_server.script["rcpt"] = {"c1@example.com": [GONE, USUAL]}
    run = given_run(2)
    pump()
    with pytest.raises(NotPossible):
        retry_failed(run, by=alice, failures=[Failure.REFUSED])
    suppressing.allow_again(Suppression.objects.get(), by=alice)
    retry_failed(run, by=alice, failures=[Failure.REFUSED])
    pump()
    assert ledger(run) == {"planned": 2, "accepted": 2, "attempts": 3}
