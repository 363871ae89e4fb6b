"""The page behind the link of a letter, and the button of mail programs (RFC 8058)."""

import pytest
from django.test import Client as Browser

from mailings.models import Delivery, Suppression
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


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["x", "1-x", "0-", "é", "9" * 400, "%00"])
def test_nobody_is_told_whether_there_is_such_a_token(
    program: Browser, url: str, token: str
) -> None:
    for method in (program.get, program.post):
        unknown, known = method(f"/u/{token}/"), method(url)
        assert (unknown.status_code, unknown.content) == (200, known.content)
        assert unknown.cookies == {}


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


def test_it_names_nobody(program: Browser, url: str, delivery: Delivery) -> None:
    """A letter that is passed on tells nothing more than it says itself."""
    page = program.get(url).content.decode()
    assert delivery.email not in page
    assert "alice" not in page.lower()
