import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from users.roles import MANAGERS, ROLES

pytestmark = pytest.mark.django_db


def permissions_of(group: Group) -> set[str]:
    rows = group.permissions.values_list("content_type__app_label", "codename")
    return {".".join(row) for row in rows}


def test_a_new_installation_has_managers_with_their_permissions() -> None:
    assert permissions_of(Group.objects.get(name=MANAGERS)) == set(ROLES[MANAGERS])


def test_a_role_that_was_changed_stays_changed() -> None:
    managers = Group.objects.get(name=MANAGERS)
    managers.permissions.remove(Permission.objects.get(codename="block_user"))
    call_command("migrate", verbosity=0)
    assert permissions_of(managers) == set(ROLES[MANAGERS]) - {"users.block_user"}
