"""Why did or didn't Ivan get it: answered on one page."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from mailings.delivery.server import configured_server
from mailings.models import Circuit, Mailing
from mailings.models import Client as Recipient
from tests import recipes
from users import permissions
from users.models import User
from users.permissions import Level

pytestmark = pytest.mark.django_db


@pytest.fixture
def ivan(alice: User) -> Recipient:
    return recipes.client(alice, email="Ivan@example.com", full_name="Ivan")


def to(client: Recipient, state: str, **values: object) -> Mailing:
    mailing = recipes.mailing(client.owner, title=f"To be {state}")
    run = recipes.run(mailing)
    is_open = state in ("pending", "deferred")
    type(run).objects.filter(pk=run.pk).update(
        planned=1, **{state: 1, "state": "sending" if is_open else "finished"}
    )
    recipes.delivery(run, state, client=client, **values)
    return mailing


def page_of(browser: Client, email: str = "ivan@example.com") -> str:
    answer = browser.get(reverse("reports:story"), {"email": email})
    return str(answer.content.decode())


def test_each_attempt_is_told_with_the_servers_words(
    alice_client: Client, ivan: Recipient
) -> None:
    to(ivan, "refused")
    page = page_of(alice_client)
    assert "5.1.1 No such user" in page
    assert "Nothing by itself: the refusal was final." in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"held_at": timezone.now(), "hold_reason": "Spam"}, "held by a manager: Spam"),
        ({"paused_at": timezone.now()}, "It waits: the mailing is paused"),
        (
            {"paused_at": timezone.now(), "pause_reason": "554 Spam"},
            "refuses the message, the mailing is paused: 554 Spam",
        ),
        ({}, "It is tried again at"),
    ],
)
def test_what_waits_says_for_what(
    alice_client: Client, ivan: Recipient, change: dict[str, object], words: str
) -> None:
    mailing = to(ivan, "deferred", due_at=timezone.now() + timedelta(hours=1))
    Mailing.objects.filter(pk=mailing.pk).update(**change)
    assert words in page_of(alice_client)


def test_a_run_whose_files_cannot_be_read_says_so(
    alice_client: Client, ivan: Recipient
) -> None:
    mailing = to(ivan, "pending")
    mailing.runs.update(waits_because="No space left", waits_until=timezone.now())
    assert "be read at the moment: No space left" in page_of(alice_client)


def test_a_server_that_is_away_is_named(alice_client: Client, ivan: Recipient) -> None:
    to(ivan, "deferred")
    Circuit.objects.create(
        server=str(configured_server()),
        state="open",
        reason="Connection refused",
        opened_at=timezone.now(),
        probe_at=timezone.now(),
    )
    assert "does not work at the moment: Connection refused" in page_of(alice_client)


def test_a_blocked_owner_is_the_reason_for_managers(
    manager_client: Client, ivan: Recipient
) -> None:
    to(ivan, "pending")
    User.objects.filter(pk=ivan.owner_id).update(is_active=False)
    assert "the owner of the mailing is blocked" in page_of(manager_client)


def test_the_story_is_there_when_the_client_is_gone(
    alice_client: Client, ivan: Recipient
) -> None:
    to(ivan, "accepted")
    ivan.delete()
    assert "To be accepted" in page_of(alice_client)


def test_nobody_reads_of_others_recipients(
    alice: User, ivan: Recipient, bob: User, bob_client: Client, manager_client: Client
) -> None:
    mailing = to(ivan, "accepted")
    assert "To be accepted" not in page_of(bob_client)
    assert "To be accepted" in page_of(manager_client)
    permissions.share(mailing, to=bob, level=Level.VIEW, by=alice)
    page = page_of(bob_client)
    assert "To be accepted" in page
    assert ivan.get_absolute_url() not in page


def test_trying_again_is_offered_to_who_may(
    alice_client: Client, manager_client: Client, ivan: Recipient
) -> None:
    mailing = to(ivan, "unknown")
    address = reverse("reports:run-retry", args=[mailing.runs.get().pk])
    assert address in page_of(alice_client)
    assert address not in page_of(manager_client)


def test_a_client_leads_to_the_story(alice_client: Client, ivan: Recipient) -> None:
    answer = alice_client.get(reverse("reports:client", args=[ivan.pk]))
    assert answer.context["email"] == ivan.email
    assert answer.context["client"] == ivan


@pytest.mark.parametrize("size", [1, 15])
def test_the_story_costs_the_same_however_long(
    alice_client: Client,
    ivan: Recipient,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    size: int,
) -> None:
    for _ in range(size):
        to(ivan, "refused")
    with django_assert_max_num_queries(10):
        page_of(alice_client)


@pytest.mark.parametrize("query", ["", "?email=%00", "?email=x&page=-1", "?page=99"])
def test_nonsense_is_no_error(alice_client: Client, query: str) -> None:
    assert alice_client.get(f"{reverse('reports:story')}{query}").status_code == 200


# --- retry ---


@pytest.fixture
def retry(alice: User) -> str:
    states = {"accepted": 1, "refused": 1, "unknown": 2, "expired": 1}
    run = recipes.run(recipes.mailing(alice), **states)
    return reverse("reports:run-retry", args=[run.pk])


def whom(browser: Client, address: str, chosen: list[str]) -> list[str]:
    data = {"failures_chosen": chosen, "preview": "1"}
    preview = browser.post(address, data).context["preview"]
    return sorted(delivery.state for delivery in preview)


def test_the_page_shows_whom_before_it_is_done(
    alice_client: Client, retry: str
) -> None:
    page = alice_client.get(retry)
    assert sorted(d.state for d in page.context["preview"]) == [
        "expired",
        "unknown",
        "unknown",
    ]
    assert "refused by the server: 1" in page.content.decode()
    assert whom(alice_client, retry, ["refused"]) == ["refused"]
    assert Mailing.objects.get().runs.get().pending == 0


def test_those_that_are_ticked_are_tried_again(
    alice_client: Client, retry: str
) -> None:
    answer = alice_client.post(retry, {"failures_chosen": ["unknown"]}, follow=True)
    assert "2 recipients are tried again." in answer.content.decode()
    run = Mailing.objects.get().runs.get()
    assert (run.pending, run.unknown, run.refused, run.accepted) == (2, 0, 1, 1)


def test_one_is_tried_again_by_name(alice_client: Client, retry: str) -> None:
    run = Mailing.objects.get().runs.get()
    refused = run.deliveries.get(state="refused")
    alice_client.post(f"{retry}?delivery={refused.pk}")
    run.refresh_from_db()
    assert (run.pending, run.unknown, run.refused) == (1, 2, 0)


def test_nobody_chosen_and_nothing_possible_are_said(
    alice_client: Client, retry: str
) -> None:
    answer = alice_client.post(retry, {})
    assert list(answer.context["form"].errors) == ["failures_chosen"]
    Mailing.objects.update(paused_at=timezone.now())
    answer = alice_client.post(retry, {"failures_chosen": ["unknown"]})
    assert "paused" in str(answer.context["form"].errors["__all__"])


def test_older_deliveries_are_on_further_pages(
    alice_client: Client, ivan: Recipient
) -> None:
    for _ in range(21):
        to(ivan, "refused")
    address = reverse("reports:client", args=[ivan.pk])
    first, second = (alice_client.get(address, {"page": n}) for n in (1, 2))
    assert (len(first.context["chapters"]), first.context["older"]) == (20, 2)
    assert (len(second.context["chapters"]), second.context["older"]) == (1, None)


def test_it_says_that_the_address_is_suppressed_since_when_and_why(
    alice: User, alice_client: Client, ivan: Recipient
) -> None:
    row = recipes.suppression(alice, email="ivan@example.com", mailing="Old news")
    recipes.delivery(
        recipes.run(recipes.mailing(alice)),
        "suppressed",
        client=ivan,
        reason="address_refused",
    )
    page = alice_client.get(reverse("reports:client", args=[ivan.pk])).content.decode()
    assert "Nothing: the address is suppressed since" in page
    assert "because the mail server has refused the address for good." in page
    assert "550 5.1.1 No such user" in page
    assert "Old news" in page
    assert reverse("mailings:suppression-allow", args=[row.pk]) in page


def test_what_stands_against_an_address_is_its_owners(
    alice: User, bob: User, bob_client: Client, manager_client: Client
) -> None:
    recipes.suppression(alice, email="ivan@example.com", words="550 5.1.1 Secret")
    address = reverse("reports:story") + "?email=Ivan@example.com"
    assert "Secret" not in bob_client.get(address).content.decode()
    page = manager_client.get(address).content.decode()
    assert "Secret" in page
    assert "Allow again" not in page


def test_who_is_suppressed_is_not_offered_another_try(
    alice: User, alice_client: Client, ivan: Recipient
) -> None:
    recipes.suppression(alice, email="ivan@example.com")
    run = recipes.run(recipes.mailing(alice))
    recipes.delivery(run, "refused", client=ivan)
    page = alice_client.get(reverse("reports:client", args=[ivan.pk])).content.decode()
    assert reverse("reports:run-retry", args=[run.pk]) not in page
