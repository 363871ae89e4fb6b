"""Columns that several tables have."""

from typing import Any

import django_tables2 as tables
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext

from mailings import badges
from mailsvc.badges import Badge


class BadgesColumn(tables.Column):  # type: ignore[misc]
    """The states of the row, as badges; in files, as words."""

    def badges(self, record: Any) -> list[Badge]:
        return badges.of(record)

    def render(self, record: Any) -> str:
        return format_html_join(" ", "{}", ((it,) for it in self.badges(record)))

    def value(self, record: Any) -> str:
        return ", ".join(str(badge) for badge in self.badges(record))


class NameColumn(tables.Column):  # type: ignore[misc]
    """What the row is called, a link; whose it is, or with how many it is shared."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(linkify=True, **kwargs)

    def render(self, value: Any, record: Any) -> str:
        if not record.is_own:
            words = gettext("of %(owner)s") % {"owner": record.owner}
        elif record.share_count:
            words = gettext("shared: %(count)d") % {"count": record.share_count}
        else:
            return str(value)
        return format_html(
            '{} <span class="badge bg-secondary-subtle text-secondary-emphasis border">'
            "{}</span>",
            value,
            words,
        )

    def value(self, value: Any) -> str:
        return str(value)
