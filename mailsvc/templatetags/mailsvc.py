"""Tags that any page may use."""

from datetime import date, datetime, timedelta

from django import template
from django.conf import settings
from django.utils import timezone

from mailsvc import moments, rates

register = template.Library()


@register.simple_tag
def moment(value: datetime | None) -> str:
    return moments.shown(value)


@register.simple_tag
def exact_moment(value: datetime | None) -> str:
    return moments.shown(value, seconds=True)


@register.simple_tag
def coming_moment(value: datetime | None) -> str:
    """Of what is to come: today and tomorrow by their names."""
    return moments.coming(value, timezone.now())


@register.filter
def about(value: timedelta) -> str:
    """A length of time in one round figure."""
    return moments.about(value)


@register.filter
def in_words(per_minute: float) -> str:
    """A rate."""
    return rates.in_words(per_minute)


@register.simple_tag
def day(value: date) -> str:
    return moments.of_day(value, timezone.localdate())


@register.simple_tag
def zone_name() -> str:
    """The zone in which this page shows times."""
    return timezone.get_current_timezone_name().replace("_", " ")


@register.simple_tag
def zone_short() -> str:
    """The same in a few letters: MSK, or its distance from UTC."""
    now = timezone.localtime()
    name = now.tzname() or ""
    return f"UTC{now:%z}"[:6] if name.startswith(("+", "-")) else name


@register.simple_tag
def begins(text: str, *starts: str) -> bool:
    """`text` is one of `starts`, or goes on from there with a hyphen."""
    return any(text == each or text.startswith(f"{each}-") for each in starts if each)


@register.simple_tag
def signup_is_open() -> bool:
    return bool(settings.SIGNUP_OPEN)
