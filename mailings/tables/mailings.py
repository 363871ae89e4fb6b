"""The tables of messages and mailings."""

from datetime import datetime
from typing import Any

import django_tables2 as tables
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailings.models import (
    Mailing,
    Message,
)
from mailings.tables.columns import BadgesColumn, NameColumn
from mailsvc.tables import (
    ActionsColumn,
    BaseTable,
    TimeColumn,
)


class MessageTable(BaseTable):
    subject = NameColumn()
    updated_at = TimeColumn()
    actions = ActionsColumn(
        update="mailings:message-update", delete="mailings:message-delete"
    )

    class Meta(BaseTable.Meta):
        model = Message
        fields = ("subject", "updated_at")
        empty_text = _("No messages here.")


class MailingTable(BaseTable):
    title = NameColumn()
    status = BadgesColumn()
    next_run = tables.Column(
        verbose_name=_("Next run"), empty_values=(), orderable=False
    )
    last_run = tables.Column(
        verbose_name=_("Last run"), empty_values=(), orderable=False
    )
    end_at = TimeColumn()
    actions = ActionsColumn(
        update="mailings:mailing-update",
        duplicate="mailings:mailing-duplicate",
        delete="mailings:mailing-delete",
    )

    class Meta(BaseTable.Meta):
        model = Mailing
        fields = (
            *("title", "status", "periodicity", "next_run", "last_run"),
            *("end_at", "actions"),
        )
        empty_text = _("No mailings here.")

    def __init__(self, data: Any, *, now: datetime, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.now = now

    def render_next_run(self, record: Mailing) -> str:
        following = record.next_occurrence(self.now) if record.is_live else None
        return TimeColumn().render(following)

    def render_last_run(self, record: Any) -> str:
        """`last_…` are annotations of the view's queryset."""
        if record.last_planned is None:
            return "—"
        return _sent_of(
            record.last_accepted, record.last_planned, record.last_failed or 0
        )


def _sent_of(accepted: int, planned: int, failed: int) -> str:
    sent = format_html(
        '<span class="text-nowrap">{}</span>',
        gettext("%(accepted)d of %(planned)d")
        % {"accepted": accepted, "planned": planned},
    )
    if not failed:
        return sent
    return format_html(
        '{} <span class="text-danger-emphasis text-nowrap">'
        '<i class="bi bi-exclamation-circle" aria-hidden="true"></i> {}</span>',
        sent,
        gettext("not delivered: %(count)d") % {"count": failed},
    )


class SkippedTable(BaseTable):
    """Who would get nothing."""

    full_name = tables.Column(verbose_name=_("Full name"), orderable=False)
    email = tables.Column(verbose_name=_("E-mail"), orderable=False)
    why = tables.Column(verbose_name=_("Why"), orderable=False)

    class Meta(BaseTable.Meta):
        empty_text = _("Nobody is skipped.")
