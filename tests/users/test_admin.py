from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from mailings.models import Mailing
from tests import recipes
from users import managing
from users.blocking import NotAllowed
from users.models import AuditEntry, User

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


def test_addresses_are_changed_on_record(
    admin: User, admin_client: Client, alice: User
) -> None:
    url = "/admin/account/emailaddress/"
    data = {"user": alice.pk, "email": "second@example.com"}
    assert admin_client.post(f"{url}add/", data).status_code == 302
    address = EmailAddress.objects.get(email="second@example.com")
    act = {"action": "make_verified", "_selected_action": [address.pk]}
    assert admin_client.post(url, act).status_code == 302
    changed = data | {"email": "third@example.com"}
    page = f"{url}{address.pk}/change/"
    assert admin_client.post(page, changed).status_code == 302
    assert admin_client.post(page, changed).status_code == 302  # nothing is changed
    delete = {"post": "yes"}
    assert admin_client.post(f"{url}{address.pk}/delete/", delete).status_code == 302
    log = AuditEntry.objects.filter(action="email_changed").order_by("pk")
    assert {(entry.actor, entry.object_id) for entry in log} == {(admin, alice.pk)}
    assert [entry.reason for entry in log] == [
        "+ second@example.com",
        "~ second@example.com (verified)",
        "~ third@example.com",
        "− third@example.com",
    ]


def change(client: Client, user: User, **values: object) -> Any:
    """Posts the form of the user as it is, with these values."""
    data: dict[str, object] = {
        "email": user.email,
        "full_name": user.full_name,
        "timezone": str(user.timezone),
        "language": user.language,
        "groups": [group.pk for group in user.groups.all()],
    }
    data |= {name: "on" for name in ("is_staff", "is_superuser") if getattr(user, name)}
    data = {name: value for name, value in (data | values).items() if value is not None}
    return client.post(reverse("admin:users_user_change", args=[user.pk]), data)


def test_roles_are_given_on_record(
    admin: User, admin_client: Client, alice: User
) -> None:
    managers = Group.objects.get(name="Managers")
    answer = change(admin_client, alice, groups=[managers.pk], is_staff="on")
    assert answer.status_code == 302
    assert list(alice.groups.all()) == [managers]
    log = AuditEntry.objects.filter(object_id=alice.pk).order_by("pk")
    assert list(log.values_list("actor_email", "action", "reason")) == [
        (admin.email, "roles_changed", "+ may use the admin site"),
        (admin.email, "roles_changed", "+ Managers"),
    ]
    assert [row.history_user for row in alice.history.all()[:2]] == [admin, admin]


def test_a_changed_name_is_on_record(admin_client: Client, alice: User) -> None:
    assert change(admin_client, alice, full_name="Alicia").status_code == 302
    entry = AuditEntry.objects.get(object_id=alice.pk)
    assert (entry.action, entry.reason) == ("user_changed", "full name: Alice → Alicia")


@pytest.mark.parametrize("power", ["is_staff", "is_superuser"])
def test_administrators_demote_each_other_but_not_themselves(
    admin: User, admin_client: Client, power: str
) -> None:
    assert change(admin_client, admin, **{power: None}).status_code == 302
    admin.refresh_from_db()
    assert (admin.is_staff, admin.is_superuser) == (True, True)
    other = User.objects.create_superuser("other@example.com")
    assert change(admin_client, other, **{power: None}).status_code == 302
    other.refresh_from_db()
    assert not getattr(other, power)


def test_the_last_administrator_stays_one(admin: User) -> None:
    """As if two had demoted each other at the same time."""
    other = User.objects.create_superuser("other@example.com")
    stale = User.objects.get(pk=other.pk)
    other.is_superuser = False
    managing.save_on_admin_site(other, by=admin)
    admin.is_superuser = False
    with pytest.raises(NotAllowed, match="last administrator"):
        managing.save_on_admin_site(admin, by=stale)
    assert User.objects.get(pk=admin.pk).is_superuser


def test_who_may_only_edit_users_makes_no_administrator_and_touches_none(
    admin: User, alice: User, bob: User
) -> None:
    alice.is_staff = True
    alice.save()
    for codename in ("view_user", "change_user"):
        alice.user_permissions.add(Permission.objects.get(codename=codename))
    editor = Client()
    editor.force_login(alice)
    assert change(editor, bob, is_superuser="on", full_name="B").status_code == 302
    bob.refresh_from_db()
    assert (bob.is_superuser, bob.full_name) == (False, "B")
    assert change(editor, alice, is_superuser="on").status_code == 302
    alice.refresh_from_db()
    assert not alice.is_superuser
    assert change(editor, admin, full_name="X").status_code == 403
    password = reverse("admin:auth_user_password_change", args=[admin.pk])
    assert editor.post(password, {}).status_code == 403


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
