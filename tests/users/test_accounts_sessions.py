"""The list of sessions, and what is asked of who has been signed in for a while."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.conftest import PASSWORD
from users import blocking
from users.models import AccountMail, User

pytestmark = pytest.mark.django_db

SESSIONS = reverse("usersessions_list")


def signed_in(user: User, **environment: str) -> Client:
    user.vouch()
    client = Client(**environment)
    data = {"login": user.email, "password": PASSWORD}
    client.post(reverse("account_login"), data)
    return client


def test_one_sees_where_one_is_signed_in(alice: User, bob: User) -> None:
    here = signed_in(alice, HTTP_USER_AGENT="Firefox", REMOTE_ADDR="10.8.0.1")
    signed_in(alice, HTTP_USER_AGENT="Telephone", REMOTE_ADDR="10.8.0.2")
    signed_in(bob, HTTP_USER_AGENT="Typewriter", REMOTE_ADDR="10.8.0.3")
    words = here.get(SESSIONS).content.decode()
    assert "Firefox" in words
    assert "Telephone" in words
    assert "10.8.0.2" in words
    assert "Typewriter" not in words  # no short word: a token may hold it by chance
    assert "10.8.0.3" not in words


def test_all_others_are_ended_and_nobody_elses(alice: User, bob: User) -> None:
    here, there, other = signed_in(alice), signed_in(alice), signed_in(bob)
    here.post(SESSIONS)
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert other.get("/").status_code == 200
    assert len(here.get(SESSIONS).context["sessions"]) == 1


def test_sessions_that_a_block_has_ended_are_not_listed(
    alice: User, manager: User
) -> None:
    signed_in(alice)
    blocking.block(alice, by=manager, reason="Spam")
    alice.refresh_from_db()
    blocking.unblock(alice, by=manager, reason="Sorry")
    here = signed_in(alice)
    assert len(here.get(SESSIONS).context["sessions"]) == 1


def test_a_new_address_asks_for_the_password_again_and_goes_on(alice: User) -> None:
    client = signed_in(alice)
    data = {"email": "alice@example.org", "action_add": ""}
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        answer = client.post(reverse("account_email"), data)
        assert answer["Location"].startswith(reverse("account_reauthenticate"))
        assert not AccountMail.objects.filter(to="alice@example.org").exists()
        client.post(answer["Location"], {"password": PASSWORD}, follow=True)
    assert AccountMail.objects.filter(to="alice@example.org").exists()


@pytest.mark.parametrize("target", ["https://evil.example.net/", "//evil.example.net"])
def test_switching_the_language_leads_nowhere_else(client: Client, target: str) -> None:
    data = {"language": "ru", "next": target}
    answer = client.post(reverse("set_language"), data)
    assert "evil" not in answer["Location"]
