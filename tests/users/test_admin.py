import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse

from mailings.models import Mailing
from tests import recipes
from users.models import User

ADD = "/admin/users/user/add/"


def test_who_is_made_by_an_administrator_signs_in_at_once(
    admin_client: Client, client: Client
) -> None:
    data = {
        "email": "New@Example.com",
        "usable_password": "true",
        "password1": "rather long 1",
        "password2": "rather long 1",
    }
    assert admin_client.post(ADD, data).status_code == 302
    assert User.objects.filter(email="new@example.com").count() == 1
    login = {"login": "new@example.com", "password": "rather long 1"}
    answer = client.post(reverse("account_login"), login)
    assert answer["Location"] == reverse("home")


def test_an_address_is_one_users(admin_client: Client, alice: User) -> None:
    EmailAddress.objects.create(user=alice, email="second@example.com", verified=True)
    data = {"email": "Second@example.com", "usable_password": "false"}
    answer = admin_client.post(ADD, data)
    assert list(answer.context["adminform"].form.errors) == ["email"]


def test_a_changed_address_is_the_one_to_sign_in_with(
    admin_client: Client, alice: User
) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True)
    data = {
        "email": "ALICE@example.org",
        "full_name": "Alice",
        "timezone": "UTC",
        "language": "",
        "is_active": "on",
    }
    url = reverse("admin:users_user_change", args=[alice.pk])
    assert admin_client.post(url, data).status_code == 302
    addresses = EmailAddress.objects.filter(user=alice).values_list("email", "verified")
    assert list(addresses) == [("alice@example.org", True)]


@pytest.mark.parametrize(
    "name",
    [
        *("client", "clientlist", "message", "mailing", "run", "delivery"),
        *("attempt", "circuit"),
    ],
)
def test_the_domain_is_there_to_look_at(
    admin_client: Client, alice: User, name: str
) -> None:
    recipes.run(recipes.mailing(alice), accepted=1)
    changelist = reverse(f"admin:mailings_{name}_changelist")
    assert admin_client.get(changelist).status_code == 200
    assert admin_client.get(changelist + "add/").status_code == 403


def test_a_mailing_is_not_changed_past_its_verbs(
    admin_client: Client, alice: User
) -> None:
    mailing = recipes.mailing(alice, title="Before")
    url = reverse("admin:mailings_mailing_change", args=[mailing.pk])
    assert admin_client.get(url).status_code == 200
    assert admin_client.post(url, {"title": "After"}).status_code == 403
    assert Mailing.objects.get().title == "Before"
