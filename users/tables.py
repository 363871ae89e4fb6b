"""The table that a history is read in."""

from datetime import datetime
from typing import Any

import django_tables2
from django.db import models
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailsvc import moments
from mailsvc.tables import BaseTable, TimeColumn
from users.history import CREATED, Change
from users.models import AuditEntry

# The column "Why" has them.
_REASONS = ("hold_reason", "block_reason")


class HistoryTable(BaseTable):
    """Of `history.of(...)`."""

    label = _("History")
    at = TimeColumn(
        accessor="row__history_date", verbose_name=_("When"), orderable=False
    )
    who = django_tables2.Column(
        accessor="row__history_user",
        verbose_name=_("Who"),
        orderable=False,
        default="—",
    )
    what = django_tables2.Column(
        accessor="row", verbose_name=_("What"), orderable=False
    )
    why = django_tables2.Column(
        accessor="row__history_change_reason",
        verbose_name=_("Why"),
        orderable=False,
        default="—",
        attrs={"td": {"class": "prose"}},
    )

    class Meta(BaseTable.Meta):
        sequence = ("at", "who", "what", "why")
        empty_text = _("Nothing is on record here.")

    def render_why(self, value: str) -> str:
        return value or "—"

    def render_what(self, record: Change) -> SafeString:
        lines = (
            (_label(field), _shown(field, old), _shown(field, new))
            for field, old, new in record.differences
            if field.name not in _REASONS
        )
        return format_html(
            "{}{}",
            deed(record.row),
            format_html_join(
                "",
                '<span class="d-block small prose">{}: {} → {}</span>',
                lines,
            ),
        )


def deed(row: Any) -> str:
    """What was done, of a row of a history."""
    if row.action in AuditEntry.Action.values:
        return str(AuditEntry.Action(row.action).label)
    return gettext("created") if row.history_type == CREATED else "—"


def _label(field: Any) -> str:
    return str(field.verbose_name)


def _shown(field: Any, value: Any) -> SafeString | str:
    """A value as the reader knows it from the forms."""
    if isinstance(value, dict):  # names of what is related, by key
        return ", ".join(map(str, value.values())) or "—"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, datetime):
        return moments.shown(value)
    if value in (None, ""):
        return "—"
    if isinstance(field, models.Field) and field.choices:
        choices: dict[Any, Any] = dict(field.flatchoices)
        return str(choices.get(value, value))
    return conditional_escape(value)
