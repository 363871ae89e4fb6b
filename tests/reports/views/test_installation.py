"""Sending is held: every page says so, and managers let it go on."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from mailings.models import Canary, Circuit, Host, Run
from tests import recipes
from users.models import AuditEntry, User

PAGE = "/manage/installation/"


def banner(browser: Client, page: str = "/clients/") -> str:
    text = browser.get(page).content.decode()
    _, found, rest = text.partition('<div class="alert alert-warning text-break"')
    return " ".join(rest.partition("</div>")[0].split()) if found else ""


@pytest.fixture
def _worker(db: None) -> None:
    now = timezone.now()
    Canary.objects.create(pk=1, worked_at=now, acknowledged_at=now)


# --- the banner ---


@pytest.mark.usefixtures("_worker")
def test_while_all_is_well_there_is_no_banner(alice_client: Client) -> None:
    assert banner(alice_client) == ""


def test_a_worker_that_died_is_told_with_its_last_sign(
    alice: User, alice_client: Client, manager_client: Client
) -> None:
    at = recipes.moment("2026-01-31 09:00")
    Canary.objects.create(pk=1, worked_at=at, acknowledged_at=at)
    for browser, is_told in ((alice_client, False), (manager_client, True)):
        words = banner(browser)
        assert 'role="status"' in words
        assert "The worker has given no sign since <time" in words
        assert "31 Jan 2026, 09:00</time>" in words
        assert ("manage.py qcluster" in words) is is_told


@pytest.mark.usefixtures("_worker")
def test_an_open_circuit_is_told_and_managers_get_the_servers_words(
    alice_client: Client, manager_client: Client, open_circuit: Circuit
) -> None:
    Circuit.objects.update(reason="535 <b>No</b>")
    assert "The mail server takes no mail since" in banner(alice_client)
    assert "No&lt;" not in banner(alice_client)  # a moment may have the digits
    assert "535 &lt;b&gt;No&lt;/b&gt;" in banner(manager_client)


@pytest.mark.usefixtures("_worker")
def test_a_server_that_is_not_used_any_more_is_nobodys_concern(
    alice_client: Client, open_circuit: Circuit
) -> None:
    Circuit.objects.update(server="old.example.com:25")
    assert banner(alice_client) == ""


@pytest.mark.usefixtures("_worker")
def test_a_hold_is_told_and_managers_are_shown_the_way(
    alice_client: Client, manager_client: Client, held_elsewhere: Host
) -> None:
    assert "Sending is held since" in banner(alice_client)
    assert PAGE not in banner(alice_client)
    assert PAGE in banner(manager_client)


@pytest.mark.usefixtures("_worker")
def test_the_banner_speaks_russian(
    alice: User, alice_client: Client, held_elsewhere: Host, open_circuit: Circuit
) -> None:
    alice.language = "ru"
    alice.save(update_fields=["language"])
    words = banner(alice_client)
    assert "Отправка приостановлена с" in words
    assert "Почтовый сервер не принимает почту с" in words


def test_visitors_are_told_nothing(client: Client, held_elsewhere: Host) -> None:
    assert banner(client, "/accounts/login/") == ""


# --- the page ---


def test_with_nothing_held_there_is_nothing_to_confirm(manager_client: Client) -> None:
    assert "Sending is not held" in manager_client.get(PAGE).content.decode()
    answer = manager_client.post(PAGE, follow=True)
    assert "Sending is not held." in answer.content.decode()
    assert not AuditEntry.objects.filter(action="confirmed").exists()


def test_the_page_lists_what_would_go_out(
    alice: User, manager_client: Client, held_elsewhere: Host
) -> None:
    now = timezone.now()
    open_run = recipes.run(
        recipes.mailing(alice, title="Under way"),
        pending=3,
        deferred=1,
        sending=1,
        accepted=5,
    )
    due = recipes.mailing(alice, title="Due", clients=recipes.clients(alice, 2))
    recipes.run(recipes.mailing(alice, title="Done"), accepted=1)
    recipes.mailing(alice, title="Later", start_at=now + timedelta(hours=1))
    paused = recipes.mailing(alice, title="Paused", paused_at=now)
    recipes.run(paused, pending=1)
    context = manager_client.get(PAGE).context
    assert [
        (each.mailing, each.waiting, each.in_doubt, each.occurrence, each.recipients)
        for each, _ in context["prospects"]
    ] == [
        (due, 0, 0, due.start_at, 2),
        (open_run.mailing, 4, 1, None, 0),
    ]
    assert (context["mailings"], context["messages_waiting"]) == (2, 6)
    assert Run.objects.filter(mailing=due).count() == 0  # looking begins nothing


def test_holding_is_offered_for_what_one_may_hold(
    alice: User, admin: User, manager_client: Client, held_elsewhere: Host
) -> None:
    for owner in (alice, admin):
        recipes.run(recipes.mailing(owner), pending=1)
    rows = manager_client.get(PAGE).context["prospects"]
    assert {each.mailing.owner: may_hold for each, may_hold in rows} == {
        alice: True,
        admin: False,
    }


def test_a_confirmation_lets_sending_go_on_and_is_on_record(
    manager: User, manager_client: Client, held_elsewhere: Host
) -> None:
    answer = manager_client.post(PAGE, follow=True)
    assert "Confirmed: sending goes on." in answer.content.decode()
    assert Host.objects.count() == 0
    entry = AuditEntry.objects.get(action="confirmed")
    assert (entry.actor, entry.reason) == (manager, "copy.example.com: 0 / 0")


def test_whoever_may_not_confirm_is_refused(
    alice_client: Client, held_elsewhere: Host
) -> None:
    assert alice_client.post(PAGE).status_code == 403
    assert Host.objects.count() == 2


@pytest.mark.parametrize("number", [2, 20])
def test_the_page_costs_the_same_however_many_mailings_would_go_out(
    alice: User,
    manager_client: Client,
    held_elsewhere: Host,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    number: int,
) -> None:
    people = recipes.clients(alice, 3)
    members = recipes.client_list(alice, *people[:2])
    chosen = {"lists": [members], "clients": people[1:]}
    for index in range(number):
        recipes.mailing(alice, **({"all_clients": True} if index % 2 else chosen))
    with django_assert_max_num_queries(12):
        page = manager_client.get(PAGE)
    assert page.context["messages_waiting"] == 3 * number
