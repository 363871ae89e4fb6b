"""The tables of the reports, and the managers'."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import django_tables2 as tables
from django.apps import apps
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from mailings import badges
from mailings.models import Mailing
from mailings.tables import BadgesColumn
from mailsvc import moments
from mailsvc.badges import Badge
from mailsvc.tables import BaseTable, NumberColumn, TimeColumn
from reports import ledger
from reports.people import State, state_of
from users import audit_words, roles
from users.models import AuditEntry, User

_USER_BADGES = {
    State.ACTIVE: ("check-circle", "success"),
    State.BLOCKED: ("lock", "danger"),
    State.OFF: ("slash-circle", "secondary"),
}


def user_badge(user: User) -> Badge:
    state = state_of(user)
    return Badge(state.label, *_USER_BADGES[state], user.block_reason)


def roles_of(user: User) -> str:
    """The names of the user's groups; ask for them with `prefetch_related`."""
    names = [roles.shown(group.name) for group in user.groups.all()]
    return ", ".join([gettext("Administrator")] * user.is_superuser + names)


def history_url(row: Mailing | User) -> str:
    """Where the audit log shows what was done to this object."""
    query: dict[str, str | int] = {
        "object_type": row._meta.label_lower,
        "object_id": row.pk,
    }
    return f"{reverse('reports:manage-audit')}?{urlencode(query)}"


def _links(row: object, actions: Iterable[tuple[str, str, str]]) -> str:
    """Buttons, of (address, icon, label) each."""
    return format_html_join(
        " ",
        '<a class="btn btn-sm btn-outline-secondary action" href="{}" '
        'aria-label="{}: {}" title="{}"><i class="bi bi-{}" '
        'aria-hidden="true"></i></a>',
        ((url, label, row, label, icon) for url, icon, label in actions),
    )


class _ActionColumn(tables.Column):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(
            accessor="pk",
            orderable=False,
            exclude_from_export=True,
            verbose_name=_("Actions"),
            attrs={
                "td": {"class": "text-end text-nowrap"},
                "th": {"class": "text-end"},
            },
        )


class _StandingColumn(BadgesColumn):
    """
    The states of a mailing, whether it was deleted, and whether its owner may use the
    program.
    """

    def badges(self, record: Mailing) -> list[Badge]:
        shown = badges.of_mailing(record)
        if record.is_deleted:
            shown = [*shown, badges.deleted()]
        return shown if record.owner.is_active else [*shown, user_badge(record.owner)]


def _page_of(record: Mailing) -> str:
    """The mailing's own; a deleted one has none but its report."""
    if record.is_deleted:
        return reverse("reports:mailing", args=[record.pk])
    return record.get_absolute_url()


class AllMailingsTable(BaseTable):
    """Of everybody; `total_…` are annotations of `ledger.with_totals`."""

    label = _("Mailings")

    title = tables.Column(linkify=_page_of)
    owner = tables.Column(verbose_name=_("Owner"), order_by="owner__email")
    status = _StandingColumn()
    end_at = TimeColumn()
    total_planned = NumberColumn(
        verbose_name=_("Planned"), short=pgettext_lazy("short heading", "Planned")
    )
    total_accepted = NumberColumn(
        verbose_name=_("Accepted"), short=pgettext_lazy("short heading", "Accepted")
    )
    total_refused = NumberColumn(
        verbose_name=_("Refused"), short=pgettext_lazy("short heading", "Refused")
    )
    total_unknown = NumberColumn(
        verbose_name=_("Unknown"), short=pgettext_lazy("short heading", "Unknown")
    )
    unsubscribed = NumberColumn(
        verbose_name=pgettext_lazy("how many people", "Unsubscribed"),
        short=pgettext_lazy("short heading", "Unsubscribed"),
        empty_values=(),
        orderable=False,
    )
    actions = _ActionColumn()

    class Meta(BaseTable.Meta):
        model = Mailing
        fields = (
            *("title", "owner", "status", "periodicity", "end_at"),
            *("total_planned", "total_accepted", "total_refused", "total_unknown"),
            *("unsubscribed", "actions"),
        )
        attrs = {"class": "table table-hover align-middle mb-2 ledger"}
        empty_text = _("No mailings here.")

    # How many have unsubscribed because of a mailing, by its key.
    counted: Mapping[int, int] = MappingProxyType({})

    def count_unsubscribed(self, mailings: Iterable[Mailing] | None = None) -> None:
        """Of these rows, or of all: one query. Once the page is chosen."""
        self.counted = ledger.unsubscribed(mailings)

    def render_unsubscribed(self, record: Mailing) -> int:
        return self.counted.get(record.pk, 0)

    def value_owner(self, value: User) -> str:
        return str(value)

    def render_owner(self, value: User) -> str:
        if not self.request.user.has_perm("users.view_all_users"):
            return str(value)
        url = reverse("reports:manage-user", args=[value.pk])
        return format_html('<a href="{}" title="{}">{}</a>', url, value.email, value)

    def render_actions(self, record: Mailing) -> str:
        return _links(record, self._actions(record))

    def _actions(self, record: Mailing) -> list[tuple[str, str, str]]:
        user, found = self.request.user, []
        may_hold = user.has_perm("mailings.hold_mailing") and not record.is_deleted
        if may_hold and record.may_be_held_by(user):
            if record.is_held:
                url = reverse("reports:manage-mailing-release", args=[record.pk])
                found.append((url, "unlock", gettext("Release")))
            elif record.status != Mailing.Status.FINISHED:
                url = reverse("reports:manage-mailing-hold", args=[record.pk])
                found.append((url, "lock", gettext("Hold")))
        if user.has_perm("users.view_audit_log"):
            found.append((history_url(record), "clock-history", gettext("History")))
        return found


