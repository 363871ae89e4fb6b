import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from users.models import User

PROFILE = "/profile/"
SWITCH = "/i18n/setlang/"


def test_the_profile_is_ones_own(alice: User, alice_client: Client) -> None:
    data = {"full_name": "Alice A.", "timezone": "Asia/Tokyo", "language": "ru"}
    answer = alice_client.post(PROFILE, data, follow=True)
    alice.refresh_from_db()
    assert (alice.full_name, str(alice.timezone), alice.language) == (
        "Alice A.",
        "Asia/Tokyo",
        "ru",
    )
    assert "Настройки сохранены." in answer.content.decode()


def test_one_can_sign_out_without_the_menu(alice_client: Client) -> None:
    """The menu opens by JavaScript alone; the buttons of this page need none."""
    main = alice_client.get(PROFILE).content.decode().partition("<main")[2]
    assert f'<form class="mt-3" method="post" action="{reverse("account_logout")}"' in (
        main
    )


def test_the_profile_needs_a_signed_in_user(client: Client, db: None) -> None:
    assert client.get(PROFILE)["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(
    ("name", "value"), [("timezone", "Mars/Olympus"), ("language", "xx")]
)
def test_what_does_not_exist_is_an_error_at_its_field(
    alice_client: Client, name: str, value: str
) -> None:
    data = {"full_name": "", "timezone": "UTC", "language": "en"} | {name: value}
    assert list(alice_client.post(PROFILE, data).context["form"].errors) == [name]


def test_rights_are_not_ones_own_to_give(alice: User, alice_client: Client) -> None:
    data = {"timezone": "UTC", "is_superuser": "on", "email": "root@example.com"}
    alice_client.post(PROFILE, data)
    alice.refresh_from_db()
    assert (alice.is_superuser, alice.email) == (False, "alice@example.com")


def test_the_switch_keeps_the_page_and_the_language(
    alice: User, alice_client: Client
) -> None:
    page = "/clients/?q=x"
    answer = alice_client.post(SWITCH, {"language": "ru", "next": page})
    alice.refresh_from_db()
    assert (answer["Location"], alice.language) == (page, "ru")
    assert "Клиенты" in alice_client.get(page).content.decode()


def test_anonymous_switches_too(client: Client, db: None) -> None:
    login = reverse("account_login")
    client.post(SWITCH, {"language": "ru", "next": login})
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME].value == "ru"
    assert "Войти" in client.get(login).content.decode()


def test_the_switch_leads_to_no_other_host(alice_client: Client) -> None:
    data = {"language": "ru", "next": "https://example.com/"}
    assert alice_client.post(SWITCH, data)["Location"] == "/"


def test_a_language_that_we_do_not_speak_changes_nothing(
    alice: User, alice_client: Client
) -> None:
    alice_client.post(SWITCH, {"language": "xx"})
    alice.refresh_from_db()
    assert alice.language == ""
