"""Two tabs, or two people: nobody's work is overwritten without a word."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from mailings.models import Client, Mailing, Message
from tests import recipes
from tests.mailings.views.test_mailings import settings_of
from users.models import User
from users.permissions import Level, share

WORDS = "save again to overwrite"


def opened(browser: Browser, url: str) -> dict[str, Any]:
    version = browser.get(url).context["version"]
    assert version
    return {"version": version}


@pytest.fixture
def message(alice: User) -> Message:
    return recipes.message(alice, subject="Old", body="Text")


def test_the_second_save_says_what_happened_and_keeps_what_was_typed(
    alice_client: Browser, message: Message
) -> None:
    url = reverse("mailings:message-update", args=[message.pk])
    first, second = opened(alice_client, url), opened(alice_client, url)
    alice_client.post(url, first | {"subject": "First", "body": "Text"})
    mine = {"subject": "Second", "body": "Much work"}
    page = alice_client.post(url, second | mine)
    text = page.content.decode()
    assert (page.status_code, WORDS in text) == (200, True)
    assert "Second" in text
    assert "Much work" in text
    message.refresh_from_db()
    assert message.subject == "First"
    # Whoever saves again knows what they do.
    again = alice_client.post(url, mine | {"version": page.context["version"]})
    assert again.status_code == 302
    message.refresh_from_db()
    assert (message.subject, message.body) == ("Second", "Much work")


def test_who_has_to_mend_something_first_is_told_all_the_same(
    alice_client: Browser, message: Message
) -> None:
    url = reverse("mailings:message-update", args=[message.pk])
    old = opened(alice_client, url)
    Message.objects.update(subject="First")
    page = alice_client.post(url, old | {"subject": "", "body": "x"})
    assert page.context["version"] == old["version"]
    again = alice_client.post(url, old | {"subject": "Second", "body": "x"})
    assert WORDS in again.content.decode()


def test_a_double_click_is_no_conflict(alice_client: Browser, message: Message) -> None:
    url = reverse("mailings:message-update", args=[message.pk])
    data = opened(alice_client, url) | {"subject": "New", "body": "a\r\nb"}
    assert [alice_client.post(url, data).status_code for _ in range(2)] == [302, 302]


def test_between_two_people_it_is_the_same(
    alice: User, bob: User, alice_client: Browser, bob_client: Browser
) -> None:
    """And of the recipients, too, not only of the fields."""
    friends, others = recipes.client_list(alice), recipes.client_list(alice)
    mailing = recipes.mailing(alice, lists=[friends])
    share(mailing, to=bob, level=Level.CHANGE, by=alice)
    url = reverse("mailings:mailing-update", args=[mailing.pk])
    data = settings_of(alice, message=mailing.message.pk) | {"version": ""}
    del data["all_clients"]
    hers, his = opened(alice_client, url), opened(bob_client, url)
    theirs = {"lists": [others.pk, friends.pk]}
    assert alice_client.post(url, data | hers | theirs).status_code == 302
    page = bob_client.post(url, data | his | {"lists": [friends.pk]})
    assert WORDS in page.content.decode()
    assert mailing.lists.count() == 2


def test_what_the_engine_changes_is_in_nobodys_way(
    alice: User, alice_client: Browser
) -> None:
    mailing = recipes.mailing(alice, lists=[recipes.client_list(alice)])
    url = reverse("mailings:mailing-update", args=[mailing.pk])
    page = alice_client.get(url)
    data = {
        name: page.context["form"][name].value() or ""
        for name in page.context["form"].fields
    }
    Mailing.objects.update(status=Mailing.Status.RUNNING)
    data |= {
        "lists": data["lists"],
        "title": "New",
        "clients": [],
    }
    data |= {name: f"{data[name]:%Y-%m-%dT%H:%M}" for name in ("start_at", "end_at")}
    data = {name: value for name, value in data.items() if value != ""}
    data["version"] = page.context["version"]
    answer = alice_client.post(url, data)
    assert answer.status_code == 302, answer.context["form"].errors


def test_clients_lists_and_ones_own_settings_are_kept_so_too(
    alice: User, alice_client: Browser
) -> None:
    client = recipes.client(alice, email="a@example.com", full_name="Anna")
    url = reverse("mailings:client-update", args=[client.pk])
    old = opened(alice_client, url)
    Client.objects.update(comment="Pays by card")
    page = alice_client.post(url, old | {"email": client.email, "full_name": "Ann"})
    assert WORDS in page.content.decode()
    client.refresh_from_db()
    assert client.comment == "Pays by card"
    url = reverse("users:profile")
    old = opened(alice_client, url)
    User.objects.update(full_name="Alicia")
    page = alice_client.post(url, old | {"full_name": "A", "timezone": "UTC"})
    assert WORDS in page.content.decode()


@pytest.mark.parametrize("version", ["", "x", "9" * 50 + "-x", "-", "\0"])
def test_a_version_that_is_none_does_no_harm(
    alice_client: Browser, message: Message, version: str
) -> None:
    url = reverse("mailings:message-update", args=[message.pk])
    data = {"subject": "New", "body": "Text", "version": version}
    assert alice_client.post(url, data).status_code in (200, 302)
