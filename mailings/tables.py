"""The tables, one a list."""

from datetime import datetime
from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailings import badges
from mailings.models import (
    Attempt,
    Client,
    ClientList,
    Delivery,
    Import,
    Mailing,
    Message,
    Run,
    Suppression,
)
from mailings.outbox import Mail
from mailsvc.tables import (
    ActionsColumn,
    BaseTable,
    CheckColumn,
    NumberColumn,
    TimeColumn,
)


class BadgesColumn(tables.Column):  # type: ignore[misc]
    """The states of the row, as badges."""

    def render(self, record: Any) -> str:
        return format_html_join(" ", "{}", ((badge,) for badge in badges.of(record)))

    def value(self, record: Any) -> str:
        return " ".join(str(badge) for badge in badges.of(record))


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


class ClientTable(BaseTable):
    full_name = tables.Column(linkify=True)
    suppressed = tables.Column(
        accessor="suppressed_as", verbose_name=_("Mail"), orderable=False
    )
    actions = ActionsColumn(
        update="mailings:client-update", delete="mailings:client-delete"
    )

    class Meta(BaseTable.Meta):
        model = Client
        fields = ("full_name", "email", "suppressed", "comment", "created_at")
        empty_text = _("No clients here.")

    created_at = TimeColumn()

    def render_suppressed(self, value: str, record: Any) -> str:
        """`suppressed_…` are annotations of the view's queryset."""
        since = TimeColumn().render(record.suppressed_since)
        return format_html(
            '{} <span class="small text-nowrap">{}</span>',
            badges.of_suppression(value),
            since,
        )

    def value_suppressed(self, value: str) -> str:
        return str(badges.of_suppression(value))

    def render_comment(self, value: str) -> str:
        return value if len(value) <= 60 else f"{value[:59]}…"

    def value_comment(self, value: str) -> str:
        return value


class ImportTable(BaseTable):
    file_name = tables.Column(linkify=True)
    state = BadgesColumn()
    created = NumberColumn()
    updated = NumberColumn()
    unchanged = NumberColumn()
    rejected = NumberColumn()
    created_at = TimeColumn()

    class Meta(BaseTable.Meta):
        model = Import
        fields = (
            *("file_name", "state", "created", "updated", "unchanged", "rejected"),
            "created_at",
        )


class AllowColumn(tables.Column):  # type: ignore[misc]
    """The way to allow an address again, for its owner."""

    def render(self, value: int, record: Any) -> str:
        if not record.is_own:
            return ""
        return format_html(
            '<a class="btn btn-sm btn-outline-secondary text-nowrap" href="{0}" '
            'aria-label="{1}: {2}">{1}</a>',
            reverse("mailings:suppression-allow", args=[value]),
            gettext("Allow again"),
            record,
        )


class SuppressionTable(BaseTable):
    kind = BadgesColumn()
    since = TimeColumn()
    allow = AllowColumn(
        accessor="pk",
        orderable=False,
        exclude_from_export=True,
        verbose_name=_("Actions"),
    )

    class Meta(BaseTable.Meta):
        model = Suppression
        fields = ("email", "kind", "since", "mailing", "words", "owner", "allow")
        empty_text = _("No address is suppressed.")


class PickClientTable(BaseTable):
    """Clients with a box each, for the form of this id."""

    pick = CheckColumn(name="clients", form="picked-clients")
    full_name = tables.Column(linkify=lambda record, table: table.address_of(record))

    class Meta(BaseTable.Meta):
        model = Client
        fields = ("pick", "full_name", "email")
        empty_text = _("No clients here.")

    def __init__(self, data: Any, *, have_pages: bool = True, **kwargs: Any) -> None:
        """`have_pages`: the reader may open the pages of these clients."""
        super().__init__(data, **kwargs)
        self.have_pages = have_pages

    def address_of(self, client: Client) -> str | None:
        return client.get_absolute_url() if self.have_pages else None


class ClientListTable(BaseTable):
    name = NameColumn()
    size = NumberColumn(verbose_name=_("Clients"))
    created_at = TimeColumn()
    actions = ActionsColumn(
        update="mailings:list-update", delete="mailings:list-delete"
    )

    class Meta(BaseTable.Meta):
        model = ClientList
        fields = ("name", "size", "created_at")
        empty_text = _("No lists here.")


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


