"""Unsubscribing, suppressing by hand, allowing again."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from mailings import departure, suppressing
from mailings.delivery.statistics import recounted, stored
from mailings.lifecycle import NotPossible
from mailings.models import Client, Delivery, Run, Suppression
from tests import recipes
from users import blocking
from users.models import AuditEntry, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(alice: User) -> Run:
    return recipes.run(recipes.mailing(alice, title="News"), accepted=1, pending=2)


@pytest.fixture
def got_it(run: Run) -> Delivery:
    return run.deliveries.get(state="accepted")


def books(run: Run) -> dict[str, int]:
    run.refresh_from_db()
    assert stored([run.pk]) == recounted([run.pk])
    return {name: n for name, n in run.ledger().items() if n and name != "attempts"}


def audited(action: str) -> list[tuple[str, str]]:
    rows = AuditEntry.objects.filter(action=action)
    return list(rows.values_list("object_name", "reason"))


# --- unsubscribing ---


def test_who_unsubscribes_is_on_record_with_the_letter(
    alice: User, got_it: Delivery
) -> None:
    assert suppressing.unsubscribe(recipes.unsubscribe_token(got_it))
    row = Suppression.objects.get()
    assert (row.owner, row.email, row.kind, row.mailing, row.delivery) == (
        alice,
        got_it.email,
        "unsubscribed",
        "News",
        got_it,
    )


def test_what_waits_for_them_ends_and_the_books_balance(alice: User, run: Run) -> None:
    waiting = run.deliveries.filter(state="pending").first()
    assert waiting is not None
    deferred = recipes.run(recipes.mailing(alice), deferred=1)
    deferred.deliveries.update(email=waiting.email.upper())
    suppressing.unsubscribe(recipes.unsubscribe_token(waiting))
    assert books(run) == {"planned": 3, "accepted": 1, "pending": 1, "suppressed": 1}
    assert books(deferred) == {"planned": 1, "suppressed": 1}
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == ("suppressed", "unsubscribed")


def test_another_senders_mail_goes_on(bob: User, run: Run) -> None:
    other = recipes.run(recipes.mailing(bob), pending=1)
    waiting = run.deliveries.filter(state="pending").first()
    assert waiting is not None
    other.deliveries.update(email=waiting.email)
    suppressing.unsubscribe(recipes.unsubscribe_token(waiting))
    assert books(other) == {"planned": 1, "pending": 1}


def test_once_more_changes_nothing(got_it: Delivery) -> None:
    token = recipes.unsubscribe_token(got_it)
    suppressing.unsubscribe(token)
    before = list(Suppression.objects.values())
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert suppressing.unsubscribe(token)
    assert list(Suppression.objects.values()) == before


@pytest.mark.parametrize("kind", ["address_refused", "by_hand"])
def test_the_recipients_word_replaces_what_was_found_out(
    alice: User, got_it: Delivery, kind: str
) -> None:
    recipes.suppression(alice, email=got_it.email, kind=kind, by=alice)
    suppressing.unsubscribe(recipes.unsubscribe_token(got_it))
    row = Suppression.objects.get()
    assert (row.kind, row.words, row.mailing, row.by) == (
        "unsubscribed",
        "",
        "News",
        None,
    )


def test_it_works_though_the_sender_is_blocked(
    alice: User, admin: User, got_it: Delivery
) -> None:
    blocking.block(alice, by=admin, reason="Spam")
    assert suppressing.unsubscribe(recipes.unsubscribe_token(got_it))
    assert Suppression.objects.get().email == got_it.email


def test_it_outlives_the_client(alice: User, got_it: Delivery) -> None:
    suppressing.unsubscribe(recipes.unsubscribe_token(got_it))
    Client.objects.all().delete()
    recipes.client(alice, email=got_it.email.title())
    assert [each.email for each in Client.objects.all().suppressed()] == [
        got_it.email.title()
    ]


@pytest.mark.parametrize("text", ["", "x", "1-2", "-", "9" * 300, "\0", "1-é"])
def test_what_is_no_token_does_nothing(run: Run, text: str) -> None:
    assert not suppressing.unsubscribe(text)
    assert not Suppression.objects.exists()


def test_the_proof_for_one_run_is_none_for_another(alice: User, run: Run) -> None:
    other = recipes.run(recipes.mailing(alice), accepted=1).deliveries.get()
    proof = recipes.unsubscribe_token(other).partition("-")[2]
    mine = run.deliveries.earliest("pk")
    assert not suppressing.unsubscribe(f"{mine.pk}-{proof}")


def test_a_deleted_senders_addresses_are_gone_and_stay_so(
    alice: User, admin: User, got_it: Delivery
) -> None:
    recipes.suppression(alice)
    departure.delete_user(alice, by=admin, reason="Left")
    assert not suppressing.unsubscribe(recipes.unsubscribe_token(got_it))
    assert not Suppression.objects.exists()


# --- by hand ---


def test_an_address_put_down_by_hand_gets_nothing_more(alice: User, run: Run) -> None:
    waiting = run.deliveries.filter(state="pending").first()
    assert waiting is not None
    suppressing.suppress(
        Suppression(owner=alice, email=waiting.email, words="Asked by phone"), by=alice
    )
    assert books(run) == {"planned": 3, "accepted": 1, "pending": 1, "suppressed": 1}
    assert Suppression.objects.get().by == alice
    assert audited("suppressed") == [(waiting.email, "Asked by phone")]


# --- allowing again ---


def test_a_refused_address_is_allowed_again(alice: User) -> None:
    row = recipes.suppression(alice)
    suppressing.allow_again(row, by=alice)
    assert not Suppression.objects.exists()
    assert audited("allowed_again") == [
        (row.email, "Refused by the mail server: 550 5.1.1 No such user")
    ]


def test_who_has_unsubscribed_must_have_asked_for_it(alice: User) -> None:
    row = recipes.suppression(alice, kind="unsubscribed")
    with pytest.raises(NotPossible):
        suppressing.allow_again(row, by=alice)
    assert Suppression.objects.exists()
    suppressing.allow_again(row, by=alice, was_asked_for=True)
    assert not Suppression.objects.exists()


def test_what_has_ended_stays_ended(alice: User, run: Run) -> None:
    waiting = run.deliveries.filter(state="pending").first()
    assert waiting is not None
    suppressing.unsubscribe(recipes.unsubscribe_token(waiting))
    before = books(run)
    suppressing.allow_again(Suppression.objects.get(), by=alice, was_asked_for=True)
    assert books(run) == before


# --- the table ---


def test_the_kinds_are_reasons_of_deliveries_too() -> None:
    assert set(Suppression.Kind.values) <= set(Delivery.Reason.values)
