"""The tables of runs, and of what they send."""

from datetime import datetime
from typing import Any

import django_tables2 as tables
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailings.models import (
    Attempt,
    Delivery,
    Run,
)
from mailings.outbox import Mail
from mailings.tables.columns import BadgesColumn
from mailsvc.tables import (
    BaseTable,
    LateTable,
    NumberColumn,
    TimeColumn,
)


def _counter(name: str, short: Any) -> NumberColumn:
    whole = capfirst(Run._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    return NumberColumn(verbose_name=whole, short=short)


class RunTable(LateTable):
    """The books of each run, column by column."""

    scheduled_for = TimeColumn(linkify=True)
    state = BadgesColumn()
    planned = _counter("planned", pgettext_lazy("short heading", "Planned"))
    pending = _counter("pending", pgettext_lazy("short heading", "Pending"))
    sending = _counter("sending", pgettext_lazy("short heading", "Sending"))
    deferred = _counter("deferred", pgettext_lazy("short heading", "Deferred"))
    accepted = _counter("accepted", pgettext_lazy("short heading", "Accepted"))
    refused = _counter("refused", pgettext_lazy("short heading", "Refused"))
    unknown = _counter("unknown", pgettext_lazy("short heading", "Unknown"))
    expired = _counter("expired", pgettext_lazy("short heading", "Expired"))
    suppressed = _counter("suppressed", pgettext_lazy("short heading", "Suppressed"))
    cancelled = _counter("cancelled", pgettext_lazy("short heading", "Cancelled"))
    attempts = _counter("attempts", pgettext_lazy("short heading", "Attempts"))

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

    first_step = ("mailings:mailing-list", _("To the mailings"))

    class Meta(RunTable.Meta):
        sequence = ("scheduled_for", "mailing", "...")


class DeliveryTable(LateTable):
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


# Where in the conversation the reply came that an attempt ended with.
PHASES = {
    "compose": _("message made"),
    "connect": _("connection"),
    "banner": _("greeting"),
    "hello": _("introduction"),
    "tls": _("encryption"),
    "auth": _("sign-in"),
    "size": _("size"),
    "mail": _("sender"),
    "rcpt": _("recipient"),
    "data": _("before the message"),
    "dot": _("after the message"),
}


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

    def render_phase(self, value: str) -> str:
        return str(PHASES[value])


class OutboxTable(BaseTable):
    to = tables.Column(verbose_name=_("To"), orderable=False)
    subject = tables.Column(
        verbose_name=_("Subject"),
        orderable=False,
        linkify=("mailings:outbox-mail", [tables.A("name")]),
    )
    received_at = TimeColumn(verbose_name=_("Received"), orderable=False, seconds=True)

    first_step = ("mailings:message-list", _("Send a test from a message"))

    class Meta(BaseTable.Meta):
        sequence = ("subject", "to", "received_at")

        empty_text = _("No mail has come in yet.")

    def __init__(self, data: list[Mail], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
