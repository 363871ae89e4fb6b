"""The one way onto the audit log. The verbs call it; nothing else writes there."""

from django.db import models

from users.models import AuditEntry, User


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
