from typing import Any
from uuid import UUID

import pytest
from django.test import Client as Browser
from django.utils import timezone
from django_q.models import Schedule
from pytest_django.fixtures import Settings

from mailings.models import Mailing, Message, Run
from mailings.views.mailings import MailingCreatePage
from tests import recipes
from tests.mailings.views.conftest import Things
from tests.mailings.views.test_mailings import NEW, settings_of
from users.models import User


def asked(browser: Browser, data: dict[str, Any]) -> Any:
    """The page that asks; nothing is saved yet."""
    answer = browser.post(NEW, data | {"key": ""})
    assert answer.status_code == 200
    assert not Mailing.objects.exists()
    return answer


def confirmation(page: Any) -> dict[str, Any]:
    """What the button of that page sends."""
    data: dict[str, Any] = {"key": str(page.context["key"])}
    for name, value in page.context["carried"]:
        data.setdefault(name, []).append(value)
    return data


def test_before_it_starts_a_page_says_what_goes_to_whom_and_when(
    alice: User, alice_client: Browser
) -> None:
    gone, *_others = recipes.clients(alice, 3)
    recipes.suppression(alice, email=gone.email)
    page = asked(alice_client, settings_of(alice))
    text = page.content.decode()
    assert "“News” goes to 2 recipients." in text
    assert "1 suppressed address" in text
    assert len(page.context["outlook"].moments) == 5
    assert "Put into service" in text


def test_the_page_names_the_title_the_sender_and_the_attachments(
    alice: User, alice_client: Browser, settings: Settings
) -> None:
    settings.DEFAULT_FROM_EMAIL = "Post <post@example.org>"
    User.objects.update(full_name="Alice A.")
    data = settings_of(alice, title="Spring")
    recipes.attachment(Message.objects.get(), name="prices.pdf")
    text = asked(alice_client, data).content.decode()
    assert "Spring" in text.partition("<dl")[2].partition("</dl>")[0]
    assert "Alice A. &lt;post@example.org&gt;" in text
    assert "prices.pdf" in text
    User.objects.update(full_name="")
    assert "Post &lt;post@example.org&gt;" in asked(alice_client, data).content.decode()


def test_confirmed_it_is_what_the_form_said(alice: User, alice_client: Browser) -> None:
    one, two, _other = recipes.clients(alice, 3)
    data = settings_of(alice, clients=[one.pk, two.pk], title="Both")
    del data["all_clients"]
    page = asked(alice_client, data)
    answer = alice_client.post(NEW, confirmation(page))
    mailing = Mailing.objects.get()
    assert answer["Location"] == mailing.get_absolute_url()
    assert mailing.title == "Both"
    assert set(mailing.recipients()) == {one, two}


def test_a_double_click_makes_one_mailing(alice: User, alice_client: Browser) -> None:
    data = confirmation(asked(alice_client, settings_of(alice)))
    answers = [alice_client.post(NEW, data) for _ in range(2)]
    mailing = Mailing.objects.get()
    assert {answer["Location"] for answer in answers} == {mailing.get_absolute_url()}
    assert Schedule.objects.filter(name=f"mailing:{mailing.pk}").count() == 1


def test_going_back_and_sending_the_form_again_makes_no_second_one(
    alice: User, alice_client: Browser
) -> None:
    """Back leads to the form, or to the page that asks, which is asked for anew."""
    form = settings_of(alice) | {
        "once": str(alice_client.get(NEW).context["key"]),
        "key": "",
    }
    page = alice_client.post(NEW, form)
    alice_client.post(NEW, confirmation(page))
    mailing = Mailing.objects.get()
    for again in (form, form | {"title": "Changed"}, confirmation(page)):
        answer = alice_client.post(NEW, again, follow=True)
        assert answer.redirect_chain == [(mailing.get_absolute_url(), 302)]
        assert "It has been started already" in answer.content.decode()
    assert Mailing.objects.count() == 1


def test_the_form_keeps_its_key_on_the_way(alice: User, alice_client: Browser) -> None:
    first = alice_client.get(NEW)
    once = str(first.context["key"])
    assert f'name="once" value="{once}"' in first.content.decode()
    form = settings_of(alice) | {"once": once, "key": ""}
    asking = alice_client.post(NEW, form)
    back = alice_client.post(NEW, confirmation(asking) | {"show": "1"})
    wrong = alice_client.post(NEW, form | {"end_at": ""})
    for page in (asking, back, wrong):
        assert str(page.context["key"]) == once
    assert str(alice_client.get(NEW).context["key"]) != once


def test_of_two_clicks_at_once_the_slower_one_finds_the_mailing(
    alice: User, alice_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other comes in between the look and the saving: the database says no."""
    data = confirmation(asked(alice_client, settings_of(alice)))
    look = MailingCreatePage._launched
    looks = []

    def look_and_be_overtaken(view: MailingCreatePage, key: UUID) -> Mailing | None:
        found = look(view, key)
        looks.append(found)
        if len(looks) == 1:
            other = Browser()
            other.force_login(alice)
            assert other.post(NEW, data).status_code == 302
        return found

    monkeypatch.setattr(MailingCreatePage, "_launched", look_and_be_overtaken)
    answer = alice_client.post(NEW, data)
    assert answer["Location"] == Mailing.objects.get().get_absolute_url()


def test_one_persons_key_is_nothing_to_another(
    alice: User, alice_client: Browser, bob: User, bob_client: Browser
) -> None:
    data = settings_of(alice)
    alice_client.post(NEW, data)
    bob_client.post(NEW, settings_of(bob, key=data["key"]))
    assert [each.owner for each in Mailing.objects.order_by("pk")] == [alice, bob]


@pytest.mark.parametrize("key", ["", "x", "\0", "7c1f9c55"])
def test_a_key_that_is_none_is_asked_for_again(
    alice: User, alice_client: Browser, key: str
) -> None:
    page = alice_client.post(NEW, settings_of(alice, key=key))
    assert page.context["key"]
    assert not Mailing.objects.exists()


def test_the_way_back_leads_to_the_form_as_it_was(
    alice: User, alice_client: Browser
) -> None:
    data = confirmation(asked(alice_client, settings_of(alice, title="Kept")))
    page = alice_client.post(NEW, data | {"show": "1"})
    assert page.context["form"]["title"].value() == "Kept"
    assert not Mailing.objects.exists()


def test_what_nobody_gets_is_said_before(alice: User, alice_client: Browser) -> None:
    page = asked(alice_client, settings_of(alice))
    assert "no recipients" in page.content.decode()


def test_a_double_click_on_send_now_makes_one_run(
    alice_client: Browser, things: Things
) -> None:
    mailing = things.mailing
    Mailing.objects.filter(pk=mailing.pk).update(periodicity="daily")
    url = f"{mailing.get_absolute_url()}send/"
    newest = alice_client.get(mailing.get_absolute_url()).context["newest_run"]
    assert newest == things.run.pk
    alice_client.post(url, {"after": newest, "confirmed": "1"})
    # So few recipients that the worker is through before the second click.
    Run.objects.filter(pk__gt=newest).update(
        state=Run.State.FINISHED, finished_at=timezone.now()
    )
    answer = alice_client.post(url, {"after": newest, "confirmed": "1"}, follow=True)
    assert mailing.runs.filter(pk__gt=newest).count() == 1
    assert "A run has begun meanwhile." in answer.content.decode()
