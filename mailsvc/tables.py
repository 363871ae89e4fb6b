"""What all tables share: page sizes, a total order, columns for times and actions."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import django_tables2
from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_tables2.data import TableData, TableListData, TableQuerysetData

from mailsvc import moments, table_body, table_head

PAGE_SIZES = (10, 25, 50, 100)
PAGE_SIZE = 25


class _OrderedRows(TableQuerysetData):  # type: ignore[misc]
    data: "QuerySet[Model]"

    def order_by(self, aliases: Any) -> None:
        """Rows that are equal in the chosen column keep one order over all pages."""
        super().order_by(aliases)
        chosen = self.data.query.order_by
        if chosen and chosen[-1] not in ("pk", "-pk"):
            self.data = self.data.order_by(*chosen, "pk")


class _LateRows(_OrderedRows):
    """Joined and annotated once those of a page are chosen."""

    def __init__(self, data: "QuerySet[Any]", count: int | None = None) -> None:
        super().__init__(data)
        self._known = count

    def __len__(self) -> int:
        return super().__len__() if self._known is None else self._known

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, slice):
            return self.data[key]
        return self.data.filter(pk__in=self.data.values("pk")[key])


class _FirstRows(_LateRows):
    """As many as `BoundedTable.MOST`: more are neither counted nor shown."""

    @cached_property
    def is_cut(self) -> bool:
        return self._counted > BoundedTable.MOST

    @cached_property
    def _counted(self) -> int:
        keys = self.data.order_by().values("pk")
        return keys[: BoundedTable.MOST + 1].count()

    def __len__(self) -> int:
        return min(self._counted, BoundedTable.MOST)


class _AllByKey(_OrderedRows):
    """All rows; those of a page are joined and annotated once they are chosen."""

    is_cut = False

    def __init__(self, data: "QuerySet[Any]", total: Callable[[], int]) -> None:
        super().__init__(data)
        self._total = total

    @cached_property
    def _counted(self) -> int:
        return self._total()

    def __len__(self) -> int:
        return self._counted

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, slice):
            return self.data[key]
        return self.data.filter(pk__in=self.data.values("pk")[key])


class _FoundRows(_FirstRows):
    """What a search has found: it is looked for once, however it is put in order."""

    @cached_property
    def _keys(self) -> list[int]:
        keys = self.data.order_by().values_list("pk", flat=True)
        return list(keys[: BoundedTable.MOST + 1])

    @cached_property
    def _counted(self) -> int:
        return len(self._keys)

    def __getitem__(self, key: Any) -> Any:
        if self.is_cut or not isinstance(key, slice):
            return super().__getitem__(key)
        found = self.data.model._default_manager.filter(pk__in=self._keys)
        order: Any = self.data.query.order_by or self.data.model._meta.ordering
        wanted = found.order_by(*order).values_list("pk", flat=True)[key]
        return self.data.filter(pk__in=list(wanted))


class _ListedRows(TableListData):  # type: ignore[misc]
    """Rows of a list: the headings still are the model's words."""

    @property
    def model(self) -> Any:
        return self.table._meta.model


def _rows(data: Any) -> Any:
    if isinstance(data, TableData):
        return data
    if isinstance(data, QuerySet):
        return _OrderedRows(data)
    return _ListedRows(data) if isinstance(data, list) else data


class BaseTable(django_tables2.Table):  # type: ignore[misc]
    # What to do while there are no rows, where no button above says it: the name of an
    # address, and words.
    first_step: ClassVar[tuple[str, Any] | None] = None

    class Meta:
        attrs = {"class": "table table-hover align-middle mb-2"}
        empty_text = _("Nothing here.")

    def __init__(self, data: Any, **kwargs: Any) -> None:
        super().__init__(_rows(data), **kwargs)

    def paginate(self, *args: Any, per_page: Any = None, **kwargs: Any) -> Any:
        """The size of a page comes from the address: only those we offer count."""
        size = per_page if per_page in PAGE_SIZES else PAGE_SIZE
        return super().paginate(*args, per_page=size, **kwargs)

    def head(self) -> SafeString:
        """The headings, for the template."""
        return table_head.head(self)

    def body(self) -> SafeString:
        """The rows, for the template."""
        return table_body.body(self)

    def as_values(self) -> Iterator[list[Any]]:
        """The headings and all rows, for a file."""
        return table_body.values(self)


class LateTable(BaseTable):
    """
    Of rows that are dear to join and annotate: only those of a page are. `count` is how
    many there are, if somebody has counted them.
    """

    def __init__(self, data: Any, *, count: int | None = None, **kwargs: Any) -> None:
        if isinstance(data, QuerySet):
            data = _LateRows(data, count)
        super().__init__(data, **kwargs)


