from datetime import timedelta

from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from mailings.models import Canary, Mailing
from tests import recipes
from tests.mailings.views.conftest import Things
from users import blocking
from users.models import User

HOME = "/"


def test_a_newcomer_is_shown_three_steps(alice_client: Browser) -> None:
    page = alice_client.get(HOME).content.decode()
    for name in ("import-create", "client-create", "message-create", "mailing-create"):
        assert reverse(f"mailings:{name}") in page


def test_a_step_that_is_done_is_ticked(alice: User, alice_client: Browser) -> None:
    recipes.client(alice)
    assert alice_client.get(HOME).content.decode().count("Done:") == 1


def test_whoever_has_mailings_sees_what_goes_on(
    alice: User, alice_client: Browser, things: Things
) -> None:
    under_way = recipes.run(recipes.mailing(alice), sending=1)
    begin = timezone.now() + timedelta(hours=1)
    coming = recipes.mailing(alice, start_at=begin, end_at=begin + timedelta(days=1))
    context = alice_client.get(HOME).context
    assert [each.run for each in context["open_runs"]] == [under_way]
    assert list(context["last_runs"]) == [things.run]
    assert context["coming"] == [(begin, coming)]


def test_a_manager_sees_first_what_is_to_be_managed(
    manager: User, manager_client: Browser, alice: User, bob: User
) -> None:
    recipes.mailing(alice, status="running")
    recipes.mailing(alice, held_at=timezone.now(), hold_reason="Spam")
    blocking.block(bob, by=manager, reason="Spam")
    answer = manager_client.get(HOME)
    assert answer.context["management"] == {"running": 1, "held": 1, "blocked": 1}
    page = answer.content.decode()
    first_step = page.index(reverse("mailings:client-create"))
    for link in ("?status=running", "?status=held", "users/?state=blocked"):
        assert page.index(f"/manage/{link}") < first_step


def test_who_manages_nothing_sees_nothing_of_it(
    alice_client: Browser, things: Things
) -> None:
    answer = alice_client.get(HOME)
    assert not answer.context["management"]
    assert "/manage/" not in answer.content.decode()


def test_others_mailings_are_not_shown(charlie_client: Browser, things: Things) -> None:
    context = charlie_client.get(HOME).context
    assert context["is_new"]
    assert not context["last_runs"]


def test_the_badge_tells_whether_the_worker_works(alice_client: Browser) -> None:
    assert "Worker: no sign yet" in alice_client.get(HOME).content.decode()
    now = timezone.now()
    Canary.objects.create(pk=1, worked_at=now, acknowledged_at=now)
    assert "Worker: working" in alice_client.get(HOME).content.decode()
    Canary.objects.update(acknowledged_at=now - timedelta(hours=1))
    assert "Worker: no sign since" in alice_client.get(HOME).content.decode()


def test_the_page_looks_again_while_something_is_under_way_or_soon(
    alice: User, alice_client: Browser, things: Things
) -> None:
    def refresh() -> int:
        return int(alice_client.get(HOME).context["refresh"])

    Mailing.objects.update(status="finished")
    assert refresh() == 0
    begin = timezone.now() + timedelta(minutes=5)
    recipes.mailing(alice, start_at=begin, end_at=begin + timedelta(days=1))
    assert refresh() == 30
    recipes.run(recipes.mailing(alice), sending=1)
    assert refresh() in (3, 30)
    assert 'hx-select="#live"' in alice_client.get(HOME).content.decode()
