"""
Managing users: creating, editing and deleting them. Each verb asks whether who does it
may, is atomic, and puts itself on the audit log.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from users import audit, history
from users.blocking import NotAllowed, is_a_peer
from users.models import AuditEntry, User

_REASON_LENGTH = 500
_POWERS = ("is_staff", "is_superuser")
_ADMINISTRATORS = Q(is_superuser=True, is_staff=True, is_active=True)


@transaction.atomic
def create_user(
    *, by: User, email: str, full_name: str = "", groups: Iterable[Group] = ()
) -> User:
    """
    An account without a password: its user sets one by the mail for forgotten ones.

    Who makes the account vouches for its address. Raises NotAllowed.
    """
    if not by.has_perm("users.manage_users"):
        raise NotAllowed(_("You may not manage users."))
    user = User.objects.create_user(email, full_name=full_name)
    user.vouch()
    audit.record(AuditEntry.Action.USER_CREATED, by=by, on=user)
    set_groups(user, groups, by=by)
    return user


@transaction.atomic
def edit_user(
    user: User, *, by: User, groups: Iterable[Group] | None = None, **values: Any
) -> None:
    """
    Sets what is given of full_name, timezone and language; and the groups, unless they
    are None: only administrators change them. Raises NotAllowed.
    """
    require_power(by, user)
    user = User.objects.existing().select_for_update().get(pk=user.pk)
    changed = {
        name: value for name, value in values.items() if value != getattr(user, name)
    }
    if changed:
        words = "; ".join(_change(user, name, value) for name, value in changed.items())
        for name, value in changed.items():
            setattr(user, name, value)
        user.save(update_fields=list(changed))
        audit.record(
            AuditEntry.Action.USER_CHANGED,
            by=by,
            on=user,
            reason=words[:_REASON_LENGTH],
        )
    if groups is not None:
        set_groups(user, groups, by=by)


@transaction.atomic
def delete_user(user: User, *, by: User, reason: str) -> None:
    """
    Takes everything from the account that names a person or lets one in.

    The row stays without a name, for the history that refers to it. What the user owns
    is the business of `mailings.departure`. Raises NotAllowed.
    """
    user = _locked(user)
    require_power(by, user)
    if not reason.strip():
        raise NotAllowed(_("Say why the user is deleted."))
    if user.is_superuser:
        _require_another_administrator(user)
    words = f"{user.email}: {reason.strip()}"[:_REASON_LENGTH]
    audit.record(AuditEntry.Action.USER_DELETED, by=by, on=user, reason=words)
    user.email, user.full_name = f"deleted-{user.pk}@deleted.invalid", ""
    user.deleted_at = now()
    user.is_active = user.is_staff = user.is_superuser = False
    user.blocked_at = user.blocked_by = None
    user.block_reason = ""
    user.session_epoch = F("session_epoch") + 1
    user.set_unusable_password()
    user.save()
    user.groups.clear()
    user.user_permissions.clear()
    history.forget(user)
    _forget_sign_ins(user)


@transaction.atomic
def save_on_admin_site(user: User, *, by: User) -> None:
    """
    Saves what an administrator changed of a user's fields on the admin site, where
    every field but roles may be changed. Raises NotAllowed.
    """
    before = _locked(user)
    require_right_to_powers(user, by=by)
    changed = {
        name: getattr(user, name)
        for name in ("email", "full_name", "timezone", "language", *_POWERS)
        if getattr(user, name) != getattr(before, name)
    }
    user.save(update_fields=list(changed))
    powers = [
        f"{'+' if value else '−'} {_label(name)}"
        for name, value in changed.items()
        if name in _POWERS
    ]
    others = [
        _change(before, name, value)
        for name, value in changed.items()
        if name not in _POWERS
    ]
    for action, words in (
        (AuditEntry.Action.USER_CHANGED, "; ".join(others)),
        (AuditEntry.Action.ROLES_CHANGED, ", ".join(powers)),
    ):
        if words:
            audit.record(action, by=by, on=user, reason=words[:_REASON_LENGTH])


def require_right_to_powers(user: User, *, by: User) -> None:
    """
    Asks about `user` with new powers, not saved yet. Raises NotAllowed.

    Holds the lock on all administrators until the end of the transaction.
    """
    before = _locked(user)
    if all(getattr(user, name) == getattr(before, name) for name in _POWERS):
        return
    if not by.is_superuser:
        raise NotAllowed(_("Only an administrator changes roles."))
    if by.pk == user.pk:
        raise NotAllowed(_("Nobody changes their own roles."))
    if before.is_superuser and not (user.is_superuser and user.is_staff):
        _require_another_administrator(user)


def may_manage(by: User, user: User) -> bool:
    """Whether `by` may edit and delete `user`: the page offers it only then."""
    return not _objection(by, user)


def require_power(by: User, user: User) -> None:
    objection = _objection(by, user)
    if objection:
        raise NotAllowed(objection)


def _objection(by: User, user: User) -> str:
    if not by.has_perm("users.manage_users"):
        return _("You may not manage users.")
    if by.pk == user.pk:
        return _("Your own account is changed in your settings.")
    if by.is_superuser:
        return ""
    if user.is_superuser or is_a_peer(user):
        return _("Only an administrator may change who manages others.")
    return ""


def set_groups(user: User, groups: Iterable[Group], *, by: User) -> None:
    """Only administrators do, and not to themselves. Raises NotAllowed."""
    wanted, before = set(groups), set(user.groups.all())
    if wanted == before:
        return
    if not by.is_superuser:
        raise NotAllowed(_("Only an administrator changes roles."))
    if by.pk == user.pk:
        raise NotAllowed(_("Nobody changes their own roles."))
    user.groups.set(wanted)
    signs = (("+", wanted - before), ("−", before - wanted))
    names = [
        f"{sign} {name}"
        for sign, some in signs
        for name in sorted(group.name for group in some)
    ]
    reason = ", ".join(names)[:_REASON_LENGTH]
    audit.record(AuditEntry.Action.ROLES_CHANGED, by=by, on=user, reason=reason)


def _label(name: str) -> str:
    return str(User._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def _change(user: User, name: str, value: object) -> str:
    return f"{_label(name)}: {getattr(user, name) or '—'} → {value or '—'}"


def _locked(user: User) -> User:
    """
    The user as it is now, locked together with all administrators: two of them that
    remove each other at once do not both succeed, nor wait for each other for ever.
    """
    rows = User.objects.existing().filter(Q(pk=user.pk) | _ADMINISTRATORS)
    locked = {each.pk: each for each in rows.select_for_update().order_by("pk")}
    if user.pk not in locked:
        raise User.DoesNotExist
    return locked[user.pk]


def _require_another_administrator(user: User) -> None:
    if not User.objects.filter(_ADMINISTRATORS).exclude(pk=user.pk).exists():
        raise NotAllowed(_("The last administrator can't be removed."))


def _forget_sign_ins(user: User) -> None:
    """Whatever allauth keeps: addresses, second factors, sessions."""
    for relation in User._meta.related_objects:
        model: Any = relation.related_model
        if model.__module__.startswith("allauth."):
            model._base_manager.filter(**{relation.field.name: user}).delete()
