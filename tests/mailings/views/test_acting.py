"""One button each: pause, resume, stop, send now."""

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django_q.models import OrmQ

from mailings.models import Mailing, Run
from tests import recipes
from tests.mailings.views.conftest import Things
from users.models import User


def _act(browser: Browser, mailing: Mailing, name: str) -> str:
    url = reverse(f"mailings:mailing-{name}", args=[mailing.pk])
    answer = browser.post(url, {"confirmed": "1"}, follow=True)
    assert answer.redirect_chain == [(mailing.get_absolute_url(), 302)]
    return answer.content.decode()


def test_pause_and_resume(alice_client: Browser, things: Things) -> None:
    mailing = things.mailing
    assert "Paused since" in _act(alice_client, mailing, "pause")
    mailing.refresh_from_db()
    assert mailing.is_paused
    assert "The mailing is paused already." in _act(alice_client, mailing, "pause")
    assert "Paused since" not in _act(alice_client, mailing, "resume")
    mailing.refresh_from_db()
    assert not mailing.is_paused


def test_stop(alice_client: Browser, things: Things) -> None:
    page = _act(alice_client, things.mailing, "stop")
    things.mailing.refresh_from_db()
    assert things.mailing.status == Mailing.Status.FINISHED
    assert "mailing-send" not in page
    assert "The mailing is finished." in _act(alice_client, things.mailing, "pause")


def test_send_now_begins_a_run_and_wakes_the_worker(
    alice: User, alice_client: Browser
) -> None:
    mailing = recipes.mailing(alice, clients=[recipes.client(alice)], title="Now")
    before = OrmQ.objects.count()
    assert "Sending has begun." in _act(alice_client, mailing, "send")
    assert Run.objects.get().mailing == mailing
    assert OrmQ.objects.count() > before


@pytest.mark.parametrize(
    ("name", "question"),
    [("send", "Send now to 1 recipient?"), ("stop", "Stop this mailing for good?")],
)
def test_without_the_dialog_a_page_asks_first(
    alice: User, alice_client: Browser, name: str, question: str
) -> None:
    """Without JavaScript one click sent to everybody."""
    mailing = recipes.mailing(alice, clients=[recipes.client(alice)], title="Now")
    url = reverse(f"mailings:mailing-{name}", args=[mailing.pk])
    page = alice_client.post(url, {"after": "0"})
    text = page.content.decode()
    assert (page.status_code, page.context["view"]["question"]) != (302, "")
    assert question in text
    assert not Run.objects.exists()
    mailing.refresh_from_db()
    assert mailing.status == Mailing.Status.CREATED
    assert f'href="{mailing.get_absolute_url()}"' in text
    # Its button sends on what the first form had, and the word.
    assert page.context["carried"] == [("after", "0"), ("confirmed", "1")]
    answer = alice_client.post(url, dict(page.context["carried"]))
    assert answer["Location"] == mailing.get_absolute_url()
    mailing.refresh_from_db()
    assert mailing.status != Mailing.Status.CREATED


def test_send_now_twice_is_one_run(alice: User, alice_client: Browser) -> None:
    mailing = recipes.mailing(alice, clients=[recipes.client(alice)], title="Now")
    _act(alice_client, mailing, "send")
    _act(alice_client, mailing, "send")
    assert Run.objects.count() == 1


def test_send_now_says_what_is_in_the_way(
    alice_client: Browser, things: Things
) -> None:
    _act(alice_client, things.mailing, "pause")
    page = _act(alice_client, things.mailing, "send")
    assert "The mailing is paused. Resume it first." in page


def test_while_letters_are_on_their_way_a_pause_says_that_it_is_stopping(
    alice: User, alice_client: Browser
) -> None:
    mailing = recipes.mailing(alice)
    run = recipes.run(mailing, sending=2, pending=3)
    words = "Stopping… 2 letters are still on their way."
    pages = (mailing.get_absolute_url(), run.get_absolute_url())
    for page in pages:
        assert words not in alice_client.get(page).content.decode()
    alice_client.post(f"{mailing.get_absolute_url()}pause/")
    for page in pages:
        assert words in alice_client.get(page).content.decode()
        # It looks again soon, as this is over in a moment.
        assert alice_client.get(page).context["refresh"] == 2
