import pytest
from django.test import Client as Browser
from django.urls import reverse

from mailings.models import Message
from tests import recipes
from tests.mailings.views.conftest import Things
from users.models import User

NEW = "/messages/new/"


def test_a_new_message_belongs_to_who_is_signed_in(
    alice: User, alice_client: Browser
) -> None:
    alice_client.post(NEW, {"subject": "Hi", "body": "Dear {{ full_name }}"})
    message = Message.objects.get()
    assert (message.owner, message.body) == (alice, "Dear {{ full_name }}")


def test_an_unknown_placeholder_is_an_error_at_its_field(
    alice_client: Browser,
) -> None:
    answer = alice_client.post(NEW, {"subject": "Hi {{ nmae }}", "body": "Text"})
    errors = answer.context["form"].errors
    assert list(errors) == ["subject"]
    assert "nmae" in errors["subject"][0]


def test_a_line_break_in_the_subject_does_not_get_in(alice_client: Browser) -> None:
    data = {"subject": "Hi\r\nBcc: everybody@example.com", "body": "Text"}
    assert list(alice_client.post(NEW, data).context["form"].errors) == ["subject"]


def test_the_text_is_made_from_the_html(alice_client: Browser) -> None:
    data = {"subject": "Hi", "body": "", "body_html": "<p>One</p><p>Two</p>"}
    alice_client.post(NEW, data)
    assert Message.objects.get().body == "One\n\nTwo"


def test_a_text_made_from_the_html_follows_it(
    alice: User, alice_client: Browser
) -> None:
    message = recipes.message(alice, body="One", body_html="<p>One</p>")
    url = f"{message.get_absolute_url()}edit/"
    form = alice_client.get(url).context["form"]
    assert form["body"].value() == ""
    alice_client.post(url, {"subject": "Hi", "body": "", "body_html": "<p>Two</p>"})
    assert Message.objects.get().body == "Two"


def test_a_text_of_its_own_stays(alice: User, alice_client: Browser) -> None:
    message = recipes.message(alice, body="Mine", body_html="<p>One</p>")
    form = alice_client.get(f"{message.get_absolute_url()}edit/").context["form"]
    assert form["body"].value() == "Mine"


def test_a_message_says_something(alice_client: Browser) -> None:
    answer = alice_client.post(NEW, {"subject": "Hi", "body": " "})
    assert answer.context["form"].errors == {
        "body": ["Write a text, or an HTML version."]
    }


def test_html_is_cleaned(alice_client: Browser) -> None:
    markup = '<p onclick="x()">Text<script>alert(1)</script></p>'
    alice_client.post(NEW, {"subject": "Hi", "body": "Text", "body_html": markup})
    assert Message.objects.get().body_html == "<p>Text</p>"


def test_html_is_in_a_frame_of_its_own(alice: User, alice_client: Browser) -> None:
    markup = "<script>alert(1)</script><img src='https://spy.example.com/x.png'>"
    message = recipes.message(alice, body_html=markup)
    page = alice_client.get(message.get_absolute_url()).content.decode()
    frame = reverse("mailings:message-html", args=[message.pk])
    assert f'<iframe class="html-frame" sandbox="" src="{frame}"' in page
    assert "alert(1)" not in page
    assert alice_client.get(frame)["Content-Security-Policy"].startswith("sandbox;")


def test_who_edits_a_message_in_service_is_told_by_which_mailings(
    alice: User, alice_client: Browser
) -> None:
    message = recipes.message(alice)
    url = f"{message.get_absolute_url()}edit/"
    assert "in service" not in alice_client.get(url).content.decode()
    mailing = recipes.mailing(alice, message=message, title="Spring news")
    recipes.mailing(alice, message=message, status="finished", title="Old news")
    page = alice_client.get(url).content.decode()
    assert "1 mailing in service uses this message" in page
    assert mailing.get_absolute_url() in page
    assert "Old news" not in page


def test_who_deletes_a_message_in_use_is_told_before(
    alice: User, alice_client: Browser
) -> None:
    message = recipes.message(alice)
    url = f"{message.get_absolute_url()}delete/"
    assert "uses this message" not in alice_client.get(url).content.decode()
    recipes.mailing(alice, message=message)
    assert "1 mailing uses this message" in alice_client.get(url).content.decode()


def test_a_message_in_use_is_not_deleted_and_the_page_says_why(
    alice_client: Browser, things: Things
) -> None:
    url = reverse("mailings:message-delete", args=[things.message.pk])
    page = alice_client.post(url, follow=True).content.decode()
    assert "1 mailing uses this message." in page
    assert Message.objects.filter(pk=things.message.pk).exists()


def test_a_message_that_nothing_uses_is_deleted(
    alice: User, alice_client: Browser
) -> None:
    message = recipes.message(alice)
    alice_client.post(reverse("mailings:message-delete", args=[message.pk]))
    assert not Message.objects.exists()


def test_of_very_many_mailings_with_a_message_its_page_lists_the_newest(
    alice: User, alice_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailings.views.messages._MAILINGS_LISTED", 2)
    message = recipes.message(alice)
    first = recipes.mailing(alice, message=message, title="First of all")
    page = alice_client.get(message.get_absolute_url()).content.decode()
    assert (first.title in page, "Only the newest" in page) == (True, False)
    for title in ("Second", "Third"):
        recipes.mailing(alice, message=message, title=title)
    page = alice_client.get(message.get_absolute_url()).content.decode()
    assert [name in page for name in ("First of all", "Second", "Third")] == [
        False,
        True,
        True,
    ]
    assert "Only the newest are shown." in page
