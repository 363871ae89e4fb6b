"""Who may do what with whose account, and what is left of a deleted one."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from users import blocking, managing
from users.blocking import NotAllowed
from users.models import AuditEntry, User

pytestmark = pytest.mark.django_db


def verb(name: str, user: User, by: User) -> None:
    if name == "edit":
        managing.edit_user(user, by=by, full_name="Another")
    else:
        managing.delete_user(user, by=by, reason="Gone")


@pytest.mark.parametrize("name", ["edit", "delete"])
@pytest.mark.parametrize(
    ("who", "whom", "words"),
    [
        ("alice", "bob", "may not manage"),
        ("manager", "manager", "your settings"),
        ("manager", "admin", "Only an administrator"),
        ("admin", "admin", "your settings"),
    ],
)
def test_not_everybody_may_manage_everybody(
    request: pytest.FixtureRequest, name: str, who: str, whom: str, words: str
) -> None:
    by, user = request.getfixturevalue(who), request.getfixturevalue(whom)
    assert not managing.may_manage(by, user)
    with pytest.raises(NotAllowed, match=words):
        verb(name, user, by)
    user.refresh_from_db()
    assert (user.is_active, user.full_name != "Another") == (True, True)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("codename", ["manage_users", "block_user"])
def test_who_has_power_over_others_is_managed_by_administrators_only(
    manager: User, admin: User, bob: User, codename: str
) -> None:
    bob.user_permissions.add(Permission.objects.get(codename=codename))
    # Blocked, they have no permissions; they are no fair game all the same.
    User.objects.filter(pk=bob.pk).update(is_active=False)
    bob.refresh_from_db()
    assert not managing.may_manage(manager, bob)
    assert managing.may_manage(admin, bob)


def test_who_may_not_manage_creates_nobody(alice: User) -> None:
    with pytest.raises(NotAllowed):
        managing.create_user(by=alice, email="new@example.com")
    assert User.objects.count() == 1


def test_managers_grant_no_roles_not_even_to_new_users(
    manager: User, alice: User
) -> None:
    role = Group.objects.get(name="Managers")
    with pytest.raises(NotAllowed):
        managing.create_user(by=manager, email="new@example.com", groups=[role])
    assert not User.objects.filter(email="new@example.com").exists()
    with pytest.raises(NotAllowed):
        managing.edit_user(alice, by=manager, groups=[role])
    assert list(alice.groups.all()) == []


def test_of_a_deleted_account_no_name_and_no_way_in_is_left(
    manager: User, alice: User, alice_client: Client
) -> None:
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True)
    Authenticator.objects.create(user=alice, type="totp", data={"secret": "x"})
    alice.groups.add(Group.objects.create(name="Friends"))
    managing.delete_user(alice, by=manager, reason="Gone")
    left = User.objects.get(pk=alice.pk)
    assert (left.email, left.full_name) == (
        f"deleted-{alice.pk}@deleted.invalid",
        "",
    )
    assert str(left) == f"Deleted user {alice.pk}"
    assert not left.has_usable_password()
    assert not left.is_active
    assert not EmailAddress.objects.exists()
    assert not Authenticator.objects.exists()
    assert not left.groups.exists()
    assert alice_client.get(reverse("home")).status_code == 302
    assert alice not in User.objects.existing()


def test_the_address_of_a_deleted_user_is_free_again(
    manager: User, alice: User
) -> None:
    managing.delete_user(alice, by=manager, reason="Gone")
    managing.create_user(by=manager, email="alice@example.com")
    assert User.objects.existing().get(email="alice@example.com").pk != alice.pk


def test_a_blocked_user_can_be_deleted(manager: User, alice: User) -> None:
    blocking.block(alice, by=manager, reason="Spam")
    managing.delete_user(alice, by=manager, reason="Gone")
    alice.refresh_from_db()
    assert (alice.is_blocked, alice.block_reason, alice.is_active) == (
        False,
        "",
        False,
    )


def test_nobody_is_deleted_twice(manager: User, alice: User) -> None:
    managing.delete_user(alice, by=manager, reason="Gone")
    with pytest.raises(User.DoesNotExist):
        managing.delete_user(alice, by=manager, reason="Gone")


def test_an_administrator_deletes_another_but_not_the_last(admin: User) -> None:
    other = User.objects.create_superuser("other@example.com")
    stale = User.objects.get(pk=other.pk)
    managing.delete_user(other, by=admin, reason="Gone")
    # As if both had pressed the button at the same time.
    with pytest.raises(NotAllowed, match="last administrator"):
        managing.delete_user(admin, by=stale, reason="Gone")
    admin.refresh_from_db()
    assert (admin.is_active, admin.is_superuser) == (True, True)


def test_the_database_gives_a_deleted_user_no_power(alice: User, manager: User) -> None:
    managing.delete_user(alice, by=manager, reason="Gone")
    for power in ("is_active", "is_superuser"):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.filter(pk=alice.pk).update(**{power: True})
