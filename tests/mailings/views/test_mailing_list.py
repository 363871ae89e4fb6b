"""The list of mailings: what runs is live, and buttons say why they do nothing."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from mailings import lifecycle
from mailings.delivery.server import configured_server
from mailings.models import Canary, Circuit, Mailing, Run
from tests import recipes
from users import permissions
from users.models import User
from users.permissions import Level

pytestmark = pytest.mark.django_db

LIST = "/mailings/"
PROGRESS = "/mailings/progress/"


def under_way(owner: User, **states: int) -> Run:
    mailing = recipes.mailing(owner, status="running")
    begun = {"started_at": timezone.now() - timedelta(minutes=1)}
    return recipes.run(mailing, values=begun, **states)


def worker_works() -> None:
    now = timezone.now()
    Canary.objects.create(pk=1, worked_at=now, acknowledged_at=now)


def server_takes_no_mail() -> None:
    now = timezone.now()
    Circuit.objects.create(
        server=str(configured_server()),
        state="open",
        opened_at=now,
        probe_at=now + timedelta(minutes=1),
    )


def shown(browser: Browser, address: str = LIST) -> str:
    return browser.get(address).content.decode()


def test_a_running_row_has_a_bar_a_rate_and_the_time_that_is_left(
    alice: User, alice_client: Browser
) -> None:
    worker_works()
    under_way(alice, accepted=30, pending=60)
    page = shown(alice_client)
    assert 'role="progressbar"' in page
    assert 'aria-valuenow="30"' in page
    assert "30 of 90" in page
    assert re.search(r"(29|30) a minute", page)
    assert "about 2 minutes left" in page


def test_what_is_paused_does_not_go_on_and_has_no_time_left(
    alice: User, alice_client: Browser
) -> None:
    mailing = under_way(alice, accepted=30, pending=60).mailing
    lifecycle.pause(mailing, by=alice)
    page = shown(alice_client)
    assert "30 of 90" in page
    assert "a minute" not in page
    assert "minutes left" not in page


def test_only_rows_that_run_are_looked_at_again(
    alice: User, alice_client: Browser
) -> None:
    running = under_way(alice, accepted=1, pending=1).mailing
    recipes.run(recipes.mailing(alice), accepted=1)
    page = shown(alice_client)
    assert f'hx-get="{PROGRESS}?mailing={running.pk}"' in page
    assert page.count("hx-get") == 1


def test_what_moves_is_looked_at_every_three_seconds(
    alice: User, alice_client: Browser
) -> None:
    worker_works()
    run = under_way(alice, accepted=1, pending=1, deferred=1)
    for address in (LIST, f"{PROGRESS}?mailing={run.mailing_id}"):
        assert 'hx-trigger="every 3s"' in shown(alice_client, address)


def test_what_only_waits_is_looked_at_every_half_minute(
    alice: User, alice_client: Browser
) -> None:
    worker_works()
    deferred = under_way(alice, accepted=1, deferred=1)
    lifecycle.pause(under_way(alice, accepted=1, pending=1).mailing, by=alice)
    for address in (LIST, f"{PROGRESS}?mailing={deferred.mailing_id}"):
        assert 'hx-trigger="every 30s"' in shown(alice_client, address)


def test_what_waits_for_the_mail_server_is_looked_at_every_half_minute(
    alice: User, alice_client: Browser
) -> None:
    worker_works()
    server_takes_no_mail()
    under_way(alice, accepted=30, pending=60)
    page = shown(alice_client)
    assert 'hx-trigger="every 30s"' in page
    assert "a minute" not in page
    assert "minutes left" not in page


def test_what_waits_for_the_worker_is_looked_at_every_half_minute(
    alice: User, alice_client: Browser
) -> None:
    under_way(alice, accepted=1, pending=1)
    assert 'hx-trigger="every 30s"' in shown(alice_client)


def test_what_is_in_the_servers_hands_is_looked_at_though_it_is_paused(
    alice: User, alice_client: Browser
) -> None:
    worker_works()
    lifecycle.pause(under_way(alice, accepted=1, sending=1).mailing, by=alice)
    assert 'hx-trigger="every 3s"' in shown(alice_client)


def test_the_page_of_a_mailing_that_only_waits_is_looked_at_every_half_minute(
    alice: User, alice_client: Browser
) -> None:
    worker_works()
    moving = under_way(alice, accepted=1, pending=1).mailing
    waiting = under_way(alice, accepted=1, deferred=1).mailing
    paused = under_way(alice, accepted=1, pending=1).mailing
    lifecycle.pause(paused, by=alice)
    for mailing, seconds in ((moving, 2), (waiting, 30), (paused, 30)):
        for part in ("", "live/"):
            page = shown(alice_client, f"{mailing.get_absolute_url()}{part}")
            assert f'hx-trigger="every {seconds}s"' in page
    server_takes_no_mail()
    page = shown(alice_client, moving.get_absolute_url())
    assert 'hx-trigger="every 30s"' in page


def test_it_stops_looking_when_the_run_is_over(
    alice: User, alice_client: Browser
) -> None:
    run = under_way(alice, accepted=1, pending=1)
    address = f"{PROGRESS}?mailing={run.mailing_id}"
    assert "hx-get" in shown(alice_client, address)
    run.deliveries.update(state="accepted")
    Run.objects.update(pending=0, accepted=2, state="finished")
    Mailing.objects.update(status="finished")
    part = shown(alice_client, address)
    assert "hx-get" not in part
    assert "Finished" in part
    assert "2 of 2" in part


def test_others_mailings_are_not_told_of(
    alice: User, bob_client: Browser, alice_client: Browser
) -> None:
    run = under_way(alice, accepted=1, pending=1)
    part = shown(bob_client, f"{PROGRESS}?mailing={run.mailing_id}&mailing=x")
    assert "progress-" not in part
    assert "hx-get" not in part


@pytest.mark.parametrize("rows", [1, 3])
def test_rows_that_run_cost_two_queries_more(
    alice: User, alice_client: Browser, django_assert_num_queries: Any, rows: int
) -> None:
    worker_works()
    for _ in range(rows):
        under_way(alice, accepted=1, pending=1)
    with django_assert_num_queries(4 + 4):
        shown(alice_client)


def test_pausing_from_the_list_comes_back_to_it(
    alice: User, alice_client: Browser
) -> None:
    mailing = recipes.mailing(alice)
    assert f'formaction="{LIST}{mailing.pk}/pause/"' in shown(alice_client)
    back = f"{LIST}?status=created"
    answer = alice_client.post(f"{LIST}{mailing.pk}/pause/", {"next": back})
    assert answer["Location"] == back
    assert f'formaction="{LIST}{mailing.pk}/resume/"' in shown(alice_client)


def test_the_way_back_leads_to_no_other_host(
    alice: User, alice_client: Browser
) -> None:
    mailing = recipes.mailing(alice)
    evil = {"next": "https://evil.example.net/"}
    answer = alice_client.post(f"{LIST}{mailing.pk}/pause/", evil)
    assert answer["Location"] == mailing.get_absolute_url()


def test_a_button_that_does_nothing_says_why(
    alice: User, admin: User, alice_client: Browser
) -> None:
    over, paused, held = (recipes.mailing(alice) for _ in range(3))
    lifecycle.stop(over, by=alice)
    lifecycle.pause(paused, by=alice)
    lifecycle.hold(held, by=admin, reason="Complaints")
    reasons = {
        over: "The mailing is over. To send again, duplicate it.",
        paused: "The mailing is paused. Resume it first.",
        held: "The mailing is held by a manager: Complaints",
    }
    for mailing, reason in reasons.items():
        page = shown(alice_client, mailing.get_absolute_url())
        assert (
            f'aria-disabled="true" aria-describedby="why-not-send" title="{reason}"'
            in page
        )
        assert f"{mailing.get_absolute_url()}send/" not in page
    assert "Pause: " in shown(alice_client)


def test_who_only_sees_a_mailing_is_offered_no_button(
    alice: User, bob: User, bob_client: Browser
) -> None:
    mailing = recipes.mailing(alice)
    permissions.share(mailing, to=bob, level=Level.VIEW, by=alice)
    assert "formaction" not in shown(bob_client)
    assert "Send now" not in shown(bob_client, mailing.get_absolute_url())
