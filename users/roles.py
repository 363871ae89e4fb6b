"""
Roles are groups with permissions, and nothing else: rules ask for permissions, so that
an installation can make roles of its own, or change these, on the admin site.
"""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from users import audit
from users.models import AuditEntry, User

MANAGERS = "Managers"
_REASON_LENGTH = 500

# What a manager may do besides what every user may do with what is theirs.
ROLES: dict[str, tuple[str, ...]] = {
    MANAGERS: (
        "mailings.view_all_clients",
        "mailings.view_all_messages",
        "mailings.view_all_mailings",
        "mailings.hold_mailing",
        "mailings.confirm_installation",
        "users.view_all_users",
        "users.manage_users",
        "users.block_user",
        "users.view_audit_log",
    ),
}

_SHOWN = {MANAGERS: _("Managers")}


def shown(name: str) -> str:
    """A role's name for people: ours in the reader's language, others as they are."""
    return str(_SHOWN.get(name, name))


def label(role: Group) -> str:
    """As an option of a form."""
    return shown(role.name)


def create_missing(**kwargs: Any) -> None:
    """
    After `migrate`: creates the roles that don't exist yet, with their permissions.

    One that exists is left as it is: somebody may have changed it on purpose.
    """
    for name, codenames in ROLES.items():
        group, is_new = Group.objects.get_or_create(name=name)
        if is_new:
            group.permissions.set(_permissions(codenames))


def put_down_change(role: Group, before: set[Permission], *, by: User) -> None:
    """On the audit log: a role that is new, or has another name or other rights."""
    after = set(role.permissions.all())
    signs = (("+", after - before), ("−", before - after))
    words = ", ".join(
        f"{sign} {name}"
        for sign, some in signs
        for name in sorted(str(permission.name) for permission in some)
    )
    audit.record(
        AuditEntry.Action.ROLE_CHANGED, by=by, on=role, reason=words[:_REASON_LENGTH]
    )


@transaction.atomic
def delete(role: Group, *, by: User) -> None:
    """Whoever had it loses its rights, and what was shared with it."""
    audit.record(AuditEntry.Action.ROLE_DELETED, by=by, on=role)
    role.delete()


def _permissions(names: tuple[str, ...]) -> list[Permission]:
    wanted = Q()
    for name in names:
        app_label, _, codename = name.partition(".")
        wanted |= Q(content_type__app_label=app_label, codename=codename)
    found = list(Permission.objects.filter(wanted))
    if len(found) != len(names):
        raise LookupError(f"A permission of these is unknown: {', '.join(names)}")
    return found
