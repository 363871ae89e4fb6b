import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse

from users.models import User

LOGIN = "/accounts/login/"


@pytest.fixture
def known(alice: User) -> User:
    EmailAddress.objects.create(
        user=alice, email=alice.email, verified=True, primary=True
    )
    return alice


@pytest.mark.parametrize("email", ["alice@example.com", "ALICE@example.com"])
def test_by_e_mail_and_password(client: Client, known: User, email: str) -> None:
    answer = client.post(LOGIN, {"login": email, "password": "correct horse"})
    assert answer["Location"] == reverse("home")


def test_one_comes_back_to_where_one_was_going(client: Client, known: User) -> None:
    answer = client.post(
        f"{LOGIN}?next=/clients/",
        {"login": known.email, "password": "correct horse", "next": "/clients/"},
    )
    assert answer["Location"] == "/clients/"


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_wrong_password_and_a_wrong_address_sound_alike(
    client: Client, known: User, email: str
) -> None:
    answer = client.post(LOGIN, {"login": email, "password": "wrong"})
    assert answer.context["form"].errors == {
        "__all__": ["The email address and/or password you specified are not correct."]
    }


def test_a_blocked_user_stays_outside(client: Client, known: User) -> None:
    known.is_active = False
    known.save()
    client.post(LOGIN, {"login": known.email, "password": "correct horse"})
    assert "_auth_user_id" not in client.session


def test_sign_out_is_a_post(alice_client: Client) -> None:
    alice_client.post(reverse("account_logout"))
    assert alice_client.get("/").status_code == 302
