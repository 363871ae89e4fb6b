"""Tags that any page may use."""

from datetime import datetime

from django import template
from django.conf import settings
from django.utils import timezone

from mailsvc import moments

register = template.Library()


@register.simple_tag
def moment(value: datetime | None) -> str:
    return moments.shown(value)


@register.simple_tag
def exact_moment(value: datetime | None) -> str:
    return moments.shown(value, seconds=True)


@register.simple_tag
def zone_name() -> str:
    """The zone in which this page shows times."""
    return timezone.get_current_timezone_name().replace("_", " ")


@register.simple_tag
def begins(text: str, start: str) -> bool:
    """`text` is `start`, or goes on from there with a hyphen."""
    return text == start or text.startswith(f"{start}-")


@register.simple_tag
def signup_is_open() -> bool:
    return bool(settings.SIGNUP_OPEN)
