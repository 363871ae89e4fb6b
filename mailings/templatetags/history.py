"""What the page of a mailing says of its past."""

from typing import Any

from django import template

from mailings.models import Mailing
from users import history
from users.models import AuditEntry

register = template.Library()


@register.simple_tag
def last_release(mailing: Mailing) -> Any:
    """The row of the last release: who, when and why; None if there was none."""
    released = [AuditEntry.Action.MAILING_RELEASED]
    return history.rows_of(mailing, released).first()
