from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from mailings.models import Client, Delivery, Mailing, Run
from mailings.rehearsal import Skipped, rehearse
from tests import recipes
from tests.support.smtp_server import SmtpServer
from users.models import User


@pytest.fixture
def mailing(alice: User) -> Mailing:
    return recipes.mailing(alice, all_clients=True)


def broken(owner: User) -> Client:
    """As an older database may have it: no header can hold the address."""
    client = recipes.client(owner, full_name="Broken")
    Client.objects.filter(pk=client.pk).update(email="not an address")
    return client


def test_every_letter_is_made_and_who_is_skipped_is_told_why(
    alice: User, mailing: Mailing
) -> None:
    recipes.clients(alice, 2)
    gone = recipes.client(alice, full_name="Gone")
    recipes.suppression(alice, email=gone.email, kind="unsubscribed")
    broken(alice)
    found = rehearse(mailing, timezone.now())
    assert (found.recipients, found.made, found.skipped_count) == (4, 2, 2)
    suppressed, not_composed = found.skipped
    assert suppressed == Skipped("Gone", gone.email, "Unsubscribed")
    assert not_composed.email == "not an address"
    assert not_composed.why
    assert found.is_whole


def test_the_first_letter_is_the_one_that_would_leave(
    alice: User, mailing: Mailing
) -> None:
    client = recipes.client(alice, full_name="Пётр")
    assert mailing.message is not None
    found = rehearse(mailing, timezone.now())
    assert found.subject == mailing.message.subject.replace(
        "{{ full_name }}", client.full_name
    )
    assert "Dear Пётр," in found.text
    assert "Unsubscribe" in found.text


def test_nothing_is_sent_and_nothing_kept(
    alice: User, mailing: Mailing, smtp_server: SmtpServer
) -> None:
    recipes.client(alice)
    before = Mailing.objects.values().get()
    rehearse(mailing, timezone.now())
    assert Mailing.objects.values().get() == before
    assert not Run.objects.exists()
    assert not Delivery.objects.exists()
    assert smtp_server.received == []


def test_a_mailing_whose_time_is_over_is_rehearsed_all_the_same(
    alice: User, mailing: Mailing
) -> None:
    recipes.client(alice)
    assert rehearse(mailing, mailing.end_at + timedelta(days=9)).made == 1


def test_what_takes_too_long_says_how_far_it_came(
    alice: User, mailing: Mailing
) -> None:
    recipes.clients(alice, 3)
    found = rehearse(mailing, timezone.now(), seconds=-1)
    assert (found.recipients, found.looked_at, found.is_whole) == (3, 0, False)


@pytest.mark.parametrize("number", [1, 3])
def test_the_page_costs_the_same_however_many_they_are(
    alice: User,
    alice_client: Browser,
    mailing: Mailing,
    django_assert_num_queries: DjangoAssertNumQueries,
    number: int,
) -> None:
    for client in recipes.clients(alice, number):
        recipes.suppression(alice, email=client.email)
    # The frame; the mailing; how many recipients, and who they are.
    with django_assert_num_queries(4 + 1 + 2):
        answer = alice_client.get(f"{mailing.get_absolute_url()}dry-run/")
    assert answer.context["found"].skipped_count == number