class _Large:
    """May have more rows than can be sorted by any of its columns."""

    SORTED: ClassVar[tuple[str, ...]] = ()
    columns: Any
    data: Any

    @property
    def is_cut(self) -> bool:
        return bool(self.data.is_cut)

    def sort_by_indices(self) -> None:
        """Only by the columns that have one."""
        for bound in self.columns.iterall():
            if bound.name not in self.SORTED:
                bound.column.orderable = False


class BoundedTable(_Large, BaseTable):
    """
    Of rows that may be a million: it counts and shows the first `MOST` of them, and if
    there are more it is sorted only by columns that have an index, `SORTED`. Files
    have them all.
    """

    MOST = 10_000

    def __init__(self, data: "QuerySet[Any]", **kwargs: Any) -> None:
        super().__init__(_FirstRows(data), **kwargs)
        if self.is_cut:
            self.sort_by_indices()


class SearchedTable(_Large, BaseTable):
    """
    Of rows that may be a million, all of which are counted and shown; of what a search
    finds (`is_search`), the first `BoundedTable.MOST`. If there are more than that
    it is sorted only by columns that have an index, `SORTED`. `total` may count all
    rows, where there is a quicker way than to go through them.
    """

    def __init__(
        self,
        data: "QuerySet[Any]",
        *,
        is_search: bool = False,
        total: Callable[[], int] | None = None,
        **kwargs: Any,
    ) -> None:
        everything = _AllByKey(data, total or data.order_by().count)
        super().__init__(_FoundRows(data) if is_search else everything, **kwargs)
        if self.is_cut or len(self.data) > BoundedTable.MOST:
            self.sort_by_indices()


class TimeColumn(django_tables2.Column):  # type: ignore[misc]
    def __init__(self, *args: Any, seconds: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seconds = seconds

    def render(self, value: Any) -> str:
        return moments.shown(value, seconds=self.seconds)

    def value(self, value: Any) -> Any:
        return value


class NumberColumn(django_tables2.Column):  # type: ignore[misc]
    """
    `short` is a heading no wider than the numbers, for pages; its title is the whole
    one, which files have.
    """

    def __init__(self, *args: Any, short: Any = None, **kwargs: Any) -> None:
        kwargs.setdefault(
            "attrs", {"td": {"class": "text-end"}, "th": {"class": "text-end"}}
        )
        super().__init__(*args, **kwargs)
        self.short = short

    @property
    def header(self) -> Any:
        if self.short is None or str(self.short) == str(self.verbose_name):
            return self.verbose_name
        return format_html('<abbr title="{}">{}</abbr>', self.verbose_name, self.short)


class CheckColumn(django_tables2.Column):  # type: ignore[misc]
    """A box before each row; `name` is what the form sends, `form` is its id."""

    def __init__(self, *, name: str, form: str) -> None:
        super().__init__(
            accessor="pk",
            orderable=False,
            exclude_from_export=True,
            verbose_name=pgettext_lazy("column of boxes", "Pick"),
        )
        self.name, self.form = name, form

    def render(self, value: Any, record: Any) -> str:
        return format_html(
            '<input type="checkbox" class="form-check-input" name="{}" form="{}" '
            'value="{}" aria-label="{}">',
            self.name,
            self.form,
            value,
            record,
        )


class ActionsColumn(django_tables2.Column):  # type: ignore[misc]
    """
    Edit, duplicate and delete, by the names of their addresses; each only where the
    row's `may_change` and `is_own` say that it would be allowed.
    """

    def __init__(self, *, update: str, delete: str, duplicate: str = "") -> None:
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
        self.update, self.delete, self.duplicate = update, delete, duplicate

    def render(self, value: Any, record: Model) -> str:
        actions = (
            (self.update, "pencil", gettext("Edit"), record.may_change),  # type: ignore[attr-defined]
            (self.duplicate, "copy", gettext("Duplicate"), record.is_own),  # type: ignore[attr-defined]
            (self.delete, "trash", gettext("Delete"), record.is_own),  # type: ignore[attr-defined]
        )
        return format_html_join(
            " ",
            '<a class="btn btn-sm btn-outline-secondary action" href="{}" '
            'aria-label="{}: {}" title="{}"><i class="bi bi-{}" '
            'aria-hidden="true"></i></a>',
            (
                (reverse(url, args=[value]), label, record, label, icon)
                for url, icon, label, is_allowed in actions
                if url and is_allowed
            ),
        )
