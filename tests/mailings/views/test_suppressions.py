"""The pages about suppressed addresses."""

import pytest
from django.test import Client as Browser
from django.urls import reverse

from mailings.models import Suppression
from tests import recipes
from tests.mailings.views.conftest import Things
from users.models import AuditEntry, User

LIST = reverse("mailings:suppression-list")
NEW = reverse("mailings:suppression-create")


def allow(row: Suppression) -> str:
    return reverse("mailings:suppression-allow", args=[row.pk])


def shown(browser: Browser, **query: str) -> list[str]:
    rows = browser.get(LIST, query).context["object_list"]
    return sorted(row.email for row in rows)


def test_the_list_shows_the_evidence(alice: User, alice_client: Browser) -> None:
    recipes.suppression(alice, email="gone@example.com", words="550 <b>Who?</b>")
    page = alice_client.get(LIST).content.decode()
    assert "gone@example.com" in page
    assert "550 &lt;b&gt;Who?&lt;/b&gt;" in page
    assert "Refused by the mail server" in page


def test_one_sees_ones_own_and_a_manager_all(
    alice: User,
    bob: User,
    alice_client: Browser,
    bob_client: Browser,
    manager_client: Browser,
) -> None:
    recipes.suppression(alice, email="a@example.com")
    recipes.suppression(bob, email="b@example.com")
    assert shown(alice_client) == ["a@example.com"]
    assert shown(bob_client) == ["b@example.com"]
    assert shown(manager_client) == ["a@example.com", "b@example.com"]
    assert "Allow again" not in manager_client.get(LIST).content.decode()


def test_the_list_is_filtered_by_kind_and_text(
    alice: User, alice_client: Browser
) -> None:
    recipes.suppression(alice, email="a@example.com", words="550 Full")
    recipes.suppression(alice, email="b@example.com", kind="unsubscribed", words="")
    assert shown(alice_client, kind="unsubscribed") == ["b@example.com"]
    assert shown(alice_client, q="full") == ["a@example.com"]


def test_it_can_be_taken_away_as_a_table(alice: User, alice_client: Browser) -> None:
    recipes.suppression(alice, email="a@example.com", words="=1+1")
    answer = alice_client.get(LIST, {"export": "csv"})
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("a@example.com,Refused by the mail server,")
    assert lines[1].endswith(",News,'=1+1")


def test_an_address_is_put_down_by_hand(alice: User, alice_client: Browser) -> None:
    answer = alice_client.post(NEW, {"email": "Ann@Example.com", "words": "She said"})
    assert answer["Location"] == LIST
    row = Suppression.objects.get()
    assert (row.owner, row.email, row.kind, row.words, row.by) == (
        alice,
        "ann@example.com",
        "by_hand",
        "She said",
        alice,
    )


@pytest.mark.parametrize("email", ["a@example.com", "A@EXAMPLE.com", "nobody", ""])
def test_what_is_no_address_or_there_already_is_an_error_at_its_field(
    alice: User, alice_client: Browser, email: str
) -> None:
    recipes.suppression(alice, email="a@example.com")
    answer = alice_client.post(NEW, {"email": email})
    assert list(answer.context["form"].errors) == ["email"]
    assert Suppression.objects.count() == 1


def test_a_refused_address_is_allowed_again_by_one_click(
    alice: User, alice_client: Browser
) -> None:
    row = recipes.suppression(alice)
    assert row.words in alice_client.get(allow(row)).content.decode()
    assert alice_client.post(allow(row))["Location"] == LIST
    assert not Suppression.objects.exists()
    assert AuditEntry.objects.filter(action="allowed_again", actor=alice).exists()


def test_who_has_unsubscribed_only_if_they_asked_for_it(
    alice: User, alice_client: Browser
) -> None:
    row = recipes.suppression(alice, kind="unsubscribed")
    answer = alice_client.post(allow(row))
    assert list(answer.context["form"].errors) == ["was_asked_for"]
    assert Suppression.objects.exists()
    alice_client.post(allow(row), {"was_asked_for": "on"})
    assert not Suppression.objects.exists()


def test_nobody_allows_for_another(
    alice: User, bob_client: Browser, manager_client: Browser
) -> None:
    row = recipes.suppression(alice)
    assert bob_client.post(allow(row)).status_code == 404
    assert manager_client.post(allow(row)).status_code == 403
    assert Suppression.objects.exists()


# --- where else it shows ---


def test_the_page_of_a_client_says_since_when_and_why(
    alice: User, alice_client: Browser, things: Things
) -> None:
    row = recipes.suppression(alice, email=things.client.email)
    page = alice_client.get(things.client.get_absolute_url()).content.decode()
    assert "Nothing is sent to peter@example.com" in page
    assert "550 5.1.1 No such user" in page
    assert allow(row) in page


def test_the_list_of_clients_shows_it_and_is_filtered_by_it(
    alice: User, alice_client: Browser, things: Things
) -> None:
    other = recipes.client(alice)
    recipes.suppression(alice, email=things.client.email, kind="unsubscribed")
    clients = reverse("mailings:client-list")
    assert "Unsubscribed</span>" in alice_client.get(clients).content.decode()
    found = {
        value: list(
            alice_client.get(clients, {"suppressed": value}).context["object_list"]
        )
        for value in ("no", "unsubscribed", "by_hand")
    }
    assert other in found["no"]
    assert things.client not in found["no"]
    assert (found["unsubscribed"], found["by_hand"]) == ([things.client], [])


def test_a_mailing_tells_how_many_get_nothing(
    alice: User, alice_client: Browser, things: Things
) -> None:
    recipes.suppression(alice, email=things.client.email)
    page = alice_client.get(things.mailing.get_absolute_url()).content.decode()
    assert "1 of them is suppressed and gets nothing." in page


def test_saving_a_mailing_tells_it_too(
    alice: User, alice_client: Browser, things: Things
) -> None:
    recipes.suppression(alice, email=things.client.email)
    answer = alice_client.post(
        reverse("mailings:mailing-create"),
        {
            "message": things.message.pk,
            "all_clients": "on",
            "start_at_0": "2030-01-01",
            "start_at_1": "09:00",
            "end_at_0": "2030-02-01",
            "end_at_1": "09:00",
            "start_at": "2030-01-01T09:00",
            "end_at": "2030-02-01T09:00",
            "periodicity": "once",
            "key": "7c1f9c55-0d53-4ad1-9f2c-6a1c5a8e3f10",
        },
        follow=True,
    )
    assert "1 of the recipients is suppressed and gets nothing." in (
        answer.content.decode()
    )
