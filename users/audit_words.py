"""
What is kept on the audit log as the code has it, in the reader's language: the roles
that we make ourselves, and how far something is shared. All other words are those of
whoever did it.
"""

from django.utils.translation import gettext_lazy as _

from users import roles
from users.models import AuditEntry
from users.permissions import Level

_Action = AuditEntry.Action
_LEVELS = {Level.VIEW.value: _("see it"), Level.CHANGE.value: _("see and change it")}
_ROLE = "auth.group"


def name_of(entry: AuditEntry) -> str:
    """To what it was done."""
    is_role = entry.object_type == _ROLE
    return roles.shown(entry.object_name) if is_role else entry.object_name


def reason_of(entry: AuditEntry) -> str:
    if entry.action == _Action.SHARED:
        holder, _colon, level = entry.reason.rpartition(": ")
        if level in _LEVELS:
            return f"{roles.shown(holder)}: {_LEVELS[level]}"
    if entry.action == _Action.UNSHARED:
        return roles.shown(entry.reason)
    if entry.action == _Action.ROLES_CHANGED:
        return ", ".join(map(_with_sign, entry.reason.split(", ")))
    return entry.reason


def _with_sign(words: str) -> str:
    sign, _blank, name = words.partition(" ")
    return f"{sign} {roles.shown(name)}" if name else words
