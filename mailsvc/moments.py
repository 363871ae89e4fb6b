"""How an instant is shown: on the reader's own clock, and exactly in the title."""

from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache

from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext, pgettext_lazy

# Translators: Django's format characters; for small letters of the month use b
_MINUTES = pgettext_lazy("format of a time", "j M Y, H:i")
# Translators: as above, with seconds
_SECONDS = pgettext_lazy("format of a time", "j M Y, H:i:s")
# Translators: Django's format characters; E is the month as it stands after a number
_DAY = pgettext_lazy("format of a day", "l, j F")
# Translators: as that of a time
_DATE = pgettext_lazy("format of a day", "j M Y")


def shown(moment: datetime | None, *, seconds: bool = False) -> SafeString | str:
    """A <time> element in the current zone and language; a dash for None."""
    if moment is None:
        return "—"
    zone = timezone.get_current_timezone()
    return _written(moment, zone, get_language(), seconds=seconds)


def plain(when: date) -> str:
    """A day, or a moment of the current zone, as `shown` has it: for charts."""
    is_moment = isinstance(when, datetime)
    return dateformat.format(when, str(_MINUTES if is_moment else _DATE))


# Most of what a table costs is its times, and the same ones come again and again.
@lru_cache(maxsize=4_096)
def _written(
    moment: datetime, zone: tzinfo, language: str | None, *, seconds: bool
) -> SafeString:
    """`language` is the current one: named here as the answer depends on it."""
    local = timezone.localtime(moment, zone)
    exact = dateformat.format(local, str(_SECONDS))
    return format_html(
        '<time class="text-nowrap" datetime="{}" title="{} {}">{}</time>',
        local.isoformat(),
        exact,
        local.tzname() or "",
        exact if seconds else dateformat.format(local, str(_MINUTES)),
    )


def of_day(day: date, today: date) -> str:
    """Monday, 1 December; with a word before it if it is near."""
    words = dateformat.format(day, str(_DAY))
    near = _near(day, today)
    return f"{near.capitalize()} · {words}" if near else words


def coming(moment: datetime | None, now: datetime) -> SafeString | str:
    """As `shown`; if it is today or tomorrow, by that word, and if it is due, so."""
    if moment is None:
        return "—"
    if moment <= now:
        return gettext("at once")
    zone = timezone.get_current_timezone()
    local = timezone.localtime(moment, zone)
    near = _near(local.date(), timezone.localtime(now, zone).date())
    if not near:
        return shown(moment)
    return format_html(
        '<time class="text-nowrap" datetime="{}" title="{} {}">{}, {}</time>',
        local.isoformat(),
        dateformat.format(local, str(_SECONDS)),
        local.tzname() or "",
        near,
        dateformat.format(local, "H:i"),
    )


def _near(day: date, today: date) -> str:
    if day == today:
        return gettext("today")
    return gettext("tomorrow") if day == today + timedelta(days=1) else ""


def about(length: timedelta) -> str:
    """A length of time in one round figure."""
    seconds = length.total_seconds()
    if seconds < 60:
        return gettext("less than a minute")
    if seconds < 120 * 60:
        count = round(seconds / 60)
        words = ngettext("about %(count)d minute", "about %(count)d minutes", count)
    elif seconds < 48 * 3600:
        count = round(seconds / 3600)
        words = ngettext("about %(count)d hour", "about %(count)d hours", count)
    else:
        count = round(seconds / 86_400)
        words = ngettext("about %(count)d day", "about %(count)d days", count)
    return words % {"count": count}


def local_day(moment: datetime) -> date:
    """The day on the reader's calendar."""
    return timezone.localdate(moment)
