"""
Blocking a user: out at the next request in every session, and nothing of theirs is
sent. The engine asks whether the owner is active; nobody has to tell it.
"""

from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from users import audit
from users.models import AuditEntry, User


class NotAllowed(Exception):
    """Who asked may not do that to this user; the message says why."""


@transaction.atomic
def block(user: User, *, by: User, reason: str) -> None:
    """Raises NotAllowed. What waits to be sent goes on waiting."""
    user = _locked(user)
    _require_power(by, user)
    reason = reason.strip()
    if not reason:
        raise NotAllowed(_("Say why the user is blocked."))
    if user.is_blocked:
        raise NotAllowed(_("The user is blocked already."))
    user.is_active = False
    user.blocked_at, user.blocked_by, user.block_reason = now(), by, reason
    # Old cookies stay dead after an unblocking, too.
    user.session_epoch = F("session_epoch") + 1
    user.save(
        update_fields=[
            *("is_active", "blocked_at", "blocked_by", "block_reason", "session_epoch")
        ]
    )
    audit.record(AuditEntry.Action.USER_BLOCKED, by=by, on=user, reason=reason)


@transaction.atomic
def unblock(user: User, *, by: User, reason: str) -> None:
    """Raises NotAllowed. What is still inside its window goes on."""
    user = _locked(user)
    _require_power(by, user)
    if not user.is_blocked:
        raise NotAllowed(_("The user is not blocked."))
    reason = reason.strip()
    if not reason:
        raise NotAllowed(_("Say why the user is unblocked."))
    user.is_active = True
    user.blocked_at = user.blocked_by = None
    user.block_reason = ""
    user.save(update_fields=["is_active", "blocked_at", "blocked_by", "block_reason"])
    audit.record(AuditEntry.Action.USER_UNBLOCKED, by=by, on=user, reason=reason)


def may_block(by: User, user: User) -> bool:
    """Whether `by` may block and unblock `user`: the page offers it only then."""
    return not _objection(by, user)


def _require_power(by: User, user: User) -> None:
    objection = _objection(by, user)
    if objection:
        raise NotAllowed(objection)


def _objection(by: User, user: User) -> str:
    if not by.has_perm("users.block_user"):
        return _("You may not block users.")
    if by.pk == user.pk:
        return _("You can't block yourself.")
    if user.is_superuser:
        return _("Administrators can't be blocked.")
    if not by.is_superuser and is_a_peer(user):
        return _("Only an administrator may block who may block others.")
    return ""


def is_a_peer(user: User) -> bool:
    """
    Whether the user may manage or block others.

    Who is blocked has no permissions any more: those given to them are asked for.
    """
    powers = Permission.objects.filter(
        content_type__app_label="users", codename__in=("block_user", "manage_users")
    )
    return powers.filter(Q(user=user) | Q(group__user=user)).exists()


def _locked(user: User) -> User:
    return User.objects.select_for_update().get(pk=user.pk)