class OverviewTable(BaseTable):
    """One row per mailing; the figures are annotations of `overview.with_figures`."""

    title = tables.Column(linkify=("reports:mailing", [tables.A("pk")]))
    owner = tables.Column(verbose_name=_("Owner"), order_by="owner__email")
    status = BadgesColumn()
    run_count = NumberColumn(verbose_name=_("Runs"))
    sum_planned = NumberColumn(
        verbose_name=_("Planned"), short=pgettext_lazy("short heading", "Planned")
    )
    sum_accepted = NumberColumn(
        verbose_name=_("Accepted"), short=pgettext_lazy("short heading", "Accepted")
    )
    sum_refused = NumberColumn(
        verbose_name=_("Refused"), short=pgettext_lazy("short heading", "Refused")
    )
    sum_waiting = NumberColumn(
        verbose_name=_("Waiting"), short=pgettext_lazy("short heading", "Waiting")
    )
    sum_unknown = NumberColumn(
        verbose_name=_("Unknown"), short=pgettext_lazy("short heading", "Unknown")
    )
    sum_attempts = NumberColumn(
        verbose_name=_("Attempts"), short=pgettext_lazy("short heading", "Attempts")
    )
    success = NumberColumn(verbose_name=_("Success"))
    last_run = TimeColumn(verbose_name=_("Last run"))
    next_run = TimeColumn(verbose_name=_("Next run"), empty_values=(), orderable=False)

    first_step = ("mailings:mailing-create", _("New mailing"))

    class Meta(BaseTable.Meta):
        model = Mailing
        fields = ("title", "owner", "status")
        sequence = (
            *("title", "owner", "status", "success", "sum_accepted", "sum_planned"),
            *("sum_refused", "sum_unknown", "sum_waiting", "last_run", "next_run"),
            *("sum_attempts", "run_count"),
        )
        attrs = {"class": "table table-hover align-middle mb-2 ledger"}
        empty_text = _("No mailings here.")

    def __init__(self, data: Any, *, now: datetime, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.now = now

    def render_success(self, value: float) -> str:
        return percent(value)

    def value_success(self, value: float) -> float:
        return round(value, 1)

    def render_next_run(self, record: Mailing) -> str:
        return TimeColumn().render(self.value_next_run(record))

    def value_next_run(self, record: Mailing) -> datetime | None:
        return record.next_run(self.now)


def percent(value: float | None) -> str:
    """On one decimal, as the language writes it."""
    # Rounded here: Django cuts decimals off.
    return "—" if value is None else f"{number_format(round(value, 1), 1)}\u00a0%"


class UserTable(BaseTable):
    """`…_count` and last_active are annotations of `people.with_activity`."""

    email = tables.Column(linkify=("reports:manage-user", [tables.A("pk")]))
    # In the file alone; on the page they stand below the address and the state.
    full_name = tables.Column(visible=False)
    blocked_at = TimeColumn(visible=False)
    block_reason = tables.Column(visible=False)
    state = tables.Column(
        verbose_name=_("State"), empty_values=(), order_by=("is_active", "blocked_at")
    )
    roles = tables.Column(verbose_name=_("Roles"), empty_values=(), orderable=False)
    date_joined = tables.Column(verbose_name=_("Joined"))
    mailing_count = NumberColumn(verbose_name=_("Mailings"))
    unfinished_count = NumberColumn(verbose_name=_("Unfinished"))
    last_active = TimeColumn(verbose_name=_("Last activity"))
    last_login = TimeColumn(verbose_name=_("Last sign-in"))

    class Meta(BaseTable.Meta):
        model = User
        fields = (
            *("email", "full_name", "state", "blocked_at", "block_reason", "roles"),
            *("date_joined", "mailing_count", "unfinished_count"),
            *("last_active", "last_login"),
        )
        empty_text = _("No users here.")

    def render_email(self, value: str, record: User) -> str:
        """With the name below: the table fits where it is read."""
        if not record.full_name:
            return value
        return format_html(
            '{}<span class="d-block small text-body-secondary">{}</span>',
            value,
            record.full_name,
        )

    def value_email(self, value: str) -> str:
        return value

    def render_date_joined(self, value: datetime) -> str:
        return moments.plain(moments.local_day(value))

    def value_date_joined(self, value: datetime) -> datetime:
        return value

    def value_state(self, record: User) -> str:
        return str(user_badge(record))

    def render_state(self, record: User) -> str:
        if not record.is_blocked:
            return user_badge(record).__html__()
        return format_html(
            '{}<span class="d-block small">{} {}<br>{}</span>',
            user_badge(record),
            moments.shown(record.blocked_at),
            record.blocked_by or "",
            record.block_reason,
        )

    def render_roles(self, record: User) -> str:
        return roles_of(record) or "—"


class AuditTable(BaseTable):
    label = _("Audit log")
    at = TimeColumn(seconds=True)
    actor_email = tables.Column(empty_values=())

    class Meta(BaseTable.Meta):
        model = AuditEntry
        fields = ("at", "actor_email", "action", "object_name", "reason", "ip_address")
        empty_text = _("Nothing is on record here.")

    def render_actor_email(self, value: str) -> str:
        return value or "—"

    def render_object_name(self, record: AuditEntry) -> str:
        name = audit_words.name_of(record)
        return f"{_kind(record.object_type)}: {name}" if record.object_type else name

    def render_reason(self, record: AuditEntry) -> str:
        return audit_words.reason_of(record)


def _kind(label: str) -> Any:
    """The word for a kind of object; those of models that are gone as they are."""
    try:
        return apps.get_model(label)._meta.verbose_name
    except (LookupError, ValueError):
        return label
