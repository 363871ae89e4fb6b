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


@register.inclusion_tag("includes/html_frame.html")
def html_frame(markup: str, title: str) -> dict[str, str]:
    """Foreign HTML in a frame where nothing of it acts, nor loads from elsewhere."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return {"document": head + markup, "title": title}


@register.simple_tag
def begins(text: str, start: str) -> bool:
    """`text` is `start`, or goes on from there with a hyphen."""
    return text == start or text.startswith(f"{start}-")


@register.simple_tag
def signup_is_open() -> bool:
    return bool(settings.SIGNUP_OPEN)
