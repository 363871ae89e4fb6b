import json

import pytest
from django.test import Client as Browser

from mailings.models import Draft, Message
from tests import recipes
from users.models import User

NEW, NEW_DRAFT = "/messages/new/", "/messages/draft/"
TYPED = {"subject": "Hi {{ nmae }}", "body": "Half a sen", "body_html": ""}


@pytest.fixture
def message(alice: User) -> Message:
    return recipes.message(alice, subject="Saved", body="Saved text")


def shown(browser: Browser, url: str) -> dict[str, str]:
    form = browser.get(url).context["form"]
    return {name: form[name].value() for name in TYPED}


def test_what_is_typed_is_there_again_right_or_wrong(alice_client: Browser) -> None:
    answer = alice_client.post(NEW_DRAFT, TYPED)
    assert json.loads(answer.content)["saved_at"]
    assert shown(alice_client, NEW) == TYPED
    assert not Message.objects.exists()


def test_the_page_says_that_it_shows_a_draft(alice_client: Browser) -> None:
    assert "This is your draft of" not in alice_client.get(NEW).content.decode()
    alice_client.post(NEW_DRAFT, TYPED)
    assert "This is your draft of" in alice_client.get(NEW).content.decode()


def test_a_draft_takes_the_place_of_the_one_before(alice_client: Browser) -> None:
    alice_client.post(NEW_DRAFT, TYPED)
    alice_client.post(NEW_DRAFT, TYPED | {"subject": "Later"})
    assert [draft.subject for draft in Draft.objects.all()] == ["Later"]


def test_a_message_keeps_what_is_saved_until_the_draft_is(
    alice_client: Browser, message: Message
) -> None:
    url = f"{message.get_absolute_url()}edit/"
    alice_client.post(f"{message.get_absolute_url()}draft/", TYPED)
    message.refresh_from_db()
    assert message.subject == "Saved"
    assert shown(alice_client, url) == TYPED
    assert shown(alice_client, NEW)["subject"] is None


def test_saving_ends_the_draft(alice_client: Browser, message: Message) -> None:
    alice_client.post(NEW_DRAFT, TYPED)
    alice_client.post(f"{message.get_absolute_url()}draft/", TYPED)
    text = {"subject": "Done", "body": "Text"}
    alice_client.post(f"{message.get_absolute_url()}edit/", text)
    assert [draft.message for draft in Draft.objects.all()] == [None]
    alice_client.post(NEW, text)
    assert not Draft.objects.exists()


def test_a_refused_save_leaves_the_draft(alice_client: Browser) -> None:
    alice_client.post(NEW_DRAFT, TYPED)
    answer = alice_client.post(NEW, TYPED | {"subject": "Typed {{ since }}"})
    assert answer.context["form"]["subject"].value() == "Typed {{ since }}"
    assert Draft.objects.exists()


def test_a_draft_is_discarded(alice_client: Browser, message: Message) -> None:
    draft = f"{message.get_absolute_url()}draft/"
    alice_client.post(draft, TYPED)
    answer = alice_client.post(draft, {"discard": "1"})
    assert answer["Location"] == f"{message.get_absolute_url()}edit/"
    assert shown(alice_client, answer["Location"])["subject"] == "Saved"


def test_what_is_as_it_was_saved_is_no_draft(
    alice_client: Browser, message: Message
) -> None:
    draft = f"{message.get_absolute_url()}draft/"
    alice_client.post(draft, TYPED)
    same = {"subject": "Saved", "body": "Saved text", "body_html": ""}
    assert json.loads(alice_client.post(draft, same).content) == {"saved_at": None}
    assert not Draft.objects.exists()


def test_the_page_says_that_the_message_was_changed_after_the_draft(
    alice_client: Browser, message: Message
) -> None:
    alice_client.post(f"{message.get_absolute_url()}draft/", TYPED)
    url = f"{message.get_absolute_url()}edit/"
    assert not alice_client.get(url).context["draft_is_overtaken"]
    message.save()
    assert alice_client.get(url).context["draft_is_overtaken"]


def test_nobody_sees_the_draft_of_another(
    alice_client: Browser, bob_client: Browser
) -> None:
    alice_client.post(NEW_DRAFT, TYPED)
    assert shown(bob_client, NEW)["subject"] is None


def test_what_is_longer_than_a_message_is_refused_and_the_draft_stays(
    alice_client: Browser,
) -> None:
    alice_client.post(NEW_DRAFT, TYPED)
    answer = alice_client.post(NEW_DRAFT, TYPED | {"subject": "x" * 256})
    assert answer.status_code == 400
    assert shown(alice_client, NEW) == TYPED
