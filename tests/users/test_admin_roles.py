"""Roles and second factors on the admin site: by administrators, on record."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from users.models import AuditEntry, User

ADD = "/admin/auth/group/add/"
SECRET = "JBSWY3DPEHPK3PXP"


def permission(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


def deeds(action: str) -> list[tuple[str, str]]:
    entries = AuditEntry.objects.filter(action=action).order_by("pk")
    return [(entry.object_name, entry.reason) for entry in entries]


def test_a_role_of_ones_own_works_and_is_on_record(
    admin_client: Client, alice: User, alice_client: Client
) -> None:
    users = reverse("reports:manage-users")
    assert alice_client.get(users).status_code == 403
    data: dict[str, Any] = {"name": "Readers"}
    data["permissions"] = [permission("view_all_users").pk]
    assert admin_client.post(ADD, data).status_code == 302
    alice.groups.add(Group.objects.get(name="Readers"))
    assert alice_client.get(users).status_code == 200
    assert deeds("role_changed") == [("Readers", "+ Can see all users")]


def test_a_role_that_is_changed_or_deleted_is_on_record(
    admin: User, admin_client: Client
) -> None:
    role = Group.objects.create(name="Readers")
    role.permissions.add(permission("view_all_users"))
    page = reverse("admin:auth_group_change", args=[role.pk])
    data = {"name": "Watchers", "permissions": [permission("hold_mailing").pk]}
    assert admin_client.post(page, data).status_code == 302
    words = "+ Can hold and release mailings, − Can see all users"
    assert deeds("role_changed") == [("Watchers", words)]
    delete = reverse("admin:auth_group_delete", args=[role.pk])
    admin_client.post(delete, {"post": "yes"})
    other = Group.objects.create(name="Press")
    action = {"action": "delete_selected", "_selected_action": [other.pk]}
    admin_client.post("/admin/auth/group/", action | {"post": "yes"})
    assert deeds("role_deleted") == [("Watchers", ""), ("Press", "")]
    assert list(Group.objects.values_list("name", flat=True)) == ["Managers"]


@pytest.fixture
def staff(charlie: User) -> User:
    """May use the admin site and, by Django's own permissions, change a lot."""
    charlie.is_staff = True
    charlie.save()
    for codename in ("change_group", "add_group", "delete_group", "view_group"):
        charlie.user_permissions.add(permission(codename))
    for codename in ("change_user", "view_user"):
        charlie.user_permissions.add(permission(codename))
    return charlie


def test_who_is_no_administrator_gives_nobody_powers_by_way_of_a_role(
    staff: User, charlie_client: Client
) -> None:
    role = Group.objects.get(name="Managers")
    page = reverse("admin:auth_group_change", args=[role.pk])
    before = set(role.permissions.all())
    answer = charlie_client.post(page, {"name": "Managers", "permissions": []})
    assert answer.status_code == 403
    assert charlie_client.post(ADD, {"name": "Mine"}).status_code == 403
    assert set(role.permissions.all()) == before
    assert Group.objects.count() == 1


def test_who_is_no_administrator_changes_no_managers_address_or_password(
    staff: User, charlie_client: Client, manager: User
) -> None:
    page = reverse("admin:users_user_change", args=[manager.pk])
    data = {"email": "charlie@example.org", "full_name": "", "timezone": "UTC"}
    assert charlie_client.post(page, data).status_code == 403
    answer = charlie_client.get(f"/admin/users/user/{manager.pk}/password/")
    assert answer.status_code == 403


def test_another_password_is_on_record(
    admin: User, admin_client: Client, alice: User, alice_client: Client
) -> None:
    data = {"password1": "rather long 1", "password2": "rather long 1"}
    page = f"/admin/users/user/{alice.pk}/password/"
    admin_client.post(page, data | {"usable_password": "true", "password2": "x"})
    assert deeds("password_changed") == []
    admin_client.post(page, data | {"usable_password": "true"})
    entry = AuditEntry.objects.get(action="password_changed")
    assert (entry.actor, entry.object_name) == (admin, "Alice")
    assert alice_client.get(reverse("home")).status_code == 302


def test_a_lost_second_factor_is_taken_away_on_record_and_its_secret_is_not_shown(
    admin_client: Client, alice: User
) -> None:
    factor = Authenticator.objects.create(
        user=alice, type="totp", data={"secret": SECRET}
    )
    page = reverse("admin:mfa_authenticator_change", args=[factor.pk])
    assert SECRET not in admin_client.get(page).content.decode()
    assert admin_client.post(page, {"type": "totp"}).status_code == 403
    delete = reverse("admin:mfa_authenticator_delete", args=[factor.pk])
    admin_client.post(delete, {"post": "yes"})
    assert not Authenticator.objects.exists()
    assert [name for name, _ in deeds("second_factor_off")] == ["Alice"]


def test_a_session_is_ended_and_its_key_is_not_shown(
    admin_client: Client, alice: User, alice_client: Client
) -> None:
    key = alice_client.session.session_key
    session = UserSession.objects.create(
        user=alice, session_key=key, ip="127.0.0.1", user_agent="A browser"
    )
    found = admin_client.get("/admin/usersessions/usersession/?q=alice")
    assert "A browser" in found.content.decode()
    page = reverse("admin:usersessions_usersession_change", args=[session.pk])
    assert str(key) not in admin_client.get(page).content.decode()
    delete = reverse("admin:usersessions_usersession_delete", args=[session.pk])
    admin_client.post(delete, {"post": "yes"})
    assert alice_client.get(reverse("home")).status_code == 302


def test_every_list_of_the_admin_site_can_be_searched(admin_client: Client) -> None:
    page = admin_client.get("/admin/").content.decode()
    lists = {part.split('"')[0] for part in page.split('href="')[1:]}
    lists = {path for path in lists if path.startswith("/admin/") and "?" not in path}
    tables = {path for path in lists if path.count("/") == 4}
    assert len(tables) > 10
    for path in tables:
        assert admin_client.get(path, {"q": "x"}).status_code in (200, 302), path
