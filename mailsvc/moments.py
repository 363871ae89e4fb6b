"""How an instant is shown: on the reader's own clock, and exactly in the title."""

from datetime import datetime, tzinfo
from functools import lru_cache

from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, pgettext_lazy

# Translators: Django's format characters; for small letters of the month use b
_MINUTES = pgettext_lazy("format of a time", "j M Y, H:i")
# Translators: as above, with seconds
_SECONDS = pgettext_lazy("format of a time", "j M Y, H:i:s")


def shown(moment: datetime | None, *, seconds: bool = False) -> SafeString | str:
    """A <time> element in the current zone and language; a dash for None."""
    if moment is None:
        return "—"
    zone = timezone.get_current_timezone()
    return _written(moment, zone, get_language(), seconds=seconds)


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
