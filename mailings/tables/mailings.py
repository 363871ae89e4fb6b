"""The tables of messages and mailings."""

from datetime import datetime
from typing import Any

import django_tables2 as tables
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailings.condition import Condition
from mailings.models import Mailing, Message, Run
from mailings.outlook import next_start
from mailings.pace import Progress, progress
from mailings.tables.columns import BadgesColumn, NameColumn
from mailsvc import moments
from mailsvc.numbers import grouped
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


class LiveBadgesColumn(BadgesColumn):
    """With an id, for what comes while one looks."""

    def render(self, record: Any) -> str:
        return format_html(
            '<div id="status-{}">{}</div>', record.pk, super().render(record)
        )


class TitleColumn(NameColumn):
    """With the message's subject below, where it is another."""

    def render(self, value: Any, record: Any) -> str:
        title = super().render(value, record)
        if not record.subject or record.subject == record.title:
            return title
        return format_html(
            '{}<span class="d-block small text-body-secondary">{}</span>',
            title,
            record.subject,
        )


class MailingActions(ActionsColumn):
    """Pausing and resuming, too, or why not; for the form of this id."""

    FORM = "row-action"

    def render(self, value: Any, record: Any) -> str:
        return format_html("{} {}", self._toggle(record), super().render(value, record))

    def _toggle(self, mailing: Any) -> str:
        if not mailing.may_change:
            return ""
        do, label, icon = (
            ("resume", gettext("Resume"), "play-fill")
            if mailing.is_paused
            else ("pause", gettext("Pause"), "pause-fill")
        )
        if mailing.status == Mailing.Status.FINISHED:
            why = gettext("The mailing is over.")
            return format_html(
                '<button type="button" class="btn btn-sm btn-outline-secondary action" '
                'aria-disabled="true" aria-label="{0}: {1}. {2}" title="{0}: {2}">'
                '<i class="bi bi-{3}" aria-hidden="true"></i></button>',
                label,
                mailing,
                why,
                icon,
            )
        return format_html(
            '<button class="btn btn-sm btn-outline-secondary action" form="{}" '
            'formmethod="post" formaction="{}" aria-label="{}: {}" title="{}">'
            '<i class="bi bi-{}" aria-hidden="true"></i></button>',
            self.FORM,
            reverse(f"mailings:mailing-{do}", args=[mailing.pk]),
            label,
            mailing,
            label,
            icon,
        )


class MailingTable(BaseTable):
    """`subject` is an annotation of the view's queryset."""

    title = TitleColumn()
    status = LiveBadgesColumn()
    next_run = tables.Column(
        verbose_name=_("Next run"), empty_values=(), orderable=False
    )
    last_run = tables.Column(
        verbose_name=_("Last run"), empty_values=(), orderable=False
    )
    end_at = TimeColumn()
    actions = MailingActions(
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
        # Of the rows on this page whose run is under way, by the key of the mailing.
        self.progress: dict[int, Progress] = {}

    def look_at_runs(self, condition: Condition) -> None:
        """Once the page is chosen. Two queries, if something is under way."""
        rows = (row.record for row in self.paginated_rows)
        under_way = (Run.State.PLANNING, Run.State.SENDING)
        keys = [row.last_pk for row in rows if row.last_state in under_way]
        if keys:
            found = progress(Run.objects.filter(pk__in=keys), condition)
            self.progress = {each.run.mailing_id: each for each in found}

    def render_next_run(self, record: Mailing) -> str:
        return moments.coming(self.value_next_run(record), self.now)

    def value_next_run(self, record: Any) -> datetime | None:
        return next_start(record, self.now, last=record.last_occurrence)

    def render_last_run(self, record: Any) -> str:
        """`last_…` are annotations of the view's queryset."""
        if record.pk in self.progress:
            context = {"progress": self.progress[record.pk]}
            return render_to_string("mailings/_progress.html", context)
        sent, *failed = _last_run(record)
        return format_html(
            '<span class="text-nowrap">{}</span>{}',
            sent,
            format_html_join(
                "",
                ' <span class="text-danger-emphasis text-nowrap">'
                '<i class="bi bi-exclamation-circle" aria-hidden="true"></i> {}</span>',
                ((words,) for words in failed),
            ),
        )

    def value_last_run(self, record: Any) -> str:
        return ", ".join(_last_run(record))


def _last_run(record: Any) -> list[str]:
    """How many of it were sent, and if there are any, how many failed."""
    if record.last_planned is None:
        return ["—"]
    sent = {
        "accepted": grouped(record.last_accepted),
        "planned": grouped(record.last_planned),
    }
    found = [gettext("%(accepted)s of %(planned)s") % sent]
    if record.last_failed:
        failed = {"count": grouped(record.last_failed)}
        found.append(gettext("not delivered: %(count)s") % failed)
    return found


class SkippedTable(BaseTable):
    """Who would get nothing."""

    full_name = tables.Column(verbose_name=_("Full name"), orderable=False)
    email = tables.Column(verbose_name=_("E-mail"), orderable=False)
    why = tables.Column(verbose_name=_("Why"), orderable=False)

    class Meta(BaseTable.Meta):
        empty_text = _("Nobody is skipped.")
