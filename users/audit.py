"""
The one way onto the audit log. The verbs call it; nothing else writes there.

What changes an object that has a history goes into that, too: one call for both.
"""

from django.db import models

from users import history
from users.models import AuditEntry, User

_Action = AuditEntry.Action

_KINDS = {
    _Action.USER_CREATED: history.CREATED,
    _Action.USER_CHANGED: history.CHANGED,
    _Action.EMAIL_CHANGED: history.CHANGED,
    _Action.USER_BLOCKED: history.CHANGED,
    _Action.USER_UNBLOCKED: history.CHANGED,
    _Action.ROLES_CHANGED: history.CHANGED,
    _Action.USER_DELETED: history.DELETED,
    _Action.MAILING_LAUNCHED: history.CREATED,
    _Action.MAILING_CHANGED: history.CHANGED,
    _Action.MAILING_SENT: history.CHANGED,
    _Action.MAILING_PAUSED: history.CHANGED,
    _Action.MAILING_RESUMED: history.CHANGED,
    _Action.MAILING_STOPPED: history.CHANGED,
    _Action.MAILING_HELD: history.CHANGED,
    _Action.MAILING_RELEASED: history.CHANGED,
    _Action.MAILING_DELETED: history.DELETED,
    _Action.RETRIED: history.CHANGED,
}
# After these, recipients, message or roles may be others.
_CHANGES_BESIDE = {
    _Action.USER_CREATED,
    _Action.ROLES_CHANGED,
    _Action.MAILING_LAUNCHED,
    _Action.MAILING_CHANGED,
}
# Whoever does these says why; with others the reason is what was changed.
WITH_REASON = {
    _Action.USER_BLOCKED,
    _Action.USER_UNBLOCKED,
    _Action.USER_DELETED,
    _Action.MAILING_PAUSED,  # by the engine; people need none
    _Action.MAILING_HELD,
    _Action.MAILING_RELEASED,
}


def record(
    action: AuditEntry.Action,
    *,
    by: User | None,
    on: models.Model | None = None,
    reason: str = "",
    ip_address: str | None = None,
) -> None:
    """Puts down that `by` did `action` on an object, with the names they have now."""
    AuditEntry.objects.create(
        actor=by,
        actor_email=by.email if by else "",
        action=action,
        object_type=on._meta.label_lower if on else "",
        object_id=on.pk if on else None,
        object_name=str(on)[:255] if on else "",
        reason=reason,
        ip_address=ip_address,
    )
    if on is not None and action in _KINDS and history.is_kept_of(on):
        history.put_down(
            on,
            by=by,
            kind=_KINDS[action],
            action=action,
            why=reason if action in WITH_REASON else "",
            beside=action in _CHANGES_BESIDE,
        )
