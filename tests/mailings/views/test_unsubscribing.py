"""The page behind the link of a letter, and the button of mail programs (RFC 8058)."""

import re

import pytest
from django.test import Client as Browser
from django.utils import timezone

from mailings.models import Delivery, Run, Suppression
from mailings.previewing import preview
from tests import recipes
from users import blocking
from users.models import User

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def delivery(alice: User) -> Delivery:
    return recipes.run(recipes.mailing(alice), accepted=1).deliveries.get()


@pytest.fixture
def url(delivery: Delivery) -> str:
    return f"/u/{recipes.unsubscribe_token(delivery)}/"


@pytest.fixture
def program() -> Browser:
    """Knows no token of our forms, and nobody."""
    return Browser(enforce_csrf_checks=True)


def suppressed() -> list[str]:
    return list(Suppression.objects.values_list("email", flat=True))


@pytest.mark.parametrize(
    "sent",
    [
        {"data": ONE_CLICK},  # multipart
        {
            "data": "List-Unsubscribe=One-Click",
            "content_type": "application/x-www-form-urlencoded",
        },
        {"data": b"", "content_type": "text/plain"},
        {"data": b"\xff--broken", "content_type": "multipart/form-data; boundary=x"},
    ],
)
def test_one_post_unsubscribes(
    program: Browser, url: str, delivery: Delivery, sent: dict[str, object]
) -> None:
    answer = program.post(url, **sent)
    assert answer.status_code == 200
    assert answer.cookies == {}
    assert suppressed() == [delivery.email]


def test_a_second_one_gets_the_same_answer(program: Browser, url: str) -> None:
    first, second = program.post(url, ONE_CLICK), program.post(url, ONE_CLICK)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    assert len(suppressed()) == 1


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    "token", ["x", "1-x", "0-", "é", "9" * 400, "%00", "{letter}", "{letter}x"]
)
def test_a_damaged_link_says_so_and_nothing_of_who_exists(
    program: Browser, url: str, delivery: Delivery, token: str, language: str
) -> None:
    """Cut off or with something added, it is like one that never was."""
    token = token.format(letter=recipes.unsubscribe_token(delivery)[:-1])
    accepted = {"accept-language": language}
    for method in (program.get, program.post):
        damaged = method(f"/u/{token}/", headers=accepted)
        nothing = method("/u/no-such-token/", headers=accepted)
        assert (damaged.status_code, damaged.content) == (404, nothing.content)
        assert damaged.cookies == {}
        words = {"en": "This link is damaged", "ru": "Ссылка повреждена"}[language]
        assert words in damaged.content.decode()
    assert suppressed() == []


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_link_of_a_test_says_that_it_is_one(
    program: Browser, alice: User, method: str
) -> None:
    message = recipes.message(alice)
    read = preview(message, email="a@b.de", full_name="A", now=timezone.now())
    link = re.search(r"/u/\S+", read.text)
    assert link
    answer = getattr(program, method)(link[0])
    assert answer.status_code == 200
    assert "This is a test" in answer.content.decode()
    assert "unsubscribed by it" in answer.content.decode()
    assert suppressed() == []


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_looking_at_it_changes_nothing(program: Browser, url: str, method: str) -> None:
    answer = getattr(program, method)(url)
    assert answer.status_code == 200
    assert answer.cookies == {}
    assert suppressed() == []


def test_the_page_asks_and_its_form_needs_nothing_but_a_click(
    program: Browser, url: str
) -> None:
    page = program.get(url).content.decode()
    assert '<form method="post"><button' in page
    assert "csrf" not in page


def test_it_speaks_the_language_of_the_browser(program: Browser, url: str) -> None:
    russian = program.get(url, headers={"accept-language": "ru"}).content.decode()
    assert '<html lang="ru">' in russian
    assert "Отписаться" in russian
    assert "Unsubscribe" in program.get(url).content.decode()


def test_it_works_though_the_sender_is_blocked(
    program: Browser, url: str, alice: User, admin: User
) -> None:
    blocking.block(alice, by=admin, reason="Spam")
    assert program.post(url, ONE_CLICK).status_code == 200
    assert len(suppressed()) == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_it_says_which_address_and_whose_messages(
    program: Browser, url: str, delivery: Delivery, method: str
) -> None:
    """What the letter says, and no more: who was its sender when it was sent."""
    Run.objects.update(sender_name="Alice & Co", sender_email="alice@example.com")
    page = getattr(program, method)(url).content.decode()
    assert delivery.email in page
    assert "Alice &amp; Co" in page
    assert "alice@example.com" not in page
    Run.objects.update(sender_name="")
    assert "alice@example.com" in getattr(program, method)(url).content.decode()
