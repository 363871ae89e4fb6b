"""The tables about clients."""

from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailings import badges
from mailings.models import (
    Client,
    ClientList,
    Delivery,
    Import,
    Suppression,
)
from mailings.tables.columns import BadgesColumn, NameColumn
from mailsvc.tables import (
    ActionsColumn,
    BaseTable,
    CheckColumn,
    NumberColumn,
    SearchedTable,
    TimeColumn,
)

_WHERE_THERE_IS_ROOM = {
    "td": {"class": "d-none d-xxl-table-cell"},
    "th": {"class": "d-none d-xxl-table-cell"},
}


class ListsColumn(tables.Column):  # type: ignore[misc]
    """The lists that a client is on: what other programs call tags."""

    def render(self, value: Any) -> str:
        return format_html_join(
            " ",
            '<a class="badge tag" href="{}">{}</a>',
            ((f"{reverse('mailings:client-list')}?list={it.pk}", it) for it in value),
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


class ClientTable(SearchedTable):
    SORTED = ("full_name",)

    pick = CheckColumn(name="clients", form="picked-clients")
    full_name = tables.Column(linkify=True)
    # Files have the names alone, read in the same statement as the rows.
    lists = ListsColumn(
        accessor="lists__all",
        verbose_name=_("Lists"),
        orderable=False,
        exclude_from_export=True,
    )
    list_names = tables.Column(verbose_name=_("Lists"), orderable=False, visible=False)
    suppressed = tables.Column(
        accessor="suppressed_as", verbose_name=_("Mail"), orderable=False
    )
    last_result = tables.Column(
        verbose_name=_("Last result"),
        empty_values=(),
        orderable=False,
        exclude_from_export=True,
    )
    actions = ActionsColumn(
        update="mailings:client-update", delete="mailings:client-delete"
    )

    class Meta(BaseTable.Meta):
        model = Client
        fields = (
            *("pick", "full_name", "email", "lists", "suppressed", "last_result"),
            *("comment", "list_names", "created_at"),
        )
        empty_text = _("No clients here.")

    # Where there is no room for them the actions would be out of sight.
    comment = tables.Column(attrs=_WHERE_THERE_IS_ROOM)
    created_at = TimeColumn(attrs=_WHERE_THERE_IS_ROOM)

    def __init__(self, data: Any, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        # Of the clients on this page, by their keys.
        self._newest: dict[int, Delivery] = {}

    def look_at_results(self) -> None:
        """Once the page is chosen. One query."""
        keys = [row.record.pk for row in self.paginated_rows]
        found = Delivery.objects.newest_of(keys).select_related("run")
        self._newest = {each.client_id: each for each in found if each.client_id}

    def render_last_result(self, record: Client) -> str:
        newest = self._newest.get(record.pk)
        if newest is None:
            return "—"
        return format_html(
            '{} <a class="small" href="{}">{}</a>',
            format_html_join(" ", "{}", ((badge,) for badge in badges.of(newest))),
            reverse("reports:client", args=[record.pk]),
            TimeColumn().render(newest.run.scheduled_for),
        )

    def render_suppressed(self, value: str, record: Any) -> str:
        """`suppressed_…` are annotations of the view's queryset."""
        return format_html(
            '{} <span class="small text-nowrap" title="{}">{}</span> {}',
            badges.of_suppression(value),
            record.suppressed_words,
            TimeColumn().render(record.suppressed_since),
            AllowColumn().render(record.suppressed_by, record),
        )

    def value_list_names(self, value: str) -> str:
        """An annotation of the view's queryset for files: a name on each line."""
        return ", ".join(sorted(value.split("\n"), key=str.casefold))

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


class SuppressionTable(BaseTable):
    kind = BadgesColumn()
    since = TimeColumn()
    owner = tables.Column(verbose_name=_("Owner"))
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


class PickClientTable(SearchedTable):
    """Clients with a box each, for the form of this id."""

    SORTED = ("full_name",)

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
