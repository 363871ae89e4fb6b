"""Tags about the user who reads."""

from typing import Any

from django import template

from users import history
from users.models import AuditEntry, User

register = template.Library()


@register.inclusion_tag("users/_blocks.html")
def past_blocks(user: User) -> dict[str, Any]:
    """That the account was blocked, until when, by whom and why."""
    actions = [AuditEntry.Action.USER_BLOCKED, AuditEntry.Action.USER_UNBLOCKED]
    return {"rows": history.rows_of(user, actions)}