class RunTable(BaseTable):
    """The books of each run, column by column."""

    scheduled_for = TimeColumn(linkify=True)
    state = BadgesColumn()
    planned = NumberColumn()
    pending = NumberColumn()
    sending = NumberColumn()
    deferred = NumberColumn()
    accepted = NumberColumn()
    refused = NumberColumn()
    unknown = NumberColumn()
    expired = NumberColumn()
    suppressed = NumberColumn()
    cancelled = NumberColumn()
    attempts = NumberColumn()

    class Meta(BaseTable.Meta):
        model = Run
        fields = (
            *("scheduled_for", "state", "planned", "pending", "sending", "deferred"),
            *("accepted", "refused", "unknown", "expired", "suppressed", "cancelled"),
            "attempts",
        )
        attrs = {"class": "table table-hover align-middle mb-2 ledger"}
        empty_text = _("No runs yet.")


class AllRunsTable(RunTable):
    mailing = tables.Column(accessor="mailing__title", verbose_name=_("Mailing"))

    class Meta(RunTable.Meta):
        sequence = ("scheduled_for", "mailing", "...")


class DeliveryTable(BaseTable):
    full_name = tables.Column(linkify=("mailings:delivery-detail", [tables.A("pk")]))
    state = BadgesColumn()
    attempt_count = NumberColumn()
    due_at = TimeColumn()
    last_reply = tables.Column(
        verbose_name=_("Last reply"), empty_values=(), orderable=False
    )

    class Meta(BaseTable.Meta):
        model = Delivery
        fields = (
            *("full_name", "email", "state", "reason", "attempt_count", "due_at"),
            "last_reply",
        )
        empty_text = _("No deliveries here.")

    def render_due_at(self, record: Delivery) -> str:
        return TimeColumn().render(self.value_due_at(record))

    def value_due_at(self, record: Delivery) -> datetime | None:
        """When it is tried; what is final is not tried any more."""
        return record.due_at if record.is_open else None

    def render_last_reply(self, record: Any) -> str:
        reply = self.value_last_reply(record) or "—"
        return reply if len(reply) <= 80 else f"{reply[:79]}…"

    def value_last_reply(self, record: Any) -> str:
        """`last_…` are annotations of the view's queryset."""
        parts = (record.last_code, record.last_words)
        return " ".join(str(part) for part in parts if part)


class ClientDeliveryTable(BaseTable):
    """One client's deliveries over all runs."""

    run = tables.Column(
        accessor="run__mailing__title",
        verbose_name=_("Mailing"),
        linkify=("mailings:delivery-detail", [tables.A("pk")]),
    )
    scheduled_for = TimeColumn(
        accessor="run__scheduled_for", verbose_name=_("Scheduled for")
    )
    state = BadgesColumn()
    attempt_count = NumberColumn()

    class Meta(BaseTable.Meta):
        model = Delivery
        fields = ("run", "scheduled_for", "state", "attempt_count")
        empty_text = _("Nothing was sent to this client yet.")


class AttemptTable(BaseTable):
    number = NumberColumn()
    started_at = TimeColumn(seconds=True)
    outcome = BadgesColumn()
    duration_ms = NumberColumn()

    class Meta(BaseTable.Meta):
        model = Attempt
        fields = (
            *("number", "started_at", "outcome", "phase", "code", "enhanced_code"),
            *("reply", "duration_ms"),
        )
        empty_text = _("No attempts yet.")


class OutboxTable(BaseTable):
    to = tables.Column(verbose_name=_("To"), orderable=False)
    subject = tables.Column(
        verbose_name=_("Subject"),
        orderable=False,
        linkify=("mailings:outbox-mail", [tables.A("name")]),
    )
    received_at = TimeColumn(verbose_name=_("Received"), orderable=False, seconds=True)

    class Meta(BaseTable.Meta):
        sequence = ("subject", "to", "received_at")

        empty_text = _("No mail has come in yet.")

    def __init__(self, data: list[Mail], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
